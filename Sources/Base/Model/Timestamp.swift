/// A moment as whole milliseconds since 1970-01-01T00:00:00Z, the one form of time in
/// storage, in `points` and in CSV (contract, conventions).
public struct Timestamp: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var milliseconds: Int64

    @inlinable public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    @inlinable public static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }
    /// Milliseconds from `b` to `a`.
    @inlinable public static func - (a: Timestamp, b: Timestamp) -> Int64 { a.milliseconds - b.milliseconds }
    @inlinable public static func + (a: Timestamp, ms: Int64) -> Timestamp {
        Timestamp(milliseconds: a.milliseconds + ms)
    }

    /// 2020-01-01T00:00:00Z. No fielded device is older; anything before it is a clock that lost its battery.
    public static let plausibleFloor = Timestamp(milliseconds: 1_577_836_800_000)
    /// 2100-01-01T00:00:00Z. Refused even while our own clock is in doubt, so that no sum of times can overflow.
    public static let plausibleCeiling = Timestamp(milliseconds: 4_102_444_800_000)
}

// MARK: - RFC 3339

extension Timestamp {
    /// RFC 3339 in UTC with milliseconds, `2026-11-23T10:20:00.123Z`.
    public var rfc3339: String {
        var bytes: [UInt8] = []
        bytes.append(rfc3339: self)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads RFC 3339 (`2026-11-23T10:20:00Z`, any offset, any number of decimals, `t` and `z` in
    /// either case, a blank for `T` as its section 5.6 allows). `nil` for anything else.
    public init?(rfc3339 text: some StringProtocol) {
        var reader = ASCIIReader(text)
        guard let year = reader.digits(4), reader.take("-"), let month = reader.digits(2), reader.take("-"),
            let day = reader.digits(2), reader.takeAny("Tt "), let hour = reader.digits(2), reader.take(":"),
            let minute = reader.digits(2), reader.take(":"), let second = reader.digits(2),
            (1...12).contains(month), (1...daysIn(month: month, year: year)).contains(day), hour <= 23, minute <= 59,
            second <= 60
        else { return nil }
        var fraction: Int64 = 0
        if reader.take(".") {
            guard let value = reader.fractionInMilliseconds() else { return nil }
            fraction = value
        }
        var offset: Int64 = 0
        if !reader.takeAny("Zz") {
            let sign: Int64
            if reader.take("+") { sign = 1 } else if reader.take("-") { sign = -1 } else { return nil }
            guard let hours = reader.digits(2), reader.take(":"), let minutes = reader.digits(2), hours <= 23,
                minutes <= 59
            else { return nil }
            offset = sign * (hours * 3600 + minutes * 60) * 1000
        }
        guard reader.atEnd else { return nil }
        let clock = (hour * 3600 + minute * 60 + min(second, 59)) * 1000 + (second == 60 ? 999 : fraction)
        milliseconds = days(fromYear: year, month: month, day: day) * 86_400_000 + clock - offset
    }
}

/// Days since 1970 from a proleptic Gregorian date (Howard Hinnant, "chrono-compatible low-level date algorithms").
private func days(fromYear y: Int64, month: Int64, day: Int64) -> Int64 {
    let year = month <= 2 ? y - 1 : y
    let era = (year >= 0 ? year : year - 399) / 400
    let ofEra = year - era * 400
    let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
}

private func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let z = days + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let ofEra = z - era * 146_097
    let year = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * year + year / 4 - year / 100)
    let shifted = (5 * ofYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (year + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * shifted + 2) / 5 + 1)
}

private func daysIn(month: Int64, year: Int64) -> Int64 {
    switch month {
    case 4, 6, 9, 11: 30
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    default: 31
    }
}

extension [UInt8] {
    /// `2026-11-23T10:20:00.123Z`
    mutating func append(rfc3339 time: Timestamp) {
        let (days, inDay) = time.milliseconds.flooringDivision(by: 86_400_000)
        let (year, month, day) = civil(fromDays: days)
        let seconds = inDay / 1000
        append(year, width: 4, "-")
        append(month, width: 2, "-")
        append(day, width: 2, "T")
        append(seconds / 3600, width: 2, ":")
        append(seconds / 60 % 60, width: 2, ":")
        append(seconds % 60, width: 2, ".")
        append(inDay % 1000, width: 3, "Z")
    }

    private mutating func append(_ value: Int64, width: Int, _ mark: Unicode.Scalar) {
        append(decimal: value, width: width)
        append(UInt8(ascii: mark))
    }

    /// In digits, with zeros before it up to `width`.
    mutating func append(decimal value: Int64, width: Int = 1) {
        if value < 0 { append(UInt8(ascii: "-")) }
        var digits = 1
        var power: UInt64 = 10
        while digits < 19, value.magnitude >= power {
            digits += 1
            power *= 10
        }
        for _ in 0..<Swift.max(digits, width) { append(UInt8(ascii: "0")) }
        var rest = value.magnitude
        var place = count
        while rest > 0 {
            place -= 1
            self[place] += UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }
}

extension Int64 {
    fileprivate func flooringDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (q, r) = quotientAndRemainder(dividingBy: divisor)
        return r < 0 ? (q - 1, r + divisor) : (q, r)
    }
}

private struct ASCIIReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: some StringProtocol) { bytes = Array(text.utf8) }

    var atEnd: Bool { position == bytes.count }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    mutating func takeAny(_ characters: StaticString) -> Bool {
        guard position < bytes.count, "\(characters)".utf8.contains(bytes[position]) else { return false }
        position += 1
        return true
    }

    mutating func digits(_ count: Int) -> Int64? {
        guard position + count <= bytes.count else { return nil }
        var value: Int64 = 0
        for byte in bytes[position..<position + count] {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        position += count
        return value
    }

    /// Any number of digits; what is finer than a millisecond is cut off.
    mutating func fractionInMilliseconds() -> Int64? {
        var value: Int64 = 0
        var seen = 0
        while let digit = digits(1) {
            if seen < 3 { value = value * 10 + digit }
            seen += 1
        }
        guard seen > 0 else { return nil }
        for _ in min(seen, 3)..<3 { value *= 10 }
        return value
    }
}
