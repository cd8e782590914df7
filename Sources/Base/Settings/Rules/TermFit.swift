import FireModel

/// Whether the limits of a term fit the metrics it looks at: type, unit and plausible range.
struct TermFit {
    let measure: Condition.Measure
    /// The metrics under their kinds.
    let definitions: [(kind: String, metric: Metric)]

    // MARK: Limits

    /// A number, with or without its unit: `0.10`, `0.10 MPa`, `100 kPa`.
    func limit(_ field: Field) -> Double? {
        guard let text = field.read(.text("a number such as 0.10", emptyAllowed: false)) else { return nil }
        if let number = Form<Double>.number.parse(text) { return number }
        guard let match = text.wholeMatch(of: /([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\p{L}.*|[%°℃].*)/),
            let number = Form<Double>.number.parse(String(match.1))
        else {
            field.complain(expected: Form<Double>.number.expected)
            return nil
        }
        return convert(number, from: String(match.2), field)
    }

    /// `[low, high]`
    func range(_ field: Field) -> ClosedRange<Double>? {
        guard let elements = field.elements(expected: "[low, high]"), let ends = all(elements.map { limit($0) }) else {
            return nil
        }
        guard ends.count == 2, ends[0] < ends[1] else {
            field.complain(
                found: "[\(ends.map { shortest($0) }.joined(separator: ", "))]", expected: "[low, high], low below high"
            )
            return nil
        }
        return ends[0]...ends[1]
    }

    private func convert(_ number: Double, from unit: String, _ field: Field) -> Double? {
        guard measure.isInUnitOfMetric else {
            field.complain(expected: "a number without a unit, as fn: \(measure.name ?? "") has none")
            return nil
        }
        let units = Set(definitions.map { $0.metric.unit ?? "" })
        guard units.count == 1, let its = units.first else {
            field.complain(
                expected: "a number without a unit, as kinds have the metric in different ones",
                remedy: "name the kinds of the rule")
            return nil
        }
        if its.isEmpty {
            field.complain(expected: "a number without a unit, as the metric has none")
            return nil
        }
        if let converted = MeasuredUnit.convert(number, from: unit, to: its) { return converted }
        field.complain(expected: "a number in \(its), the unit of the metric")
        return nil
    }

    // MARK: Fit

    /// The metric has such values, and within its plausible range: a limit beyond it is a limit in another unit.
    func fits(_ test: Condition.Test, _ field: Field) -> Bool {
        for (kind, metric) in definitions {
            guard measure.takes(metric.type) else {
                field.complain(
                    found: "fn: \(measure.name ?? "")",
                    expected: "a test of \(metric.type.rawValue), as \(metric.name) of \(kind) is")
                return false
            }
            guard measure != .value || test.types == [metric.type] || test == .changed else {
                let words = test.types.map(\.rawValue).sorted().joined(separator: " and ")
                field.complain(
                    found: "a test of \(words)",
                    expected: "one of \(metric.type.rawValue), as \(metric.name) of \(kind) is")
                return false
            }
            guard let plausible = metric.plausible, let range = measure.range(of: plausible) else { continue }
            for limit in test.numbers where !range.contains(limit) {
                let unit = metric.unit.map { " \($0)" } ?? ""
                let what = measure == .value ? "" : "what fn: \(measure.name ?? "") can come to within "
                field.complain(
                    found: shortest(limit),
                    expected:
                        "\(shortest(range.lowerBound)) to \(shortest(range.upperBound))\(unit), \(what)the plausible range of \(metric.name) of \(kind)"
                )
                return false
            }
        }
        return true
    }
}

extension Condition.Measure {
    /// Its result has the unit of the metric.
    var isInUnitOfMetric: Bool {
        switch self {
        case .value, .rise, .fall: true
        case .statistic(let it, _): it != .count
        case .flaps, .deviation: false
        }
    }

    /// It can be taken of such values.
    func takes(_ type: Metric.ValueType) -> Bool {
        switch self {
        case .value, .flaps, .statistic(.count, _): true
        case .rise, .fall, .statistic, .deviation: type == .number
        }
    }

    /// It is never below zero.
    var isCount: Bool {
        switch self {
        case .rise, .fall, .flaps, .statistic(.count, _): true
        case .value, .statistic, .deviation: false
        }
    }

    /// What it can come to where values are within `plausible`; `nil`: no bounds.
    func range(of plausible: ClosedRange<Double>) -> ClosedRange<Double>? {
        switch self {
        case .value, .statistic(.avg, _), .statistic(.min, _), .statistic(.max, _): plausible
        case .rise, .fall: 0...(plausible.upperBound - plausible.lowerBound)
        case .statistic(.sum, _), .statistic(.count, _), .flaps, .deviation: nil
        }
    }
}
