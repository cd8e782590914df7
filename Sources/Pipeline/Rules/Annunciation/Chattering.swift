import FireModel

/// The latest raises of one key, to know an alarm that comes and goes. Times are those of `ElapsedClock`.
struct Chattering: Equatable, Codable {
    /// Ascending.
    private var raises: [Int64] = []
    /// Its next raises are not told.
    private(set) var isChattering = false
    /// The alarm of the last one.
    private(set) var alarm = ""

    private static let minute: Int64 = 60_000
    private static let quiet: Int64 = 5 * 60_000

    /// - Returns: whether it is not to be told.
    mutating func raised(_ alarm: String, at time: Int64) -> Bool {
        let wasChattering = isChattering && time < due
        self.alarm = alarm
        raises.append(time)
        raises = raises.filter { time - $0 < Self.quiet }.suffix(6)
        isChattering = wasChattering || raises.count > 5 || raises.count(where: { time - $0 < Self.minute }) >= 3
        return wasChattering
    }

    /// When it has been quiet, or active, for long enough.
    var due: Int64 { (raises.last ?? 0) + Self.quiet }

    static func key(of alarm: Alarm) -> String {
        [alarm.rule, alarm.device.id, alarm.component ?? "", alarm.metric ?? ""].joined(separator: "\u{0}")
    }

    var isSound: Bool {
        (1...6).contains(raises.count) && raises.allSatisfy { (0...AnnunciationState.furthest).contains($0) }
    }
}
