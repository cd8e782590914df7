import FireModel

/// An alarm change with the deliveries it makes.
struct HeldChange {
    var change: AlarmChange
    var deliveries: [Delivery]
}

/// Alarm changes kept for the store while it cannot be written.
///
/// A device may tell of its fire every second for as long as the trouble lasts: between two changes of an alarm
/// the last occurrence is kept, which counts them all, so that no number of them crowds out what was raised or
/// cleared.
struct HeldChanges {
    /// Of changes, each of which may have an occurrence before it, and of alarms with one behind all their changes.
    static let maximum = 10_000

    private var changes: [HeldChange] = []
    /// Those that are no occurrences.
    private var count = 0
    /// By alarm, newer than all its changes.
    private var occurrences: [String: HeldChange] = [:]

    /// In the order they happened, for each alarm.
    var all: [HeldChange] { changes + occurrences.values }

    /// `false`: there was no room.
    mutating func append(_ one: HeldChange) -> Bool {
        let alarm = one.change.alarm.id
        if one.change.kind == .occurrence, one.deliveries.isEmpty {
            guard occurrences[alarm] != nil || occurrences.count < Self.maximum else { return false }
            var one = one
            // A change of flags has no input of its own, and takes the place of one that has.
            if one.change.inputAt == nil { one.change.inputAt = occurrences[alarm]?.change.inputAt }
            occurrences[alarm] = one
            return true
        }
        guard count < Self.maximum else { return false }
        // What it tells of the inputs that were seen must be known before this one is.
        if let last = occurrences.removeValue(forKey: alarm) { changes.append(last) }
        changes.append(one)
        count += 1
        return true
    }

    mutating func removeAll() { self = HeldChanges() }
}
