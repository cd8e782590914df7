import FireModel

/// An alarm change with the deliveries it makes.
struct HeldChange {
    var change: AlarmChange
    var deliveries: [Delivery]
}

/// Alarm changes kept for the store while it cannot be written.
///
/// A device may tell of its fire every second for as long as the trouble lasts: of occurrences the last of each
/// alarm is kept, apart from the rest, so that no number of them crowds out what was raised or cleared.
struct HeldChanges {
    /// Of each: changes, and alarms with an occurrence.
    static let maximum = 10_000

    private var changes: [HeldChange] = []
    /// By alarm, newer than all its changes.
    private var occurrences: [String: HeldChange] = [:]

    /// In the order they happened, for each alarm.
    var all: [HeldChange] { changes + occurrences.values }

    /// `false`: there was no room.
    mutating func append(_ one: HeldChange) -> Bool {
        let alarm = one.change.alarm.id
        if one.change.kind == .occurrence, one.deliveries.isEmpty {
            guard occurrences[alarm] != nil || occurrences.count < Self.maximum else { return false }
            occurrences[alarm] = one
            return true
        }
        guard changes.count < Self.maximum else { return false }
        changes.append(one)
        // The alarm in it counts every occurrence before it.
        occurrences[alarm] = nil
        return true
    }

    mutating func removeAll() { self = HeldChanges() }
}
