/// Makes texts fit into a bounded number of bytes. Each keeps its beginning: an alarm that is left out of a message
/// would never be read.
enum TextFitting {
    /// Below this an entry says nothing any more.
    private static let smallest = 160

    /// - Parameters:
    ///   - limit: Bytes of UTF-8 for all of them.
    ///   - overhead: Bytes that each costs besides.
    ///   - note: Bytes that a remark about those left out costs.
    /// - Returns: As many as have room, what is short whole, the others cut to equal shares; and how many have none.
    static func fit(_ texts: [String], into limit: Int, overhead: Int, note: Int) -> (texts: [String], leftOut: Int) {
        let sizes = texts.map { $0.utf8.count + overhead }
        if sizes.reduce(0, +) <= limit { return (texts, 0) }
        let isTight = texts.count * (smallest + overhead) > limit
        var room = isTight ? limit - note : limit
        let shown = isTight ? min(texts.count, max(1, room / (smallest + overhead))) : texts.count
        var cut = Array(texts.prefix(shown))
        let order = cut.indices.sorted { sizes[$0] < sizes[$1] }
        for (done, index) in order.enumerated() {
            let share = min(sizes[index], room / (shown - done))
            cut[index] = shorten(cut[index], to: share - overhead)
            room -= share
        }
        return (cut, texts.count - shown)
    }

    /// Keeps the last line too, where there is room: it has the id by which the rest is found, and the keyword by which a
    /// robot knows us.
    private static func shorten(_ text: String, to bytes: Int) -> String {
        guard text.utf8.count > bytes, let end = text.lastIndex(of: "\n") else { return cut(text, to: bytes) }
        let last = text[end...]
        guard last.utf8.count <= bytes / 2 else { return cut(text, to: bytes) }
        return cut(String(text[..<end]), to: bytes - last.utf8.count) + last
    }

    /// Between characters, with `…` behind what is missing.
    static func cut(_ text: String, to bytes: Int) -> String {
        guard text.utf8.count > bytes else { return text }
        let mark = "…"
        guard bytes >= mark.utf8.count else { return "" }
        var room = bytes - mark.utf8.count
        var end = text.startIndex
        for index in text.indices {
            room -= text[index].utf8.count
            if room < 0 { break }
            end = text.index(after: index)
        }
        return text[..<end] + mark
    }

    /// A body of at most `limit` bytes, made of texts that are given ever less room until it is.
    static func body(of limit: Int, _ make: (Int) -> [UInt8]) -> [UInt8] {
        var room = limit
        while true {
            let body = make(room)
            let excess = body.count - limit
            if excess <= 0 || room <= 0 { return body }
            room -= max(excess, limit / 64)
        }
    }
}
