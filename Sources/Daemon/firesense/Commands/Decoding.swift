import FireModel
import FireNormalise

/// One payload, read on the topics it might have come on.
struct Decoding {
    let dialect: String
    let catalogue: Catalogue
    let kinds: [String]
    /// Last parts of topics.
    let streams: [String]

    /// - Throws: `Failure`, when the dialect does not read that topic.
    func read(_ payload: [UInt8], topic: String, at time: Timestamp = .now) throws -> PayloadReader.Result {
        if claims(topic) == false {
            throw Failure(
                "dialect \(dialect) does not read '\(printable(topic))'",
                remedy: "see firesense tap \(printable(topic)) --raw")
        }
        return try PayloadReader(catalogue: catalogue).read(topic: topic, payload: trimmed(payload, topic), at: time)
    }

    /// The stream in which least is refused and most is read, of the kind that knows most of the metrics: what
    /// no kind but the right one knows, no other kind refuses.
    ///
    /// - Throws: `Failure`, when the dialect reads none of the streams.
    func bestFit(_ payload: [UInt8]) throws -> PayloadReader.Result {
        let byStream = try streams.map { stream in
            try kinds.map { "fire/v1/000000/\($0)/device/\(stream)" }.filter { claims($0) == true }
                .map { try read(payload, topic: $0) }
        }
        func refusal(_ result: PayloadReader.Result) -> (Int, Int) {
            (result.faults == nil ? 0 : 1, -result.lines.count)
        }
        func strangeness(_ result: PayloadReader.Result) -> (Int, Int, Int) {
            (result.unknownMetrics.count, result.faults == nil ? 0 : 1, -result.lines.count)
        }
        let streams = byStream.compactMap { results in
            results.min { refusal($0) < refusal($1) }.map { (best: $0, all: results) }
        }
        guard let stream = streams.min(by: { refusal($0.best) < refusal($1.best) }),
            let result = stream.all.min(by: { strangeness($0) < strangeness($1) })
        else {
            throw Failure(
                "dialect \(dialect) reads no such stream", remedy: "leave --stream out, or choose another dialect")
        }
        return result
    }

    /// Whether the daemon would read messages of this topic with the dialect; `nil`: the topic is no native one.
    private func claims(_ topic: String) -> Bool? {
        Array(topic.utf8).withUnsafeBytes { bytes in
            guard case .native(let topic) = Topic.read(bytes) else { return nil }
            return (try? Dialects.all())?.first { $0.claims(topic) }?.name == dialect
        }
    }

    /// Without the line end that an editor or `echo` has put behind a text.
    private func trimmed(_ payload: [UInt8], _ topic: String) -> [UInt8] {
        guard !topic.hasSuffix("/raw") else { return payload }
        var payload = payload
        while payload.last == 0x0A || payload.last == 0x0D { payload.removeLast() }
        return payload
    }

    /// - Throws: `Failure`, when there is something else between the digits.
    static func bytes(hexadecimal text: [UInt8]) throws -> [UInt8] {
        var words = String(decoding: text, as: UTF8.self).split { $0.isWhitespace || ":,;-".contains($0) }
        words = words.map { $0.hasPrefix("0x") || $0.hasPrefix("0X") ? $0.dropFirst(2) : $0 }
        let digits = words.joined()
        guard digits.utf8.count.isMultiple(of: 2), !digits.isEmpty else {
            throw Failure("\(digits.utf8.count) hexadecimal digits, expected two for each byte")
        }
        var bytes: [UInt8] = []
        var rest = digits.utf8[...]
        while let pair = String(rest.prefix(2)), !pair.isEmpty {
            guard pair.allSatisfy(\.isHexDigit), let byte = UInt8(pair, radix: 16) else {
                throw Failure("'\(printable(pair))' are no hexadecimal digits")
            }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }
}
