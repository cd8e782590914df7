import FireModel
import Foundation

/// One series, to be printed.
struct QueryResult {
    var device: AlarmDevice
    var component: String?
    var metric: String
    var unit: String?
    /// Oldest first.
    var points: [Point]

    func text(_ format: QueryCommand.Format, _ time: LocalTime) -> String {
        switch format {
        case .table: table(time)
        case .json: json
        case .csv: lines(.csv)
        case .line: lines(.line)
        }
    }

    private func table(_ time: LocalTime) -> String {
        guard !points.isEmpty else { return "no readings in this time\n" }
        let heading = unit.map { "\(metric) \($0)" } ?? metric
        var table = Table([.text("time"), Table.Column(heading: heading, isNumber: numbers.count == points.count)])
        table.keepsCase = true
        table.rows = points.map { [time.text($0.at), $0.value.description] }
        return table.text + footer
    }

    private var numbers: [Double] { points.compactMap(\.value.asNumber) }

    /// What the numbers come to.
    private var footer: String {
        let count = "\n\(points.count) point\(points.count == 1 ? "" : "s")"
        guard let least = numbers.min(), let greatest = numbers.max() else { return count + "\n" }
        let unit = unit.map { " \($0)" } ?? ""
        return count
            + ", min \(shortest(least))\(unit), avg \(mean(numbers))\(unit), max \(shortest(greatest))\(unit)\n"
            + Sparkline.text(numbers, width: 64) + "\n"
    }

    private var json: String {
        var json = JSONWriter()
        json.object { json in
            json.field("unit", unit)
            json.key("points")
            points.writeJSON(to: &json)
        }
        return json.text + "\n"
    }

    private func lines(_ format: ExportFormat) -> String {
        var bytes = Array(format.header.utf8)
        for point in points {
            ExportedReading(
                at: point.at, area: device.area, kind: device.kind, device: device.id, component: component,
                metric: metric, value: point.value
            ).write(format, to: &bytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Value {
    /// Booleans count as 0 and 1.
    var asNumber: Double? {
        switch self {
        case .number(let number): number
        case .boolean(let truth): truth ? 1 : 0
        case .text: nil
        }
    }
}

/// Of at least one number. A mean has more digits than what was measured; six say enough.
func mean(_ numbers: [Double]) -> String {
    let number = numbers.reduce(0) { $0 + $1 / Double(numbers.count) }
    guard number != 0, number.isFinite else { return shortest(number) }
    let factor = pow(10, 5 - (log10(abs(number))).rounded(.down))
    let result = (number * factor).rounded() / factor
    return shortest(result.isFinite ? result : number)
}
