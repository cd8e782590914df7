import FireDevices
import FireImport
import FireModel

let now = Timestamp(milliseconds: 1_795_500_000_000)

/// A row with its name, as far as a test looks at it.
struct Found: Equatable, CustomStringConvertible {
    var line: Int
    var at: Int64
    var text: String
    var description: String { "\(line) \(at) \(text)" }

    init(_ line: Int, _ at: Int64, _ text: String) {
        self.line = line
        self.at = at
        self.text = text
    }
}

struct Read: Equatable {
    var rows: [Found] = []
    var refusals: [ImportRefusal] = []
    var refused = 0
    var error: String?
}

/// Reads a whole file, fed in pieces of `piece` bytes.
func read(
    _ bytes: [UInt8], _ format: ExportFormat, precision: ImportPrecision? = nil, keepsGoing: Bool = true,
    piece: Int = .max, limit: Int = 1000
) -> Read {
    var options = ImportOptions(format)
    options.precision = precision
    options.keepsGoing = keepsGoing
    var reader = ImportReader(options, now: now)
    var found = Read()
    var lines = ImportLines()
    var rest = bytes[...]
    do throws(ImportError) {
        while true {
            let next = rest.prefix(piece)
            rest = rest.dropFirst(next.count)
            reader.feed(next)
            var more = true
            while more {
                more = try reader.read(isLast: rest.isEmpty, limit: limit, into: &lines)
                for row in lines.rows {
                    let name = reader.names[Int(row.name)]
                    let parts = [name.area, name.kind, name.device, name.component, name.metric]
                    let value =
                        switch row.value {
                        case .typed(.text(let text)): "\"\(text)\""
                        case .typed(let value): value.description
                        case .plain(let text): text
                        case .quoted(let text): "\"\(text)\""
                        }
                    let fault = name.fault.map { " ! \($0.found)" } ?? ""
                    found.rows.append(
                        Found(
                            row.line, row.at,
                            parts.map { $0 ?? "-" }.joined(separator: "/") + (name.inactive ? "!" : "") + "=" + value
                                + fault))
                }
                found.refusals += lines.refusals
                found.refused += lines.refused
                if !keepsGoing, lines.refused > 0 { return found }
                lines.clear()
            }
            if rest.isEmpty { return found }
        }
    } catch {
        return Read(error: error.description)
    }
}

func read(
    _ text: String, _ format: ExportFormat, precision: ImportPrecision? = nil, keepsGoing: Bool = true,
    piece: Int = .max, limit: Int = 1000
) -> Read {
    read(Array(text.utf8), format, precision: precision, keepsGoing: keepsGoing, piece: piece, limit: limit)
}

/// The same numbers each time: a failure can be looked at again.
typealias Dice = Randomness
