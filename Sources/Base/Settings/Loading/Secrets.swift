import FireModel
import Foundation

/// Reading of files that hold secrets. Whatever goes wrong, nothing of their content is told, nor a value
/// that might be the secret itself, written where its file belongs.
struct SecretReader {
    /// Relative paths are relative to this.
    let directory: String
    /// With the last accepted configuration a missing secret is no reason to stay away from a fire.
    let severity: Problem.Severity

    /// The bytes of the file `field` names; `nil` for `""` and for what cannot be read, which is a problem then.
    func read(_ field: Field) -> [UInt8]? {
        guard let path = field.read(.path), !path.isEmpty else { return nil }
        let whole = Paths.resolve(path, in: directory)
        do {
            return try readFile(whole, limit: maximumSecretFile)
        } catch {
            let isSurelyPath = path.contains("/") && !path.contains("whsec_")
            field.complain(
                severity, found: isSurelyPath ? "\(error.found), \(onOneLine(whole))" : error.found,
                expected: "a readable file with the secret",
                remedy: error.isMissing && !isSurelyPath ? "the secret itself does not belong here" : nil)
        }
        return nil
    }

    /// The first line.
    func password(_ field: Field) -> Secret? { firstLine(field, expected: "the password on its first line") }

    private func firstLine(_ field: Field, expected: String) -> Secret? {
        guard let bytes = read(field) else { return nil }
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard !line.isEmpty else {
            field.complain(severity, found: "an empty file", expected: expected)
            return nil
        }
        return Secret(Array(line))
    }

    /// The address on the first line.
    func url(_ field: Field) -> String? {
        let form = Form.webhookURL
        guard let line = firstLine(field, expected: form.expected).map({ String(decoding: $0.bytes, as: UTF8.self) })
        else { return nil }
        guard let url = form.parse(String(Substring(line).trimming(while: \.isWhitespace))) else {
            field.complain(severity, found: "something else on the first line of its file", expected: form.expected)
            return nil
        }
        return url
    }

    /// The secrets of a chat robot, one a line, as they are; empty lines are passed over.
    func robotSecrets(_ field: Field) -> [Secret] {
        guard let bytes = read(field) else { return [] }
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
            .map { $0.trimming(while: \.isWhitespace) }.filter { !$0.isEmpty }
        if lines.isEmpty { field.complain(severity, found: "an empty file", expected: "the robot's secret") }
        return lines.map { Secret(Array($0.utf8)) }
    }

    /// `whsec_` and the key in base64, one a line; empty lines and `#` lines are passed over.
    ///
    /// Standard Webhooks 1.0.0 asks for 24–64 bytes.
    func signingKeys(_ field: Field) -> [Secret] {
        guard let bytes = read(field) else { return [] }
        let lines = String(decoding: bytes, as: UTF8.self).split(
            omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        var keys: [Secret] = []
        for (index, line) in lines.enumerated() {
            let text = line.trimming(while: \.isWhitespace)
            if text.isEmpty || text.hasPrefix("#") { continue }
            guard text.hasPrefix("whsec_"), let key = Data(base64Encoded: String(text.dropFirst(6))),
                (24...64).contains(key.count)
            else {
                field.complain(
                    severity, found: "something else in line \(index + 1) of its file",
                    expected: "whsec_ and 24–64 bytes in base64")
                continue
            }
            keys.append(Secret(Array(key)))
        }
        if keys.isEmpty, !lines.contains(where: { $0.contains("whsec_") }) {
            field.complain(severity, found: "a file without a key", expected: "one whsec_… a line")
        }
        return keys
    }
}

extension Substring {
    fileprivate func trimming(while isBlank: (Character) -> Bool) -> Substring {
        var text = drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return text
    }
}
