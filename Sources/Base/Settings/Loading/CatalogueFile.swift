import FireModel

/// Reads `device-kinds.yaml`.
///
/// A kind of the same name as one that is there is extended: what the file says replaces, what it leaves out
/// stays. So the shipped rules keep the metrics they are about.
struct CatalogueFile {
    private(set) var catalogue: Catalogue
    /// The built-in fire looks at these, of any kind.
    private static let raisesFire: Set<String> = ["smoke", "fire"]

    init(extending catalogue: Catalogue = Catalogue(kinds: [])) { self.catalogue = catalogue }

    mutating func read(_ document: Document) {
        document.root()?.mapping { root in
            guard let kinds = root.required("kinds", expected: "kinds: and below it each kind by its name") else {
                return
            }
            kinds.mapping { section in
                for (name, field) in section.all { read(name, field) }
            }
        }
    }

    private mutating func read(_ name: String, _ field: Field) {
        guard Names.isIdentifier(name), !Catalogue.reservedKinds.contains(name) else {
            field.complain(
                found: "kind '\(shortened(name))'", expected: Form.identifier.expected + ", neither gateway nor alarm")
            return
        }
        let known = catalogue.kinds.firstIndex { $0.name == name }
        let kind = field.mapping { section -> DeviceKind? in
            self.kind(named: name, section, extending: known.map { catalogue.kinds[$0] })
        }
        guard let kind else { return }
        if let known { catalogue.kinds[known] = kind } else { catalogue.kinds.append(kind) }
    }

    private func kind(named name: String, _ section: Section, extending known: DeviceKind?) -> DeviceKind? {
        let title = readTitle(section, required: known == nil) ?? known?.title
        let interval =
            (known == nil
                ? section.required("expected_interval", .duration(from: .seconds(1)))
                : section["expected_interval"]?.read(.duration(from: .seconds(1)))) ?? known?.expectedInterval
        var urgent = known?.urgent ?? false
        section.read("urgent", .boolean, into: &urgent)
        if known?.urgent == true, !urgent {
            section["urgent"]?.complain(
                .warning, expected: "true", remedy: "fires of this kind would wait behind telemetry")
        }
        var metrics = known?.metrics ?? []
        if let list = known == nil
            ? section.required("metrics", expected: "its metrics by their names") : section["metrics"]
        {
            list.mapping { section in
                for (name, field) in section.all {
                    guard let metric = metric(named: name, field) else { continue }
                    if let index = metrics.firstIndex(where: { $0.name == name }) {
                        metrics[index] = metric
                    } else {
                        metrics.append(metric)
                    }
                }
            }
        }
        if metrics.count > Limits.maximumMetricsPerDevice {
            section.field.complain(
                found: "\(metrics.count) metrics", expected: "at most \(Limits.maximumMetricsPerDevice)")
        }
        guard let title, let interval else { return nil }
        return DeviceKind(name: name, title: title, urgent: urgent, expectedInterval: interval, metrics: metrics)
    }

    private func metric(named name: String, _ field: Field) -> Metric? {
        guard Names.isIdentifier(name), name != "online", !name.hasPrefix(EventName.metricPrefix) else {
            field.complain(
                found: "metric '\(shortened(name))'",
                expected: Form.identifier.expected + ", neither online nor beginning with \(EventName.metricPrefix)")
            return nil
        }
        return field.mapping { section -> Metric? in
            let type = section.required("type", Form<Metric.ValueType>.word)
            if let type, type != .boolean, Self.raisesFire.contains(name) {
                section["type"]?.complain(
                    expected: "boolean, as true raises a fire", remedy: "give a measured value another name")
            }
            let title = readTitle(section, required: true)
            let unit = section["unit"]?.read(.text("a unit", upTo: 32, emptyAllowed: false))
            let range = section["range"]?.range()
            if let type, type != .number, let misplaced = section["range"] ?? section["unit"] {
                misplaced.complain(found: "it beside type: \(type.rawValue)", expected: "it with type: number only")
            }
            guard let type, let title else { return nil }
            return Metric(name: name, type: type, unit: unit, plausible: range, title: title)
        }
    }
}

/// `title: { zh: …, en: … }`, both.
func readTitle(_ section: Section, required: Bool) -> Title? {
    let expected = "title: { zh: …, en: … }"
    guard let field = required ? section.required("title", expected: expected) : section["title"] else { return nil }
    return field.mapping { section -> Title? in
        let zh = section.required("zh", .text(upTo: 200, emptyAllowed: false))
        let en = section.required("en", .text(upTo: 200, emptyAllowed: false))
        guard let zh, let en else { return nil }
        return Title(zh: zh, en: en)
    }
}

extension Field {
    /// `[low, high]`
    func range() -> ClosedRange<Double>? {
        guard let ends = list(.number) else { return nil }
        guard ends.count == 2, ends[0] < ends[1] else {
            complain(
                found: "[\(ends.map { shortest($0) }.joined(separator: ", "))]", expected: "[low, high], low below high"
            )
            return nil
        }
        return ends[0]...ends[1]
    }
}
