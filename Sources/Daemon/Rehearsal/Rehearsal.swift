import FireModel
import FireRules

/// The rules as they run in the daemon, over inputs of another time: what a test of rules says, or what the store has
/// kept. One clock for all: the gateway was up, connected and in time.
public final class Rehearsal {
    public let fleet: Fleet
    public let engine: RuleEngine
    public private(set) var now: Timestamp
    private let began: Timestamp

    /// The counting and the steady clock, in milliseconds.
    public var live: Int64 { now - began }

    public init(catalogue: Catalogue, rules: [RuleDefinition], gateway: String, at time: Timestamp) {
        fleet = Fleet(catalogue: catalogue)
        engine = RuleEngine(
            gateway: AlarmDevice(id: gateway, kind: Catalogue.gatewayKind, area: "_"), fleet: fleet, rules: rules)
        // What the rules say is looked at, not how many alarms somebody can take in.
        engine.adopt(FloodLimits(moreThan: 0))
        now = time
        began = time
    }

    /// Time goes on, and what it alone brings about comes at its moment.
    public func advance(to time: Timestamp, _ tell: ([AlarmChange]) -> Void) {
        while let next = nextMoment, next <= time {
            now = max(now, next)
            engine.advance(live: live, steady: live, now: now)
            if engine.hasChanges { tell(engine.takeChanges()) }
        }
        now = max(now, time)
    }

    /// When something comes about by time alone.
    private var nextMoment: Timestamp? {
        [
            engine.nextDeadline.map { began + $0 },
            engine.untilAnnunciation(steady: live, now: now).map { now + $0 },
        ].compactMap(\.self).min()
    }

    /// - Parameter reading: received now; `advance(to:_:)` comes before.
    public func apply(_ reading: Reading, _ tell: ([AlarmChange]) -> Void) {
        engine.apply(reading, live: live, steady: live)
        if engine.hasChanges { tell(engine.takeChanges()) }
    }
}
