/// The forms of names in topics and payloads (contract 2).
public enum Names {
    /// 1–32 of `0-9A-Za-z_-`.
    public static func isArea(_ name: UnsafeRawBufferPointer) -> Bool {
        (1...32).contains(name.count) && name.allSatisfy { isWord($0) || $0 == UInt8(ascii: "-") }
    }

    /// 1–64 of `0-9A-Za-z_.:-`.
    public static func isDevice(_ name: UnsafeRawBufferPointer) -> Bool {
        (1...64).contains(name.count)
            && name.allSatisfy {
                isWord($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":")
            }
    }

    /// A kind, metric, rule or endpoint name: 1–64 of `0-9A-Za-z_.:-`.
    public static func isIdentifier(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { isDevice(UnsafeRawBufferPointer($0)) }
    }

    public static func isArea(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { isArea(UnsafeRawBufferPointer($0)) }
    }

    /// A name of DNS or an address of IPv4: 1–253 of letters, digits, `.`, `-` and, as in many plants, `_`.
    public static func isHostName(_ text: String) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || "0123456789.-_".unicodeScalars.contains($0))
            }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

/// A text in the two languages of the duty room.
public struct Title: Hashable, Sendable, Codable {
    public var zh: String
    public var en: String
    public init(zh: String, en: String) {
        self.zh = zh
        self.en = en
    }
}

/// The events of contract 2. Stored under the metric `event.NAME`.
public enum EventName: String, CaseIterable, Sendable {
    case fire
    case manualAlarm = "manual_alarm"
    case preAlarm = "pre_alarm"
    case fault, disabled, supervisory, started, stopped, feedback, reset, silence
    case selfTest = "self_test"
    case test, tamper
    case batteryLow = "battery_low"
    case acknowledge
    case dutyCheckAnswered = "duty_check_answered"
    case restored

    public static let metricPrefix = "event."
    /// The metric this event is stored under.
    public var metric: String { Self.metricPrefix + rawValue }

    /// It tells of something that begins; the others end something, or only inform.
    public var raises: Bool {
        switch self {
        case .fire, .manualAlarm, .preAlarm, .fault, .disabled, .supervisory, .started, .feedback, .tamper, .batteryLow:
            true
        case .stopped, .reset, .silence, .selfTest, .test, .acknowledge, .dutyCheckAnswered, .restored: false
        }
    }
}
