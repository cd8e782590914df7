import FireModel

/// How long an alarm has waited for somebody to acknowledge it. Times are those of `ElapsedClock`.
struct Escalation: Equatable, Codable {
    /// When it was received, or raised again, or told again after it had been held back.
    var since: Int64
    /// When the step it has reached was last told.
    var toldAt: Int64
    /// It is known from the store alone, and received then.
    var receivedAt: Timestamp?

    /// - Parameter reached: how many steps have been taken.
    /// - Returns: when the next step comes, or this one is told again; `nil`: never.
    func due(_ steps: [EscalationStep], reached: Int) -> Int64? {
        if receivedAt != nil { return .min }
        let next = steps.indices.contains(reached) ? since + steps[reached].after.wholeMilliseconds : nil
        guard steps.indices.contains(reached - 1), let every = steps[reached - 1].every else { return next }
        return min(next ?? .max, toldAt + max(1000, every.wholeMilliseconds))
    }

    var isSound: Bool {
        (-AnnunciationState.furthest...AnnunciationState.furthest).contains(since)
            && (-AnnunciationState.furthest...AnnunciationState.furthest).contains(toldAt)
            && AnnunciationState.isSound(receivedAt?.milliseconds)
    }
}
