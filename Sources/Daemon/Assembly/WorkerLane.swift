import FireIntake
import FireModel

/// The worker's side of one lane.
final class WorkerLane {
    let handover: Handover
    let session: IntakeSession
    /// Sequence of the last message taken from the ring.
    private(set) var processed: UInt64 = 0
    /// Sequence of the last message nobody waits for any more: it is durable, or given up.
    private(set) var settled: UInt64 = 0
    /// Messages taken since the last commit, for the next one.
    private(set) var inBatch = 0
    /// Not connected although it is meant to be.
    var missingSince: ContinuousClock.Instant?
    /// There is an alarm about that.
    var isReported = false

    init(handover: Handover, session: IntakeSession) {
        self.handover = handover
        self.session = session
    }

    /// The session waits for this commit: its burst is closed and all of it is processed.
    var isWanted: Bool {
        let wanted = handover.wantedSequence
        return wanted > settled && processed >= wanted
    }

    /// One message from the ring. `isKept`: it will be in the next commit.
    func took(_ sequence: UInt64, isKept: Bool) {
        processed = sequence
        if isKept { inBatch += 1 } else { settled = sequence }
    }

    var isDrained: Bool { handover.ring.depth == 0 }
    /// Meant to be away.
    var isParked: Bool { session.mode == .parked }
    var isConnected: Bool { session.status.isConnected }
    var isLive: Bool { session.status.isConnected && !session.status.isDraining }
    var lastError: String? { session.status.lastError }

    /// Releases the PUBACKs up to what was processed. After an early commit the session is asked to
    /// close its burst, so that they leave soon.
    func release(early: Bool) {
        guard inBatch > 0 else { return }
        inBatch = 0
        settled = processed
        handover.commit(upTo: processed, inHurry: early)
    }

    /// The batch is lost: nothing that was taken for it may be acknowledged, whatever is committed later.
    func giveUp() {
        inBatch = 0
        settled = processed
        handover.giveUp()
    }

    /// Nothing can be acknowledged: the broker keeps what comes.
    func park() { session.setMode(handover.lane == .urgent ? .rescue : .parked) }

    func resume() { session.setMode(.persistent) }
}
