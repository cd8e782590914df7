import FireModel

/// A small JSON Schema validator: exactly the keywords the description uses. An unknown keyword is a
/// fault too, so that nothing is described which is not checked.
struct SchemaCheck {
    let document: JSON

    /// Every fault with its path; empty: valid.
    func faults(_ value: JSON, _ schema: JSON, at path: String = "$") -> [String] {
        var faults: [String] = []
        for (keyword, rule) in schema.members.sorted(by: { $0.key < $1.key }) {
            switch keyword {
            case "$ref":
                guard let target = resolve(rule) else { return ["\(path): \(rule) leads nowhere"] }
                faults += self.faults(value, target, at: path)
            case "anyOf":
                if !rule.items.contains(where: { self.faults(value, $0, at: path).isEmpty }) {
                    faults.append("\(path): none of anyOf fits")
                }
            case "type":
                let types = rule.string.map { [$0] } ?? rule.items.compactMap(\.string)
                if !types.contains(where: { isOf($0, value) }) { faults.append("\(path): \(value) is not of \(types)") }
            case "enum": if !rule.items.contains(value) { faults.append("\(path): \(value) is not of the enum") }
            case "required":
                guard case .object(let members) = value else { break }
                for name in rule.items.compactMap(\.string) where members[name] == nil {
                    faults.append("\(path): \(name) is missing")
                }
            case "properties":
                for (name, member) in value.members where rule[name] != .null {
                    faults += self.faults(member, rule[name], at: "\(path).\(name)")
                }
            case "additionalProperties":
                for name in value.members.keys where schema["properties"][name] == .null {
                    faults.append("\(path): \(name) is not described")
                }
            case "items":
                for (index, item) in value.items.enumerated() {
                    faults += self.faults(item, rule, at: "\(path)[\(index)]")
                }
            case "prefixItems":
                for (index, pair) in zip(value.items, rule.items).enumerated() {
                    faults += self.faults(pair.0, pair.1, at: "\(path)[\(index)]")
                }
            case "minItems": faults += limit(value, value.items.count >= Int(rule.number ?? 0), path, keyword)
            case "maxItems": faults += limit(value, value.items.count <= Int(rule.number ?? 0), path, keyword)
            case "minimum": faults += limit(value, value.number ?? .infinity >= rule.number ?? 0, path, keyword)
            case "maximum": faults += limit(value, value.number ?? -.infinity <= rule.number ?? 0, path, keyword)
            case "minLength":
                faults += limit(value, value.string?.count ?? .max >= Int(rule.number ?? 0), path, keyword)
            case "maxLength": faults += limit(value, value.string?.count ?? 0 <= Int(rule.number ?? 0), path, keyword)
            case "format":
                if let text = value.string, rule == .string("date-time"), !isContractTime(text) {
                    faults.append("\(path): \(text) is not RFC 3339 UTC with milliseconds")
                }
            case "description": break
            default: faults.append("\(path): keyword \(keyword) is not checked")
            }
        }
        return faults
    }

    /// Arrays of fewer items and null pass limits of what they are not.
    private func limit(_ value: JSON, _ holds: Bool, _ path: String, _ keyword: String) -> [String] {
        holds || value == .null ? [] : ["\(path): \(keyword) does not hold"]
    }

    private func resolve(_ reference: JSON) -> JSON? {
        guard let path = reference.string, path.hasPrefix("#/") else { return nil }
        let found = path.dropFirst(2).split(separator: "/").reduce(document) { $0[String($1)] }
        return found == .null ? nil : found
    }

    private func isOf(_ type: String, _ value: JSON) -> Bool {
        switch (type, value) {
        case ("null", .null), ("boolean", .boolean), ("number", .number), ("string", .string), ("array", .array),
            ("object", .object):
            true
        case ("integer", .number(let number)): number == number.rounded()
        default: false
        }
    }

    private func isContractTime(_ text: String) -> Bool { Timestamp(rfc3339: text).map { $0.rfc3339 == text } ?? false }
}
