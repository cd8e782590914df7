import FireModel

/// Columns of the file, and the record that is being read.
struct CSVState: Sendable {
    enum Column: Int, CaseIterable, Sendable {
        case ts, area, kind, device, component, metric, value
        var name: String { "\(self)" }
    }

    struct Field: Sendable {
        var from: Int
        var to: Int
        var isQuoted = false
        /// Quotes in it are doubled.
        var hasQuotes = false
    }

    /// Of each column of the file; empty: the header has not been read.
    var columns: [Column] = []
    /// Where in a record each known column is; -1: nowhere.
    var places = [Int](repeating: -1, count: Column.allCases.count)
    var fields: [Field] = []
}

extension ImportReader {
    private enum Record {
        case whole(end: Int, lines: Int)
        case faulty(found: String, expected: String, at: Int, lines: Int)
        case unfinished
    }

    func expectHeader() throws(ImportError) {
        guard format == .csv, csv.columns.isEmpty else { return }
        throw ImportError(
            description: "there is no header; expected a first line like ts,area,kind,device,component,metric,value")
    }

    /// One record. `false`: it goes on in what is not here yet, or there is none.
    mutating func readCSV(_ bytes: [UInt8], _ isLast: Bool, _ lines: inout ImportLines) throws(ImportError) -> Bool {
        guard position < bytes.count else { return false }
        switch record(bytes, isLast) {
        case .unfinished:
            guard isLast else { return false }
            try expectHeader()
            lines.refuse(line, "a quote that is never closed", "a quote at the end of the text")
            isSkipping = true
            return true
        case .faulty(let found, let expected, let at, let ends):
            guard !csv.columns.isEmpty else {
                throw ImportError(description: "the header cannot be read: found \(found), expected \(expected)")
            }
            lines.refuse(line, found, expected)
            pass(to: at, lines: ends)
            isSkipping = true
            return true
        case .whole(let end, let ends):
            defer { pass(to: end, lines: ends) }
            // An empty line, as at the end of many files.
            if csv.fields.count == 1, csv.fields[0].from == csv.fields[0].to, !csv.fields[0].isQuoted { return true }
            if csv.columns.isEmpty { try readHeader(bytes) } else { take(bytes, &lines) }
            return true
        }
    }

    /// Finds the fields of the record at `position`, after RFC 4180.
    private mutating func record(_ bytes: [UInt8], _ isLast: Bool) -> Record {
        csv.fields.removeAll(keepingCapacity: true)
        let count = bytes.count
        var index = position
        var ends = 0
        while true {
            var field = CSVState.Field(from: index, to: index)
            if index < count, bytes[index] == UInt8(ascii: "\"") {
                field.isQuoted = true
                index += 1
                field.from = index
                while true {
                    guard index < count else { return .unfinished }
                    let byte = bytes[index]
                    if byte == 0x0A { ends += 1 }
                    if byte == UInt8(ascii: "\"") {
                        guard index + 1 < count else {
                            if !isLast { return .unfinished }
                            break
                        }
                        guard bytes[index + 1] == UInt8(ascii: "\"") else { break }
                        field.hasQuotes = true
                        index += 1
                    }
                    index += 1
                }
                field.to = index
                index += 1
                if index + 1 < count, bytes[index] == 0x0D, bytes[index + 1] == 0x0A { index += 1 }
                if index + 1 == count, bytes[index] == 0x0D { if isLast { index += 1 } else { return .unfinished } }
                if index < count, bytes[index] != UInt8(ascii: ","), bytes[index] != 0x0A {
                    return .faulty(
                        found: "\(shown(bytes[index...index])) behind the quote that closes a text",
                        expected: "a comma or the end of the line", at: index, lines: ends)
                }
            } else {
                while index < count {
                    let byte = bytes[index]
                    if byte == UInt8(ascii: ",") || byte == 0x0A { break }
                    if byte == UInt8(ascii: "\"") {
                        return .faulty(
                            found: "a quote behind \(shown(bytes[field.from..<index]))",
                            expected: "the whole field in quotes, and each quote in it doubled", at: index, lines: ends)
                    }
                    index += 1
                }
                field.to = index
                if index > field.from, bytes[index - 1] == 0x0D, index == count ? isLast : bytes[index] == 0x0A {
                    field.to -= 1
                }
            }
            guard index < count || isLast else { return .unfinished }
            csv.fields.append(field)
            guard index < count else { return .whole(end: count, lines: ends) }
            index += 1
            if bytes[index - 1] == 0x0A { return .whole(end: index, lines: ends + 1) }
        }
    }

    private func content(_ bytes: [UInt8], _ field: CSVState.Field) -> ArraySlice<UInt8> {
        guard field.hasQuotes else { return bytes[field.from..<field.to] }
        var plain: [UInt8] = []
        var index = field.from
        while index < field.to {
            plain.append(bytes[index])
            index += bytes[index] == UInt8(ascii: "\"") ? 2 : 1
        }
        return plain[...]
    }

    private mutating func readHeader(_ bytes: [UInt8]) throws(ImportError) {
        let known = CSVState.Column.allCases.map(\.name).joined(separator: ", ")
        for (index, field) in csv.fields.enumerated() {
            let name = String(decoding: content(bytes, field), as: UTF8.self)
            guard let column = CSVState.Column.allCases.first(where: { $0.name == name }) else {
                throw ImportError(description: "column \(shown(name)) is not known here; known are: \(known)")
            }
            guard csv.places[column.rawValue] < 0 else {
                throw ImportError(description: "column '\(name)' is there twice")
            }
            csv.places[column.rawValue] = index
            csv.columns.append(column)
        }
        let needed: [CSVState.Column] = [.ts, .device, .metric, .value]
        let missing = needed.filter { csv.places[$0.rawValue] < 0 }.map(\.name)
        guard missing.isEmpty else {
            throw ImportError(
                description: "column \(missing.joined(separator: ", ")) is missing; known are: \(known), of which "
                    + "component may be absent, and area and kind where every device is known")
        }
    }

    private mutating func take(_ bytes: [UInt8], _ lines: inout ImportLines) {
        guard csv.fields.count == csv.columns.count else {
            return lines.refuse(
                line, "\(csv.fields.count) fields", "\(csv.columns.count), as many as the header has")
        }
        func part(_ column: CSVState.Column) -> ArraySlice<UInt8> {
            let place = csv.places[column.rawValue]
            return place < 0 ? [] : content(bytes, csv.fields[place])
        }
        let at: Int64
        switch time(part(.ts)) {
        case .success(let time): at = time
        case .failure(let reason): return lines.refuse(line, reason.found, reason.expected)
        }
        let metric = part(.metric)
        let value = part(.value)
        let isQuoted = csv.fields[csv.places[CSVState.Column.value.rawValue]].isQuoted
        guard isQuoted || !value.isEmpty else { return lines.refuse(line, "no value", "a value") }
        guard let text = String(validating: value, as: UTF8.self) else {
            return lines.refuse(line, "a value that is not UTF-8", "UTF-8")
        }
        var inactive = false
        if metric.starts(with: EventName.metricPrefix.utf8) {
            guard let active = Numbers.boolean(value) else {
                return lines.refuse(line, "value \(shown(text)) of an event", "true or false")
            }
            inactive = !active
        }
        let (area, kind, device, component) = (part(.area), part(.kind), part(.device), part(.component))
        makeKey(area, kind, device, component, metric, inactive)
        let name = place { ImportName(area, kind, device, component, metric, inactive) }
        lines.rows.append(ImportRow(name: name, line: line, at: at, value: isQuoted ? .quoted(text) : .plain(text)))
    }
}

extension ImportName {
    init(
        _ area: some Collection<UInt8>, _ kind: some Collection<UInt8>, _ device: some Collection<UInt8>,
        _ component: some Collection<UInt8>, _ metric: some Collection<UInt8>, _ inactive: Bool
    ) {
        func text(_ bytes: some Collection<UInt8>) -> String? {
            bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
        }
        self.area = text(area)
        self.kind = text(kind)
        self.device = text(device) ?? ""
        self.component = text(component)
        self.metric = text(metric) ?? ""
        self.inactive = inactive
        for (what, bytes) in [("component", Array(component)), ("metric", Array(metric))] {
            guard fault == nil, String(validating: bytes, as: UTF8.self) == nil else { continue }
            fault = ImportFault(found: "\(what) \(shown(bytes)) that is not UTF-8", expected: "UTF-8")
        }
    }
}
