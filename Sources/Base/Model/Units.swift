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
