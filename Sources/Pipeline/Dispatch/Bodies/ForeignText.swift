/// Text that comes from devices, registries and operators, made fit to stand in a message of ours. Whoever can write a
/// component's name must not be able to forge a line, a link, a mention or the mark of a drill.
enum ForeignText {
    /// Of one value in a chat; beyond this nobody reads it on a phone.
    private static let longest = 300

    /// One line: no control characters, nothing invisible that turns the direction of writing, no marks of ours.
    static func line(_ text: String) -> String {
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator, .spaceSeparator:
                if let last = line.last, last != " " { line.append(" ") }
            case .format, .surrogate: continue
            default: line.append(marks[scalar] ?? scalar)
            }
        }
        if line.last == " " { line.removeLast() }
        return String(line)
    }

    /// A line in which no chat finds markup, a link, a mention or an entity. The dialects of the robots know no common
    /// escape: 企业微信 has none, and 钉钉 documents none. So what could be read as markup becomes its full-width twin,
    /// which people read as the same.
    static func chat(_ text: String) -> String {
        let line = Array(line(text).unicodeScalars.prefix(longest + 1))
        var plain = String.UnicodeScalarView()
        for (index, scalar) in line.prefix(longest).enumerated() {
            let before = index > 0 ? line[index - 1] : nil
            let after = index + 1 < line.count ? line[index + 1] : nil
            plain.append(isMarkup(scalar, before, after) ? wide(scalar) : scalar)
        }
        return String(plain) + (line.count > longest ? "…" : "")
    }

    private static func isMarkup(_ scalar: Unicode.Scalar, _ before: Unicode.Scalar?, _ after: Unicode.Scalar?) -> Bool
    {
        switch scalar {
        case "<", ">", "[", "]", "*", "`", "#", "~", "\\", "|", "&", "@": true
        // `fire_pump_2` is no emphasis, `_2_` is.
        case "_": !(isWord(before) && isWord(after))
        // An address of the web is made a link even without markup: `http://…`, `www.example.com`.
        case ":": after == "/"
        case ".": isWord(before) && isLetter(after)
        // At the start of a line: a list, or a line under a heading.
        case "-", "+", "=": before == nil && !isDigit(after)
        default: false
        }
    }

    private static func isLetter(_ scalar: Unicode.Scalar?) -> Bool {
        scalar.map { ("a"..."z").contains($0) || ("A"..."Z").contains($0) } ?? false
    }

    private static func isDigit(_ scalar: Unicode.Scalar?) -> Bool { scalar.map { ("0"..."9").contains($0) } ?? false }

    private static func isWord(_ scalar: Unicode.Scalar?) -> Bool { isLetter(scalar) || isDigit(scalar) }

    /// The full-width twin of a character of ASCII.
    private static func wide(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        Unicode.Scalar(scalar.value + 0xFEE0) ?? scalar
    }

    private static let marks: [Unicode.Scalar: Unicode.Scalar] = ["【": "〔", "】": "〕"]
}
