import Crypto
import FireModel

/// What a caller may do; each includes the ones before (contract 5, "Access").
public enum Scope: String, Sendable, CaseIterable, Comparable {
    case read, operate, admin

    private var rank: Int {
        switch self {
        case .read: 0
        case .operate: 1
        case .admin: 2
        }
    }
    public static func < (a: Scope, b: Scope) -> Bool { a.rank < b.rank }
}

/// The tokens file: `name scope sha256-of-token` a line, `#` starts a comment.
///
/// Only hashes are kept, so nothing here can leak a token.
public struct Tokens: Sendable {
    struct Entry: Sendable {
        var name: String
        var scope: Scope
        var hash: [UInt8]
    }

    let entries: [Entry]

    /// Reads the text of a tokens file. A file without a single token is refused: it would look like
    /// "no tokens configured" and open what was meant to be closed.
    public init(parsing text: String) throws(TokensError) {
        var entries: [Entry] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).map(String.init)
            guard !words.isEmpty else { continue }
            let entry = try Self.entry(words, line: index + 1)
            guard !entries.contains(where: { $0.name == entry.name }) else {
                throw TokensError(line: index + 1, reason: "name '\(entry.name)' is there already; names must differ")
            }
            entries.append(entry)
        }
        guard !entries.isEmpty else {
            throw TokensError(line: nil, reason: "no token in it; leave http.tokens_file empty to work without tokens")
        }
        self.entries = entries
    }

    private static func entry(_ words: [String], line: Int) throws(TokensError) -> Entry {
        guard words.count == 3 else {
            throw TokensError(line: line, reason: "\(words.count) words, expected: name scope sha256-of-token")
        }
        guard Names.isIdentifier(words[0]) else {
            throw TokensError(line: line, reason: "the name must be 1–64 of 0-9A-Za-z_.:-")
        }
        guard let scope = Scope(rawValue: words[1]) else {
            let known = Scope.allCases.map(\.rawValue).joined(separator: ", ")
            throw TokensError(line: line, reason: "the second word is not a scope, expected one of \(known)")
        }
        guard let hash = bytes(hexadecimal: words[2]), hash.count == SHA256.byteCount else {
            throw TokensError(
                line: line,
                reason: "the third word is not 64 hexadecimal digits; make it with: printf %s TOKEN | sha256sum")
        }
        return Entry(name: words[0], scope: scope, hash: hash)
    }

    /// Whose token this is. Looks at every entry whatever it finds, and compares digests in constant time,
    /// so that the time taken tells nothing.
    func holder(of token: some StringProtocol) -> Entry? {
        let presented = SHA256.hash(data: Array(token.utf8))
        var found: Entry?
        for entry in entries where presented == entry.hash { found = entry }
        return found
    }
}

/// A tokens file that cannot be used. Its text never repeats a hash or a token.
public struct TokensError: Error, Equatable, CustomStringConvertible, Sendable {
    public var line: Int?
    public var reason: String
    public var description: String { "tokens file\(line.map { ", line \($0)" } ?? ""): \(reason)" }
}

private func bytes(hexadecimal text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
        guard let high = nibble(digits[index]), let low = nibble(digits[index + 1]) else { return nil }
        bytes.append(high << 4 | low)
    }
    return bytes
}

private func nibble(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
}
