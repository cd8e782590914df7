/// The machine-readable forms of stored readings, one line each, times in integer milliseconds.
public enum ExportFormat: String, Sendable, CaseIterable {
    /// RFC 4180 with a header line; lines end in `\n`. A text that looks like a number, true or false is in quotes.
    case csv
    /// InfluxDB line protocol: the kind is the measurement, area, device and component are tags.
    case line

    /// Written once, before the first reading; empty for `line`.
    public var header: String { self == .csv ? "ts,area,kind,device,component,metric,value\n" : "" }
}

extension ExportedReading {
    /// Adds this reading as one line, with its line end.
    public func write(_ format: ExportFormat, to bytes: inout [UInt8]) {
        switch format {
        case .csv: writeCSV(to: &bytes)
        case .line: writeLine(to: &bytes)
        }
    }

    private func writeCSV(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: String(at.milliseconds).utf8)
        bytes.append(csv: area)
        bytes.append(csv: kind)
        bytes.append(csv: device)
        bytes.append(csv: component ?? "")
        bytes.append(csv: metric)
        bytes.append(csv: value.description, isQuoted: value.isMistakable)
        bytes.append(UInt8(ascii: "\n"))
    }

    private func writeLine(to bytes: inout [UInt8]) {
        bytes.append(name: kind, escaping: [UInt8(ascii: ","), UInt8(ascii: " ")])
        for (tag, text) in [("area", area), ("device", device), ("component", component ?? "")] where !text.isEmpty {
            bytes.append(contentsOf: ",\(tag)=".utf8)
            bytes.append(name: text, escaping: keyEscapes)
        }
        bytes.append(UInt8(ascii: " "))
        bytes.append(name: metric, escaping: keyEscapes)
        bytes.append(UInt8(ascii: "="))
        if case .text(let text) = value {
            bytes.append(quoted: text)
        } else {
            bytes.append(contentsOf: value.description.utf8)
        }
        bytes.append(contentsOf: " \(at.milliseconds)\n".utf8)
    }
}

extension Value {
    /// A text that would read back as something else, where nobody knows what its metric is: in quotes it is a text.
    fileprivate var isMistakable: Bool {
        guard case .text(let text) = self else { return false }
        return text.isEmpty || text == "true" || text == "false" || Double(text) != nil
    }
}

private func mustBeQuoted(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\"") || byte == 0x0A || byte == 0x0D
}

private let keyEscapes: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: "="), UInt8(ascii: " ")]

extension [UInt8] {
    /// A comma and a field of CSV, quoted only where it must be.
    fileprivate mutating func append(csv field: String, isQuoted: Bool = false) {
        append(UInt8(ascii: ","))
        guard isQuoted || field.utf8.contains(where: mustBeQuoted) else {
            append(contentsOf: field.utf8)
            return
        }
        append(UInt8(ascii: "\""))
        for byte in field.utf8 {
            if byte == UInt8(ascii: "\"") { append(byte) }
            append(byte)
        }
        append(UInt8(ascii: "\""))
    }

    /// A measurement, tag or field key. The protocol has no way to write a line break in one, nor a
    /// backslash at its end; both become `_`.
    fileprivate mutating func append(name: String, escaping special: [UInt8]) {
        let last = name.utf8.count - 1
        for (index, byte) in name.utf8.enumerated() {
            if byte == 0x0A || byte == 0x0D || (byte == UInt8(ascii: "\\") && index == last) {
                append(UInt8(ascii: "_"))
                continue
            }
            if special.contains(byte) { append(UInt8(ascii: "\\")) }
            append(byte)
        }
    }

    fileprivate mutating func append(quoted text: String) {
        append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { append(UInt8(ascii: "\\")) }
            append(byte)
        }
        append(UInt8(ascii: "\""))
    }
}
