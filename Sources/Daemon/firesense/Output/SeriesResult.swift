import FireModel

/// Many series, or groups of them, to be printed: a row each for people.
struct SeriesResult {
    var page: Page<SeriesPoints>
    var grouping: SeriesQuery.Grouping?

    func text(_ format: QueryCommand.Format) -> String {
        switch format {
        case .table: table
        case .json: page.json { $0.writeJSON(to: &$1) }
        case .csv: lines(.csv)
        case .line: lines(.line)
        }
    }

    private static let curve = 32

    private var table: String {
        guard let first = page.items.first else { return "no series fit\n" }
        let items = page.items.sorted { ($0.name, $0.component ?? "") < ($1.name, $1.component ?? "") }
        // What is the same in every row, or in none, needs no column.
        let hasComponents = items.contains { $0.component != nil }
        let units = Set(items.map(\.unit))
        var columns: [Table.Column] = [.text(grouping?.rawValue ?? "device")]
        if hasComponents { columns.append(.text("component")) }
        if grouping != nil { columns.append(.number("series")) }
        columns += [.number("points"), .number("min"), .number("avg"), .number("max"), .number("last")]
        if units.count > 1 { columns.append(.text("unit")) }
        columns.append(.text("curve"))
        var table = Table(columns)
        table.keepsCase = true
        table.rows = items.map { item in
            let numbers = item.points.compactMap(\.value.asNumber)
            var row = [item.name]
            if hasComponents { row.append(item.component ?? "") }
            if grouping != nil { row.append("\(item.series)") }
            row += [
                "\(item.points.count)", numbers.min().map(short) ?? "", numbers.isEmpty ? "" : mean(numbers),
                numbers.max().map(short) ?? "", item.points.last.map(shown) ?? "",
            ]
            if units.count > 1 { row.append(item.unit ?? "") }
            return row + [Sparkline.text(numbers, width: Self.curve)]
        }
        let count = items.reduce(0) { $0 + $1.points.count }
        let unit = units.count == 1 ? first.unit.map { " \($0)" } ?? "" : ""
        let rows = items.count == 1 ? "1 row" : "\(items.count) rows"
        return table.text + "\n\(printable(first.metric + unit)), \(rows), \(count) point\(count == 1 ? "" : "s")\n"
    }

    private func shown(_ point: Point) -> String {
        if case .number(let number) = point.value { short(number) } else { point.value.description }
    }

    /// What was measured is short by itself; means of steps are not.
    private func short(_ number: Double) -> String {
        let text = shortest(number)
        return text.count > 10 ? mean([number]) : text
    }

    private func lines(_ format: ExportFormat) -> String {
        var bytes = Array(format.header.utf8)
        for item in page.items {
            for point in item.points {
                ExportedReading(
                    at: point.at, area: item.area ?? "", kind: item.kind ?? (format == .line ? "any" : ""),
                    device: item.device ?? "", component: item.component, metric: item.metric, value: point.value
                ).write(format, to: &bytes)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension SeriesPoints {
    /// By what it is called: the device, else the area or kind.
    fileprivate var name: String { device ?? area ?? kind ?? "" }
}

/// Newest values, to be printed.
struct LatestResult {
    var page: Page<LatestReading>

    func text(_ format: QueryCommand.Format, _ time: LocalTime) -> String {
        switch format {
        case .table: table(time)
        case .json: page.json { $0.writeJSON(to: &$1) }
        case .csv: lines(.csv)
        case .line: lines(.line)
        }
    }

    private func table(_ time: LocalTime) -> String {
        guard !page.items.isEmpty else { return "no series fit\n" }
        let items = page.items.sorted {
            ($0.device, $0.component ?? "", $0.metric) < ($1.device, $1.component ?? "", $1.metric)
        }
        var table = Table([
            .text("device"), .text("component"), .text("metric"), .number("value"), .text("unit"), .text("time"),
            .text("marks"),
        ])
        table.rows = items.map {
            [
                $0.device, $0.component ?? "", $0.metric, $0.value.description, $0.unit ?? "", time.text($0.at),
                $0.quality.words.joined(separator: ", "),
            ]
        }
        return table.text
    }

    private func lines(_ format: ExportFormat) -> String {
        var bytes = Array(format.header.utf8)
        for item in page.items {
            ExportedReading(
                at: item.at, area: item.area, kind: item.kind, device: item.device, component: item.component,
                metric: item.metric, value: item.value
            ).write(format, to: &bytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
