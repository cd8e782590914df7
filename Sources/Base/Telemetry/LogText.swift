/// The text of log lines. Values come from devices and webhook receivers: a line break or a terminal
/// escape in them must not forge a line, and no value may be so long that it fills the journal.
enum LogText {
    /// Characters of a message or a value that are shown.
    static let limit = 1024

    static func line(_ message: String, _ pairs: [(key: String, value: String)]) -> String {
        var line = escaped(message)
        for (key, value) in pairs { line += " \(quotedIfNeeded(key))=\(quotedIfNeeded(value))" }
        return line
    }

    static func quotedIfNeeded(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.unicodeScalars.allSatisfy { !needsQuotes($0) && !isInvisible($0) }
        return isPlain ? cut(text) : "\"\(escaped(text, quotes: true))\""
    }

    static func escaped(_ text: String, quotes: Bool = false) -> String {
        var out = ""
        for scalar in cut(text).unicodeScalars {
            switch scalar {
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "\"" where quotes: out += "\\\""
            case "\\" where quotes: out += "\\\\"
            case _ where isInvisible(scalar): out += "\\u{\(String(scalar.value, radix: 16))}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// By scalars, not characters: one character may carry any number of combining marks.
    static func cut(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard let end = scalars.index(scalars.startIndex, offsetBy: limit, limitedBy: scalars.endIndex),
            end < scalars.endIndex
        else { return text }
        return String(scalars[..<end]) + "…"
    }

    private static func needsQuotes(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || scalar == "\"" || scalar == "=" || scalar == "\\"
    }

    /// Control characters, line separators, and the marks that turn the direction of writing around.
    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .format: true
        default: false
        }
    }
}
