/// What a metric can be worth.
public enum Value: Hashable, Sendable {
    case number(Double)
    case boolean(Bool)
    case text(String)

    /// Equal to the bit for numbers: `-0` is not `0`, as the store promises a bit-exact round trip.
    public static func == (a: Value, b: Value) -> Bool {
        switch (a, b) {
        case (.number(let x), .number(let y)): x.bitPattern == y.bitPattern
        case (.boolean(let x), .boolean(let y)): x == y
        case (.text(let x), .text(let y)): x == y
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .number(let x): hasher.combine(x.bitPattern)
        case .boolean(let x): hasher.combine(x)
        case .text(let x): hasher.combine(x)
        }
    }
}

extension Value: CustomStringConvertible {
    /// As in CSV: the shortest number that reads back the same, `true` / `false`, the text itself.
    public var description: String {
        switch self {
        case .number(let x): shortest(x)
        case .boolean(let x): x ? "true" : "false"
        case .text(let x): x
        }
    }
}

/// `42` rather than `42.0`; otherwise Swift's shortest form that reads back to the same bits.
public func shortest(_ number: Double) -> String {
    wholeNumber(number).map { String($0) } ?? number.description
}

/// `nil`: it has a fraction, or is written otherwise.
func wholeNumber(_ number: Double) -> Int64? {
    guard number == number.rounded(), number.magnitude < 1e15, !(number == 0 && number.sign == .minus) else {
        return nil
    }
    return Int64(number)
}

/// Marks on a stored reading (contract 2, "Quality").
public struct Quality: OptionSet, Hashable, Sendable, BitwiseCopyable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Above the plausible range of its metric.
    public static let implausiblyHigh = Quality(rawValue: 1)
    /// Below the plausible range of its metric.
    public static let implausiblyLow = Quality(rawValue: 2)
    /// Its `ts` was refused; the time is that of receipt.
    public static let clock = Quality(rawValue: 4)
    /// It had no `ts`; the time is that of receipt.
    public static let receiptTime = Quality(rawValue: 8)
    /// It was delivered with the RETAIN flag: a state kept by the broker, not news of this moment.
    public static let retained = Quality(rawValue: 16)

    public static let implausible: Quality = [.implausiblyHigh, .implausiblyLow]

    /// The device's own `ts` stands behind the time of this reading.
    public var hasDeviceTime: Bool { isDisjoint(with: [.clock, .receiptTime]) }

    /// `implausible`, `clock`, `receipt_time`, `retained`: the words of the API.
    public var words: [String] {
        var words: [String] = []
        if !isDisjoint(with: .implausible) { words.append("implausible") }
        if contains(.clock) { words.append("clock") }
        if contains(.receiptTime) { words.append("receipt_time") }
        if contains(.retained) { words.append("retained") }
        return words
    }

    /// Those of these words; on which side a value is implausible they do not tell.
    public init(words: [String]) {
        self = []
        for word in words {
            switch word {
            case "implausible": formUnion(.implausible)
            case "clock": insert(.clock)
            case "receipt_time": insert(.receiptTime)
            case "retained": insert(.retained)
            default: break
            }
        }
    }
}

/// The two ways through the daemon; each has its own MQTT session and its own ring (design 3).
public enum Lane: UInt8, CaseIterable, Sendable, BitwiseCopyable, CustomStringConvertible {
    /// Everything that can carry fire.
    case urgent = 0
    case bulk = 1

    public var description: String { self == .urgent ? "urgent" : "bulk" }
}
