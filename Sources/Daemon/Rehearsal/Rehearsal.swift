import FireModel
import FireRules

/// The rules as they run in the daemon, over inputs of another time: what a test of rules says, or what the store has
/// kept. One clock for all: the gateway was up, connected and in time.
public final class Rehearsal {
    public let fleet: Fleet
    public private(set) var engine: RuleEngine
    public private(set) var now: Timestamp
    private let began: Timestamp
    private let gateway: AlarmDevice
    private let rules: [RuleDefinition]
    /// How long the counting clock stood still, in milliseconds.
    private var lost: Int64 = 0

    /// The counting clock, in milliseconds.
    public var live: Int64 { now - began - lost }
    /// The steady clock, in milliseconds.
    public var steady: Int64 { now - began }

    public init(catalogue: Catalogue, rules: [RuleDefinition], gateway: String, at time: Timestamp) {
        fleet = Fleet(catalogue: catalogue)
        self.gateway = AlarmDevice(id: gateway, kind: Catalogue.gatewayKind, area: "_")
        self.rules = rules
        engine = RuleEngine(gateway: self.gateway, fleet: fleet, rules: rules)
        // What the rules say is looked at, not how many alarms somebody can take in.
        engine.adopt(FloodLimits(moreThan: 0))
        now = time
        began = time
    }

    /// Time goes on, and what it alone brings about comes at its moment.
    public func advance(to time: Timestamp, _ tell: ([AlarmChange]) -> Void) {
        engine.settle()
        while let next = nextMoment, next <= time {
            now = max(now, next)
            engine.advance(live: live, steady: steady, now: now)
            if engine.hasChanges { tell(engine.takeChanges()) }
        }
        now = max(now, time)
    }

    /// When something comes about by time alone.
    private var nextMoment: Timestamp? {
        [
            engine.nextDeadline.map { began + lost + $0 }, engine.nextTurn,
            engine.untilAnnunciation(steady: steady, now: now).map { now + $0 },
        ].compactMap(\.self).min()
    }

    /// - Parameter reading: received now; `advance(to:_:)` comes before.
    public func apply(_ reading: Reading, _ tell: ([AlarmChange]) -> Void) {
        engine.apply(reading, live: live, steady: steady)
        if engine.hasChanges { tell(engine.takeChanges()) }
    }

    /// The gateway hears nothing: time goes on, and counts for no condition.
    public func lose(until time: Timestamp) {
        lost += max(0, time - now)
        now = max(now, time)
    }

    /// The daemon is killed and started again at once: the engine comes back from its own checkpoint.
    ///
    /// - Parameter lastSeen: the newest time among the readings of a series.
    public func restart(lastSeen: (Int32) -> Timestamp?) throws(CheckpointError) {
        let bytes = engine.checkpoint(lastSeen: lastSeen)
        let restarted = RuleEngine(gateway: gateway, fleet: fleet, rules: rules)
        try restarted.restore(checkpoint: bytes, live: live, lastSeen: lastSeen)
        restarted.steadyClockBeganAnew()
        engine = restarted
    }
}
