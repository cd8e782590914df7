import FireModel

/// Rows under headings: columns for people, RFC 4180 for machines.
struct Table {
    struct Column {
        var heading: String
        var isNumber = false

        static func text(_ heading: String) -> Column { Column(heading: heading) }
        static func number(_ heading: String) -> Column { Column(heading: heading, isNumber: true) }
    }

    var columns: [Column]
    var rows: [[String]] = []
    /// Print headings as they are; units may not be changed.
    var keepsCase = false

    init(_ columns: [Column]) { self.columns = columns }

    /// One line per row, headings first, columns two blanks apart. Numbers stand to the right.
    var text: String {
        let headings = columns.map { keepsCase ? $0.heading : $0.heading.uppercased() }
        let cells = ([headings] + rows).map { $0.map(printable) }
        let widths = columns.indices.map { column in
            cells.map { firesense.columns(of: $0[column]) }.max() ?? 0
        }
        return cells.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - firesense.columns(of: cell))
                if column > 0 { line += "  " }
                line += columns[column].isNumber ? padding + cell : cell + padding
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    var csv: String {
        ([columns.map(\.heading)] + rows).map { $0.map(field).joined(separator: ",") + "\n" }.joined()
    }

    private func field(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 0x2C || $0 == 0x22 || $0 == 0x0A || $0 == 0x0D }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}

extension Page {
    /// The form of every list of the HTTP interface.
    func json(_ write: (Item, inout JSONWriter) -> Void) -> String {
        var json = JSONWriter()
        json.object { json in
            json.key("items")
            json.array { json in for item in items { write(item, &json) } }
            json.field("next", next)
        }
        return json.text + "\n"
    }
}
