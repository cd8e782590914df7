import FireModel

/// Numbers and times out of bytes, without a `String` for the usual ones.
enum Numbers {
    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// As `export` writes them and other programs do: decimal, with or without exponent, `inf`, `-inf`, `nan`.
    static func double(_ text: String) -> Double? {
        var text = text
        return text.withUTF8 { double($0) }
    }

    static func double<Bytes: RandomAccessCollection<UInt8>>(_ bytes: Bytes) -> Double? where Bytes.Index == Int {
        var index = bytes.startIndex
        let end = bytes.endIndex
        guard index < end, end - index <= 400 else { return nil }
        let isNegative = bytes[index] == UInt8(ascii: "-")
        if isNegative || bytes[index] == UInt8(ascii: "+") { index += 1 }
        var whole: UInt64 = 0
        var digits = 0
        var significant = 0
        var places = 0
        var hasPoint = false
        while index < end {
            let byte = bytes[index]
            if byte >= 0x30, byte <= 0x39 {
                if significant < 19 { whole = whole &* 10 &+ UInt64(byte &- 0x30) }
                if whole > 0 { significant += 1 }
                digits += 1
                if hasPoint { places += 1 }
            } else if byte == UInt8(ascii: "."), !hasPoint {
                hasPoint = true
            } else {
                break
            }
            index += 1
        }
        // Two exact Doubles, of which one operation makes the nearest one (Clinger 1990).
        if index == end, digits > 0, significant <= 19, whole <= 1 << 53, places <= 22 {
            let magnitude = Double(whole) / powers[places]
            return isNegative ? -magnitude : magnitude
        }
        return slowly(bytes, digits: digits, rest: index)
    }

    private static func slowly<Bytes: RandomAccessCollection<UInt8>>(
        _ bytes: Bytes, digits: Int, rest: Int
    ) -> Double? where Bytes.Index == Int {
        let text = String(decoding: bytes, as: UTF8.self)
        switch text.lowercased() {
        case "inf", "+inf", "infinity", "+infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        case "nan": return .nan
        default: break
        }
        // No hexadecimal forms, no blanks.
        guard digits > 0,
            bytes[rest...].dropFirst().allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2B || $0 == 0x2D }),
            rest == bytes.endIndex || bytes[rest] | 0x20 == UInt8(ascii: "e")
        else { return nil }
        // Larger than the largest reads as infinite, which nobody has written.
        guard let value = Double(text), value.isFinite else { return nil }
        return value
    }

    /// Digits with or without a minus.
    static func integer(_ bytes: ArraySlice<UInt8>) -> Int64? {
        var index = bytes.startIndex
        let isNegative = index < bytes.endIndex && bytes[index] == UInt8(ascii: "-")
        if isNegative { index += 1 }
        guard index < bytes.endIndex, bytes.endIndex - index <= 19 else { return nil }
        var value: UInt64 = 0
        while index < bytes.endIndex {
            let byte = bytes[index]
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            value = value &* 10 &+ UInt64(byte &- 0x30)
            index += 1
        }
        guard value <= UInt64(Int64.max) else { return nil }
        return isNegative ? -Int64(value) : Int64(value)
    }

    /// `true`, `false` in every spelling of line protocol, and those of the contract: `1`, `0`, `on`, `off`.
    static func boolean(_ bytes: some Collection<UInt8>) -> Bool? {
        switch bytes.count {
        case 1:
            switch (bytes.first ?? 0) | 0x20 {
            case UInt8(ascii: "t"), UInt8(ascii: "1"): return true
            case UInt8(ascii: "f"), UInt8(ascii: "0"): return false
            default: return nil
            }
        case 2...5:
            switch String(decoding: bytes, as: UTF8.self).lowercased() {
            case "true", "on": return true
            case "false", "off": return false
            default: return nil
            }
        default: return nil
        }
    }
}

extension ImportReader {
    /// - Parameter text: a time.
    /// - Returns: milliseconds since 1970, or what is wrong with it.
    func time(_ text: ArraySlice<UInt8>) -> Result<Int64, ImportRefusalReason> {
        guard let number = Numbers.integer(text) else {
            if let time = Timestamp(rfc3339: String(decoding: text.prefix(64), as: UTF8.self)) {
                return judged(time.milliseconds, text)
            }
            return .failure(.init(found: "time \(shown(text))", expected: expectedTime))
        }
        switch precision ?? (format == .csv ? .ms : Self.precision(of: number)) {
        case .s:
            let (milliseconds, isTooLarge) = number.multipliedReportingOverflow(by: 1000)
            return judged(isTooLarge ? .max : milliseconds, text)
        case .ms: return judged(number, text)
        case .us: return judged(Self.floored(number, 1000), text)
        case .ns: return judged(Self.floored(number, 1_000_000), text)
        }
    }

    /// From 2020 to 2100 the number of digits says what one is.
    private static func precision(of number: Int64) -> ImportPrecision {
        switch number.magnitude {
        case ..<100_000_000_000: .s
        case ..<100_000_000_000_000: .ms
        case ..<100_000_000_000_000_000: .us
        default: .ns
        }
    }

    private static func floored(_ number: Int64, _ unit: Int64) -> Int64 {
        let quotient = number / unit
        return number % unit < 0 ? quotient - 1 : quotient
    }

    private var expectedTime: String {
        "\(precision.map { "whole \($0.rawValue)" } ?? "whole milliseconds") since 1970, or RFC 3339"
    }

    private func judged(_ milliseconds: Int64, _ text: ArraySlice<UInt8>) -> Result<Int64, ImportRefusalReason> {
        if milliseconds < Timestamp.plausibleFloor.milliseconds {
            let looksLikeSeconds = precision == nil && format == .csv && text.count == 10
            return .failure(
                .init(
                    found: "time \(shown(text))",
                    expected: looksLikeSeconds
                        ? "milliseconds since 1970; it looks like seconds: say so with the precision s"
                        : "a time not before 2020"))
        }
        guard milliseconds <= latest else {
            return .failure(
                .init(
                    found: "time \(shown(text))",
                    expected: precision == nil && text.count > 14
                        ? "milliseconds since 1970; it looks finer: say so with the precision us or ns"
                        : "a time not more than ten minutes ahead of the gateway's clock"))
        }
        return .success(milliseconds)
    }
}

/// What came and what was expected.
struct ImportRefusalReason: Error {
    var found: String
    var expected: String
}
