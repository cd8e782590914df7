import CSimdjson

/// Why a text is no JSON.
public enum JSONError: Error, Equatable, Sendable {
    case empty
    case invalidUTF8
    case truncated
    case syntax
    case tooDeep(limit: Int)
    case trailing
    case noMemory
}

extension JSONError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .empty: "empty payload, expected JSON"
        case .invalidUTF8: "not UTF-8, expected JSON in UTF-8"
        case .truncated: "JSON ends in the middle: cut off on the way, or more behind its end"
        case .syntax: "not JSON: a token is misspelt or out of place (NaN and Infinity are no JSON)"
        case .tooDeep(let limit): "JSON nested deeper than \(limit) levels"
        case .trailing: "something follows the end of the JSON value"
        case .noMemory: "no memory to read the JSON"
        }
    }
}

/// Reads JSON into a flat array of nodes through simdjson (chosen for its 0.4 µs a message, see
/// ARCHITECTURE.md). Reused from message to message; not `Sendable`: one owner.
@safe public final class JSONParser {
    private let parser: OpaquePointer
    private let maximumDepth: Int
    /// For texts that are not followed by padding.
    private var padded: [UInt8] = []

    /// Bytes that must be readable behind a text given to `parse(padded:)`.
    public static var padding: Int { fs_json_padding() }

    /// The version of simdjson.
    public static var libraryVersion: String { unsafe String(cString: fs_json_version()) }

    /// - Throws: `JSONError.noMemory`.
    public init(maximumDepth: Int) throws(JSONError) {
        guard let parser = unsafe fs_json_parser_new(UInt32(maximumDepth)) else { throw .noMemory }
        unsafe self.parser = unsafe parser
        self.maximumDepth = maximumDepth
    }

    deinit { unsafe fs_json_parser_free(parser) }

    /// Parses `text`, which must be followed by `padding` readable bytes, as the ring's payloads are.
    /// The value and all texts in it are valid inside `body` only.
    public func parse<R>(padded text: UnsafeRawBufferPointer, _ body: (JSONValue) -> R) throws(JSONError) -> R {
        guard let base = text.baseAddress, unsafe !text.isEmpty else { throw .empty }
        var nodes: UnsafePointer<fs_json_node>?
        var count: UInt32 = 0
        let code = unsafe fs_json_parse(
            parser, base.assumingMemoryBound(to: CChar.self), text.count, &nodes, &count)
        guard Int(code) == FS_JSON_OK, let nodes = unsafe nodes, count > 0 else { throw error(code) }
        return body(unsafe JSONValue(nodes: nodes, index: 0))
    }

    /// Parses a text of any origin by way of a copy with padding.
    public func parse<R>(_ text: some Sequence<UInt8>, _ body: (JSONValue) -> R) throws(JSONError) -> R {
        padded.removeAll(keepingCapacity: true)
        padded.append(contentsOf: text)
        let length = padded.count
        padded.append(contentsOf: repeatElement(0, count: Self.padding))
        // `withUnsafeBytes` rethrows untyped errors only.
        let result: Result<R, JSONError> = unsafe padded.withUnsafeBytes { bytes in
            do throws(JSONError) {
                return .success(unsafe try parse(padded: UnsafeRawBufferPointer(rebasing: bytes[..<length]), body))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func error(_ code: Int32) -> JSONError {
        switch Int(code) {
        case FS_JSON_EMPTY: .empty
        case FS_JSON_UTF8: .invalidUTF8
        case FS_JSON_TRUNCATED: .truncated
        case FS_JSON_TOO_DEEP: .tooDeep(limit: maximumDepth)
        case FS_JSON_TRAILING: .trailing
        case FS_JSON_NO_MEMORY: .noMemory
        default: .syntax
        }
    }
}

/// A value inside a parsed text: a place in the node array. Borrowed, see `JSONParser.parse`.
@safe public struct JSONValue {
    public enum Kind: Sendable {
        case null, boolean, number, string, array, object
        /// A token where a number should be, such as `1e999` or `01`.
        case badNumber
    }

    let nodes: UnsafePointer<fs_json_node>
    let index: Int

    @unsafe init(nodes: UnsafePointer<fs_json_node>, index: Int) {
        unsafe self.nodes = unsafe nodes
        self.index = index
    }

    private var node: fs_json_node { unsafe nodes[index] }

    public var kind: Kind {
        switch Int(unsafe node.type) {
        case FS_JSON_FALSE, FS_JSON_TRUE: .boolean
        case FS_JSON_NUMBER: .number
        case FS_JSON_STRING: .string
        case FS_JSON_ARRAY: .array
        case FS_JSON_OBJECT: .object
        case FS_JSON_BAD_NUMBER: .badNumber
        default: .null
        }
    }

    public var boolean: Bool? {
        switch Int(unsafe node.type) {
        case FS_JSON_TRUE: true
        case FS_JSON_FALSE: false
        default: nil
        }
    }

    /// Any JSON number a Double can hold.
    public var number: Double? { unsafe Int(node.type) == FS_JSON_NUMBER ? node.number : nil }

    /// A number written as an integer that fits.
    public var integer: Int64? {
        unsafe Int(node.type) == FS_JSON_NUMBER && Int(node.flags) & FS_JSON_IS_SIGNED != 0 ? node.integer : nil
    }

    public var unsigned: UInt64? {
        unsafe Int(node.type) == FS_JSON_NUMBER && Int(node.flags) & FS_JSON_IS_UNSIGNED != 0
            ? UInt64(bitPattern: node.integer) : nil
    }

    /// The bytes of a string, unescaped; of a number, the token as written; otherwise empty.
    public var text: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: node.text, count: Int(node.text_length))
    }

    /// The name of an object's member, unescaped; otherwise empty.
    public var key: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: node.key, count: Int(node.key_length))
    }

    /// Members of an object, elements of an array.
    public var count: Int { unsafe Int(node.children) }

    /// Visits members or elements in order until `body` answers false.
    public func forEach(_ body: (JSONValue) -> Bool) {
        let end = unsafe Int(node.next)
        var child = index + 1
        while child < end {
            let value = unsafe JSONValue(nodes: nodes, index: child)
            guard body(value) else { return }
            child = unsafe Int(value.node.next)
        }
    }

    /// The first member of that name.
    public subscript(name: StaticString) -> JSONValue? {
        var found: JSONValue?
        forEach { member in
            if unsafe equals(member.key, name) {
                found = member
                return false
            }
            return true
        }
        return found
    }
}

@unsafe private func equals(_ bytes: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
    guard bytes.count == name.utf8CodeUnitCount else { return false }
    for offset in 0..<bytes.count where unsafe bytes[offset] != name.utf8Start[offset] { return false }
    return true
}
