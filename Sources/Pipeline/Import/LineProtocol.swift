import FireModel

/// A field of a line: its key, and its value.
struct LineField: Sendable {
    var key: ArraySlice<UInt8>
    var value: Value
}

/// InfluxDB line protocol, as `export` writes it and as Telegraf, InfluxDB and VictoriaMetrics do:
///
///     kind,area=320102,device=h-1,component=port-3 current=1.92,state="charging" 1795458000123
///
/// The measurement is the kind, unless a tag `kind` says otherwise.
extension ImportReader {
    private struct Fault: Error {
        var found: String
        var expected: String
        var at: Int
        var lines = 0
    }

    private enum Token: Error {
        /// It goes on in what is not here yet.
        case unfinished
        case fault(Fault)
    }

    private struct Tags {
        var kind: ArraySlice<UInt8> = []
        var area: ArraySlice<UInt8> = []
        var device: ArraySlice<UInt8> = []
        var component: ArraySlice<UInt8> = []
    }

    /// One line. `false`: it goes on in what is not here yet, or there is none.
    mutating func readLine(_ bytes: [UInt8], _ isLast: Bool, _ lines: inout ImportLines) -> Bool {
        while position < bytes.count, [0x20, 0x09, 0x0D, 0x0A].contains(bytes[position]) {
            pass(to: position + 1, lines: bytes[position] == 0x0A ? 1 : 0)
        }
        guard position < bytes.count else { return false }
        if bytes[position] == UInt8(ascii: "#") {
            isSkipping = true
            return true
        }
        var ends = 0
        do throws(Token) {
            let end = try parse(bytes, isLast, &ends, &lines)
            pass(to: end, lines: ends)
            return true
        } catch {
            switch error {
            case .unfinished:
                guard isLast else { return false }
                lines.refuse(line, "a line that ends too early", "measurement,tags fields time")
                isSkipping = true
            case .fault(let fault):
                lines.refuse(line, fault.found, fault.expected)
                pass(to: fault.at, lines: ends)
                isSkipping = true
            }
            return true
        }
    }

    private mutating func parse(
        _ bytes: [UInt8], _ isLast: Bool, _ ends: inout Int, _ lines: inout ImportLines
    ) throws(Token) -> Int {
        var index = position
        var tags = Tags()
        tags.kind = try name(bytes, &index, until: [0x2C, 0x20], "the measurement")
        var kind: ArraySlice<UInt8>?
        while bytes[index] == UInt8(ascii: ",") {
            index += 1
            let start = index
            let key = try name(bytes, &index, until: [0x3D], "a tag")
            index += 1
            let value = try name(bytes, &index, until: [0x2C, 0x20], "tag \(shown(key))")
            switch String(decoding: key, as: UTF8.self) {
            case "kind": kind = value
            case "area": tags.area = value
            case "device": tags.device = value
            case "component": tags.component = value
            case let other:
                throw .fault(
                    Fault(
                        found: "tag \(shown(other))",
                        expected:
                            "area, kind, device or component: leave others out, as two series that differ in them "
                            + "alone would become one",
                        at: start))
            }
        }
        if let kind { tags.kind = kind }
        while index < bytes.count, bytes[index] == 0x20 { index += 1 }
        fields.removeAll(keepingCapacity: true)
        while true {
            let key = try name(bytes, &index, until: [0x3D], "a field")
            index += 1
            let value = try value(bytes, isLast, &index, &ends, of: key)
            fields.append(LineField(key: key, value: value))
            guard index < bytes.count, bytes[index] == UInt8(ascii: ",") else { break }
            index += 1
        }
        while index < bytes.count, bytes[index] == 0x20 { index += 1 }
        let start = index
        while index < bytes.count, bytes[index] != 0x0A { index += 1 }
        guard index < bytes.count || isLast else { throw .unfinished }
        var end = index
        while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x0D { end -= 1 }
        guard start < end else {
            throw .fault(Fault(found: "no time", expected: "a time behind the fields", at: start))
        }
        switch time(bytes[start..<end]) {
        case .success(let at): emit(tags, at, &lines)
        case .failure(let reason): lines.refuse(line, reason.found, reason.expected)
        }
        guard index < bytes.count else { return index }
        ends += 1
        return index + 1
    }

    private mutating func emit(_ tags: Tags, _ at: Int64, _ lines: inout ImportLines) {
        for field in fields {
            var inactive = false
            var value = field.value
            if field.key.starts(with: EventName.metricPrefix.utf8) {
                switch value {
                case .boolean(let active): inactive = !active
                case .number(let number) where number == 0 || number == 1:
                    value = .boolean(number == 1)
                    inactive = number == 0
                default:
                    lines.refuse(line, "value \(shown(value.description)) of an event", "true or false")
                    continue
                }
            }
            makeKey(tags.area, tags.kind, tags.device, tags.component, field.key, inactive)
            let name = place {
                ImportName(tags.area, tags.kind, tags.device, tags.component, field.key, inactive)
            }
            lines.rows.append(ImportRow(name: name, line: line, at: at, value: .typed(value)))
        }
    }

    /// A measurement, a key or the value of a tag: up to an unescaped one of `stops`.
    private func name(
        _ bytes: [UInt8], _ index: inout Int, until stops: [UInt8], _ what: String
    ) throws(Token) -> ArraySlice<UInt8> {
        let start = index
        var hasEscapes = false
        while true {
            guard index < bytes.count else { throw .unfinished }
            let byte = bytes[index]
            if byte == 0x0A {
                throw .fault(
                    Fault(
                        found: "the end of the line in \(what) \(shown(bytes[start..<index]))",
                        expected: "measurement,tags fields time", at: index))
            }
            if byte == UInt8(ascii: "\\") {
                guard index + 1 < bytes.count else { throw .unfinished }
                if Self.isSpecial(bytes[index + 1]) {
                    hasEscapes = true
                    index += 2
                    continue
                }
            }
            if stops.contains(byte) { break }
            if byte == 0x20 {
                throw .fault(
                    Fault(
                        found: "a blank in \(what) \(shown(bytes[start..<index]))",
                        expected: "a backslash before each blank, comma and equals sign of a name", at: index))
            }
            index += 1
        }
        guard index > start else {
            throw .fault(Fault(found: "\(what) without a name", expected: "measurement,tags fields time", at: index))
        }
        guard hasEscapes else { return bytes[start..<index] }
        var plain: [UInt8] = []
        var place = start
        while place < index {
            if bytes[place] == UInt8(ascii: "\\"), Self.isSpecial(bytes[place + 1]) { place += 1 }
            plain.append(bytes[place])
            place += 1
        }
        return plain[...]
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "=") || byte == UInt8(ascii: " ")
    }

    private func value(
        _ bytes: [UInt8], _ isLast: Bool, _ index: inout Int, _ ends: inout Int, of key: ArraySlice<UInt8>
    ) throws(Token) -> Value {
        if index < bytes.count, bytes[index] == UInt8(ascii: "\"") {
            return .text(try text(bytes, &index, &ends, of: key))
        }
        let start = index
        while index < bytes.count, ![0x2C, 0x20, 0x0A].contains(bytes[index]) { index += 1 }
        guard index < bytes.count || isLast else { throw .unfinished }
        let written = bytes[start..<index]
        if let number = Numbers.double(written) { return .number(number) }
        if let last = written.last, last == UInt8(ascii: "i") || last == UInt8(ascii: "u"),
            written.dropLast().allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D }),
            let number = Numbers.double(written.dropLast())
        {
            return .number(number)
        }
        if let first = written.first, first >= UInt8(ascii: "A"), let boolean = Numbers.boolean(written),
            first | 0x20 != UInt8(ascii: "o")
        {
            return .boolean(boolean)
        }
        throw .fault(
            Fault(
                found: "value \(shown(written)) of \(shown(key))",
                expected: "a number, an integer like 12i, true, false, or a text in quotes", at: index))
    }

    /// Behind it, `index` is behind the closing quote.
    private func text(
        _ bytes: [UInt8], _ index: inout Int, _ ends: inout Int, of key: ArraySlice<UInt8>
    ) throws(Token) -> String {
        var plain: [UInt8] = []
        var place = index + 1
        var lineEnds = 0
        while true {
            guard place < bytes.count else { throw .unfinished }
            var byte = bytes[place]
            if byte == UInt8(ascii: "\"") { break }
            if byte == UInt8(ascii: "\\") {
                guard place + 1 < bytes.count else { throw .unfinished }
                let next = bytes[place + 1]
                if next == UInt8(ascii: "\"") || next == UInt8(ascii: "\\") {
                    place += 1
                    byte = next
                }
            }
            if byte == 0x0A { lineEnds += 1 }
            plain.append(byte)
            place += 1
        }
        index = place + 1
        ends += lineEnds
        guard let text = String(validating: plain, as: UTF8.self) else {
            throw .fault(Fault(found: "a text of \(shown(key)) that is not UTF-8", expected: "UTF-8", at: index))
        }
        return text
    }
}
