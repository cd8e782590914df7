/// Durations and sizes as they are spelt everywhere: `500ms`, `10s`, `5m`, `25h`, `90d`; `64MiB`.

extension Duration {
    /// Reads `500ms`, `10s`, `5m`, `25h`, `90d`; `nil` for anything else (a bare number has no unit).
    public init?(firesense text: some StringProtocol) {
        guard let (number, unit) = split(text), let factor = durationFactors[unit],
            case let (ms, overflow) = number.multipliedReportingOverflow(by: factor), !overflow,
            ms <= longestDuration
        else { return nil }
        self = .milliseconds(ms)
    }

    /// A thousand years, the longest that can be spelt: far beyond any setting, far below overflow in sums.
    public static let longest = Duration.milliseconds(longestDuration)

    /// Whole milliseconds, rounded down.
    public var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }

    /// The shortest spelling that loses nothing: `90s` stays `90s`, `120s` becomes `2m`.
    public var firesense: String {
        let ms = wholeMilliseconds
        if ms == 0 { return "0s" }
        for (unit, factor) in [("d", dayMilliseconds), ("h", 3_600_000), ("m", 60_000), ("s", 1000)]
            as [(String, Int64)]
        where ms % factor == 0 {
            return "\(ms / factor)\(unit)"
        }
        return "\(ms)ms"
    }
}

/// A number of bytes, spelt `512KiB`, `64MiB`, `2GiB`, or plain bytes.
public struct ByteSize: Hashable, Sendable {
    public var bytes: Int64
    public init(bytes: Int64) { self.bytes = bytes }

    public init?(firesense text: some StringProtocol) {
        guard let (number, unit) = split(text), let factor = sizeFactors[unit],
            case let (bytes, overflow) = number.multipliedReportingOverflow(by: factor), !overflow
        else { return nil }
        self.bytes = bytes
    }
}

private let dayMilliseconds: Int64 = 86_400_000
private let longestDuration: Int64 = 365_000 * dayMilliseconds
private let durationFactors: [String: Int64] = [
    "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": dayMilliseconds,
]
private let sizeFactors: [String: Int64] = [
    "": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
]

private func split(_ text: some StringProtocol) -> (Int64, String)? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard !digits.isEmpty, let number = Int64(digits) else { return nil }
    return (number, String(text.dropFirst(digits.count)))
}

/// Units of measured quantities, as far as one is a decimal multiple of another: `100 kPa` is `0.1 MPa`.
public enum MeasuredUnit {
    /// Of each quantity, its units by the power of ten they are of the first.
    private static let quantities: [[String: Int]] = [
        ["Pa": 0, "hPa": 2, "kPa": 3, "bar": 5, "MPa": 6], ["mV": 0, "V": 3, "kV": 6], ["mA": 0, "A": 3, "kA": 6],
        ["mW": 0, "W": 3, "kW": 6, "MW": 9], ["Wh": 0, "kWh": 3, "MWh": 6], ["mm": 0, "cm": 1, "m": 3, "km": 6],
        ["Cel": 0, "℃": 0, "°C": 0],
    ]

    /// The number in another unit; `nil`: they are not of one quantity, or not known.
    public static func convert(_ number: Double, from unit: String, to other: String) -> Double? {
        if unit == other { return number }
        for quantity in quantities {
            guard let from = quantity[unit], let to = quantity[other] else { continue }
            // Powers of ten from 1 on are exact, their inverses are not: 270 kPa is 0.27 MPa to the bit.
            let factor = (0..<abs(from - to)).reduce(1.0) { power, _ in power * 10 }
            return from >= to ? number * factor : number / factor
        }
        return nil
    }
}
