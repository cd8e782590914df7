/// Any JSON, with booleans and numbers kept apart.
enum JSON: Decodable, Equatable, Sendable {
    case null, boolean(Bool), number(Double), string(String), array([JSON]), object([String: JSON])

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        // Strings first: they are the most, and every failed attempt costs an error.
        if value.decodeNil() {
            self = .null
        } else if let string = try? value.decode(String.self) {
            self = .string(string)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let boolean = try? value.decode(Bool.self) {
            self = .boolean(boolean)
        } else if let members = try? value.decode([String: JSON].self) {
            self = .object(members)
        } else {
            self = .array(try value.decode([JSON].self))
        }
    }

    subscript(key: String) -> JSON {
        guard case .object(let members) = self else { return .null }
        return members[key] ?? .null
    }
    subscript(index: Int) -> JSON {
        guard case .array(let items) = self, items.indices.contains(index) else { return .null }
        return items[index]
    }
    var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }
    var number: Double? {
        guard case .number(let number) = self else { return nil }
        return number
    }
    var items: [JSON] {
        guard case .array(let items) = self else { return [] }
        return items
    }
    var members: [String: JSON] {
        guard case .object(let members) = self else { return [:] }
        return members
    }
}
