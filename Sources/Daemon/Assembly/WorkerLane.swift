import FireIntake
import FireModel

/// The worker's side of one lane.
final class WorkerLane {
    let handover: Handover
    let session: IntakeSession
    /// Sequence of the last message taken from the ring.
    var processed: UInt64 = 0
    /// Sequence of the last message that is durable.
    private(set) var committed: UInt64 = 0
    /// Messages taken since the last commit.
    var inBatch = 0

    init(handover: Handover, session: IntakeSession) {
        self.handover = handover
        self.session = session
    }

    /// The session waits for this commit: its burst is closed and all of it is processed.
    var isWanted: Bool {
        let wanted = handover.wantedSequence
        return wanted > committed && processed >= wanted
    }

    var isDrained: Bool { handover.ring.depth == 0 }
    var isConnected: Bool { session.status.isConnected }
    var isLive: Bool { session.status.isConnected && !session.status.isDraining }
    var lastError: String? { session.status.lastError }

    /// Releases the PUBACKs up to what was processed. After an early commit the session is asked to
    /// close its burst, so that they leave soon.
    func release(early: Bool) {
        committed = processed
        handover.commit(upTo: processed, inHurry: early)
    }

    /// Nothing can be acknowledged: the broker keeps what comes.
    func park() { session.setMode(handover.lane == .urgent ? .rescue : .parked) }

    func resume() { session.setMode(.persistent) }
}
