import FireModel

/// The shape of a JSON value, as far as `/openapi.json` needs JSON Schema to tell it.
struct Schema: Sendable {
    indirect enum Form: Sendable {
        case string, integer, number, boolean
        /// A value of a metric: number, boolean or text.
        case value
        case array(Schema)
        /// An array of exactly these.
        case tuple([Schema])
        case object([Property])
        /// A schema of `components`, by its name.
        case reference(String)
        /// Any of these.
        case either([Schema])
    }

    struct Property: Sendable {
        var name: String
        var schema: Schema
        var isRequired: Bool
    }

    var form: Form
    var isNullable = false
    var words: [String] = []
    var format: String?
    var range: (Int64, Int64)?
    var lengths: (Int, Int)?
    var text: String?

    static let string = Schema(form: .string)
    static let integer = Schema(form: .integer)
    static let number = Schema(form: .number)
    static let boolean = Schema(form: .boolean)
    static let value = Schema(form: .value)
    static let time = Schema(form: .string, format: "date-time")

    static func count(_ range: ClosedRange<Int64> = 0...Int64.max) -> Schema {
        Schema(form: .integer, range: (range.lowerBound, range.upperBound))
    }
    static func words<Word: CaseIterable & RawRepresentable<String>>(_: Word.Type) -> Schema {
        Schema(form: .string, words: Word.allCases.map(\.rawValue))
    }
    static func array(_ item: Schema) -> Schema { Schema(form: .array(item)) }
    static func tuple(_ items: Schema...) -> Schema { Schema(form: .tuple(items)) }
    static func reference(_ name: String) -> Schema { Schema(form: .reference(name)) }

    static func either(_ schemas: Schema...) -> Schema { Schema(form: .either(schemas)) }

    /// Every property present, those without a value as null.
    static func object(_ properties: KeyValuePairs<String, Schema>) -> Schema {
        Schema(form: .object(properties.map { Property(name: $0.key, schema: $0.value, isRequired: true) }))
    }

    /// One page of a list (contract 5).
    static func page(_ item: Schema) -> Schema {
        .object([
            "items": .array(item), "next": .string.orNull.saying("Send as `cursor` for the next page; null: the last."),
        ])
    }

    var orNull: Schema {
        var schema = self
        schema.isNullable = true
        return schema
    }
    func saying(_ text: String) -> Schema {
        var schema = self
        schema.text = text
        return schema
    }
    func ofLength(_ lengths: ClosedRange<Int>) -> Schema {
        var schema = self
        schema.lengths = (lengths.lowerBound, lengths.upperBound)
        return schema
    }
}

// MARK: - Writing

extension Schema {
    func writeJSON(to json: inout JSONWriter) {
        json.object { json in
            if let text { json.field("description", text) }
            switch form {
            case .string: json.type(["string"], isNullable)
            case .integer: json.type(["integer"], isNullable)
            case .number: json.type(["number"], isNullable)
            case .boolean: json.type(["boolean"], isNullable)
            case .value: json.type(["number", "boolean", "string"], isNullable)
            case .array(let item):
                json.type(["array"], isNullable)
                json.key("items")
                item.writeJSON(to: &json)
            case .tuple(let items):
                json.type(["array"], isNullable)
                json.field("minItems", items.count)
                json.field("maxItems", items.count)
                json.key("prefixItems")
                json.array { json in for item in items { item.writeJSON(to: &json) } }
            case .object(let properties):
                json.type(["object"], isNullable)
                json.properties(properties)
            case .reference(let name): json.reference(name, isNullable)
            case .either(let schemas):
                json.key("anyOf")
                json.array { json in for schema in schemas { schema.writeJSON(to: &json) } }
            }
            writeLimits(to: &json)
        }
    }

    private func writeLimits(to json: inout JSONWriter) {
        if let format { json.field("format", format) }
        if !words.isEmpty {
            json.key("enum")
            json.array { json in
                for word in words { json.string(word) }
                if isNullable { json.string(nil) }
            }
        }
        if let range {
            json.field("minimum", range.0)
            if range.1 < Int64.max { json.field("maximum", range.1) }
        }
        if let lengths {
            json.field("minLength", lengths.0)
            json.field("maxLength", lengths.1)
        }
    }
}

extension JSONWriter {
    fileprivate mutating func type(_ names: [String], _ isNullable: Bool) {
        let names = names + (isNullable ? ["null"] : [])
        if names.count == 1 { field("type", names[0]) } else { field("type", names) }
    }

    fileprivate mutating func reference(_ name: String, _ isNullable: Bool) {
        let path = "#/components/schemas/\(name)"
        guard isNullable else { return field("$ref", path) }
        key("anyOf")
        array { json in
            json.object { $0.field("$ref", path) }
            json.object { $0.field("type", "null") }
        }
    }

    fileprivate mutating func properties(_ properties: [Schema.Property]) {
        field("required", properties.filter(\.isRequired).map(\.name))
        key("properties")
        object { json in
            for property in properties {
                json.key(property.name)
                property.schema.writeJSON(to: &json)
            }
        }
        field("additionalProperties", false)
    }
}
