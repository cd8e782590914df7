import Synchronization

/// The page of `/metrics`: Prometheus text exposition format 0.0.4.
///
/// A stage declares its counters beside the code that counts and registers them here once, at
/// assembly. Metric names are given without the prefix `firesense_`. No device id is ever a label.
public final class MetricPage: Sendable {
    public typealias Labels = [(name: String, value: String)]

    private enum Source: Sendable {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(Histogram)
        /// Read when the page is asked for: values with labels that come and go.
        case collected(@Sendable () -> [(labels: Labels, value: Double)])
        case collectedHistograms(@Sendable () -> [(labels: Labels, histogram: Histogram)])
    }

    private struct Family: Sendable {
        var name: String
        var type: String
        var help: String
        var series: [(labels: Labels, source: Source)]
    }

    private let families = Mutex<[Family]>([])

    public init() {}

    public func register(_ name: String, _ help: String, _ labels: Labels = [], _ counter: Counter) {
        add(name, "counter", help, labels, .counter(counter))
    }

    public func register(_ name: String, _ help: String, _ labels: Labels = [], _ gauge: Gauge) {
        add(name, "gauge", help, labels, .gauge(gauge))
    }

    public func register(_ name: String, _ help: String, _ labels: Labels = [], _ histogram: Histogram) {
        add(name, "histogram", help, labels, .histogram(histogram))
    }

    /// Values whose labels come and go (`alarms_active`, one per endpoint). `type`: `gauge` or `counter`.
    public func collect(
        _ name: String, _ help: String, type: String = "gauge",
        _ values: @escaping @Sendable () -> [(labels: Labels, value: Double)]
    ) {
        add(name, type, help, [], .collected(values))
    }

    /// Histograms whose labels come and go.
    public func collectHistograms(
        _ name: String, _ help: String, _ histograms: @escaping @Sendable () -> [(labels: Labels, histogram: Histogram)]
    ) {
        add(name, "histogram", help, [], .collectedHistograms(histograms))
    }

    private func add(_ name: String, _ type: String, _ help: String, _ labels: Labels, _ source: Source) {
        families.withLock { families in
            if let index = families.firstIndex(where: { $0.name == name }) {
                families[index].series.append((labels, source))
            } else {
                families.append(Family(name: name, type: type, help: help, series: [(labels, source)]))
            }
        }
    }

    public func render() -> String {
        var text = ""
        for family in families.withLock({ $0 }) {
            let name = "firesense_\(family.name)"
            text += "# HELP \(name) \(family.help)\n# TYPE \(name) \(family.type)\n"
            for (labels, source) in family.series {
                switch source {
                case .counter(let counter): text += line(name, labels, Double(counter.value))
                case .gauge(let gauge): text += line(name, labels, gauge.value)
                case .histogram(let histogram): text += lines(name, labels, histogram)
                case .collectedHistograms(let histograms):
                    for (labels, histogram) in histograms() { text += lines(name, labels, histogram) }
                case .collected(let values): for (labels, value) in values() { text += line(name, labels, value) }
                }
            }
        }
        return text
    }

    private func lines(_ name: String, _ labels: Labels, _ histogram: Histogram) -> String {
        let state = histogram.snapshot
        var text = ""
        var total: UInt64 = 0
        for (bound, count) in zip(histogram.bounds, state.counts) {
            total += count
            text += line("\(name)_bucket", labels + [("le", number(bound))], Double(total))
        }
        total += state.counts[histogram.bounds.count]
        text += line("\(name)_bucket", labels + [("le", "+Inf")], Double(total))
        text += line("\(name)_sum", labels, state.sum)
        text += line("\(name)_count", labels, Double(total))
        return text
    }

    private func line(_ name: String, _ labels: Labels, _ value: Double) -> String {
        guard !labels.isEmpty else { return "\(name) \(number(value))\n" }
        let inner = labels.map { "\($0.name)=\"\(escaped($0.value))\"" }.joined(separator: ",")
        return "\(name){\(inner)} \(number(value))\n"
    }

    private func number(_ value: Double) -> String {
        value == value.rounded() && value.magnitude < 1e15 ? String(Int64(value)) : "\(value)"
    }

    private func escaped(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "\\": out += "\\\\"
            case "\"": out += "\\\""
            case "\n": out += "\\n"
            default: out.append(character)
            }
        }
        return out
    }
}
