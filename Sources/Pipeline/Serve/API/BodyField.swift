import FireModel
import Foundation

/// A value of a request body.
enum JSONValue: Decodable, Sendable, Equatable {
    case null, boolean(Bool), number(Double), text(String)
    case array([JSONValue])
    /// An object; no body has a use for one.
    case structure

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let boolean = try? value.decode(Bool.self) {
            self = .boolean(boolean)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let array = try? value.decode([JSONValue].self) {
            self = .array(array)
        } else {
            self = .structure
        }
    }

    /// For the error: what came.
    var shown: String {
        switch self {
        case .null: "null"
        case .boolean(let value): "\(value)"
        case .number(let value): shortest(value)
        case .text(let value): Problem.quoted(value)
        case .array, .structure: "an array or object"
        }
    }
}

protocol BodyFieldDescription: Sendable {
    var name: String { get }
    var schema: Schema { get }
    var isRequired: Bool { get }
}

/// A field of a request body, said once like a `Parameter`.
struct BodyField<Value: Sendable>: BodyFieldDescription {
    var name: String
    var schema: Schema
    var isRequired = false
    var expected: String
    var read: @Sendable (JSONValue) -> Value?
}

/// Every body field there is.
enum Field {
    static let by = BodyField<String>(
        name: "by", schema: .string.ofLength(1...200).saying("Who does it."), isRequired: true,
        expected: "the name of the person, 1–200 characters on one line",
        read: { value in
            guard case .text(let text) = value, (1...200).contains(text.count),
                !text.allSatisfy(\.isWhitespace), !text.unicodeScalars.contains(where: isControl)
            else { return nil }
            return text
        })
    static let note = text("note", "A remark, at most 2 kB.")
    static let cause = text("cause", "What caused the alarm, at most 2 kB.")
    static let verdict = BodyField<Verdict>(
        name: "verdict", schema: .words(Verdict.self), isRequired: true,
        expected: "one of \(Verdict.allCases.map(\.rawValue).joined(separator: ", "))",
        read: { value in
            guard case .text(let word) = value else { return nil }
            return Verdict(rawValue: word)
        })
    static let force = BodyField<Bool>(
        name: "force",
        schema: .boolean.saying(
            "Although the cause is still reported; then the next input that states it raises again."),
        expected: "true or false",
        read: { value in
            guard case .boolean(let force) = value else { return nil }
            return force
        })

    /// 2 kB, measured in the bytes that are stored.
    private static func text(_ name: String, _ text: String) -> BodyField<String?> {
        BodyField(
            name: name, schema: .string.orNull.ofLength(0...2048).saying(text), expected: "text of at most 2048 bytes",
            read: { value in
                switch value {
                case .null: .some(nil)
                case .text(let text) where text.utf8.count <= 2048: .some(text)
                default: nil
                }
            })
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.generalCategory == .control }
}

/// Reads the one JSON object a body consists of; an empty body is an empty object.
func parseBody(_ bytes: [UInt8], known: [any BodyFieldDescription]) throws(Problem) -> [String: JSONValue] {
    guard !bytes.isEmpty else { return [:] }
    guard String(validating: bytes, as: UTF8.self) != nil else {
        throw Problem(.badRequest, .invalidBody, "The body is not UTF-8.")
    }
    let object: [String: JSONValue]
    do {
        object = try JSONDecoder().decode([String: JSONValue].self, from: Data(bytes))
    } catch DecodingError.typeMismatch {
        throw Problem(.badRequest, .invalidBody, "The body is JSON but not an object, expected {\"by\": …}.")
    } catch {
        throw Problem(.badRequest, .invalidBody, "The body is not JSON, expected an object like {\"by\": …}.")
    }
    for name in object.keys.sorted() where !known.contains(where: { $0.name == name }) {
        let names = known.isEmpty ? "none" : known.map(\.name).joined(separator: ", ")
        throw Problem(
            .badRequest, .invalidBody, "Field \(Problem.quoted(name)) is not known here; known are: \(names).")
    }
    return object
}
