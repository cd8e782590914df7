/// Writes JSON text in the order it is told, without Foundation: alarms and answers keep the field
/// order of the contract, and explicit nulls stay explicit.
public struct JSONWriter {
    public private(set) var bytes: [UInt8] = []
    private var needsComma = false

    public init() {}

    public var text: String { String(decoding: bytes, as: UTF8.self) }

    public mutating func object(_ body: (inout JSONWriter) -> Void) { container("{", "}", body) }
    public mutating func array(_ body: (inout JSONWriter) -> Void) { container("[", "]", body) }

    public mutating func key(_ name: String) {
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    public mutating func string(_ value: String?) {
        separate()
        if let value { quote(value) } else { raw("null") }
        needsComma = true
    }
    public mutating func bool(_ value: Bool?) { token(value.map { $0 ? "true" : "false" } ?? "null") }
    public mutating func int(_ value: Int64?) {
        guard let value else { return token("null") }
        separate()
        bytes.append(decimal: value)
        needsComma = true
    }
    /// JSON knows no infinity and no NaN; they are written as null.
    public mutating func number(_ value: Double?) {
        guard let value, value.isFinite else { return token("null") }
        if let whole = wholeNumber(value) { int(whole) } else { token(value.description) }
    }
    public mutating func time(_ value: Timestamp?) {
        guard let value else { return token("null") }
        separate()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(rfc3339: value)
        bytes.append(UInt8(ascii: "\""))
        needsComma = true
    }
    public mutating func value(_ value: Value?) {
        switch value {
        case .number(let x): number(x)
        case .boolean(let x): bool(x)
        case .text(let x): string(x)
        case nil: token("null")
        }
    }
    /// JSON text written elsewhere.
    public mutating func verbatim(_ json: String) { token(json) }
    /// What another one has written.
    public mutating func verbatim(_ json: JSONWriter) {
        guard !json.bytes.isEmpty else { return }
        separate()
        bytes.append(contentsOf: json.bytes)
        needsComma = true
    }

    public mutating func field(_ name: String, _ value: String?) {
        key(name)
        string(value)
    }
    public mutating func field(_ name: String, _ value: Bool?) {
        key(name)
        bool(value)
    }
    public mutating func field(_ name: String, _ value: Int?) {
        key(name)
        int(value.map(Int64.init))
    }
    public mutating func field(_ name: String, _ value: Int64?) {
        key(name)
        int(value)
    }
    public mutating func field(_ name: String, _ value: Double?) {
        key(name)
        number(value)
    }
    public mutating func field(_ name: String, _ value: Timestamp?) {
        key(name)
        time(value)
    }
    public mutating func field(_ name: String, _ value: Value?) {
        key(name)
        self.value(value)
    }
    public mutating func field(_ name: String, _ values: [String]) {
        key(name)
        array { for value in values { $0.string(value) } }
    }
    public mutating func field(_ name: String, _ title: Title) {
        key(name)
        object {
            $0.field("zh", title.zh)
            $0.field("en", title.en)
        }
    }

    private mutating func container(_ open: String, _ close: String, _ body: (inout JSONWriter) -> Void) {
        separate()
        raw(open)
        needsComma = false
        body(&self)
        raw(close)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func token(_ text: String) {
        separate()
        raw(text)
        needsComma = true
    }

    private mutating func raw(_ text: String) {
        var text = text
        text.withUTF8 { bytes.append(contentsOf: $0) }
    }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        let isPlain = text.withUTF8 { utf8 in
            guard !utf8.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) else {
                return false
            }
            bytes.append(contentsOf: utf8)
            return true
        }
        if !isPlain { escape(text) }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): raw("\\\"")
            case UInt8(ascii: "\\"): raw("\\\\")
            case 0x0A: raw("\\n")
            case 0x0D: raw("\\r")
            case 0x09: raw("\\t")
            case 0..<0x20:
                let hex = String(byte, radix: 16)
                raw("\\u" + String(repeating: "0", count: 4 - hex.count) + hex)
            default: bytes.append(byte)
            }
        }
    }
}
