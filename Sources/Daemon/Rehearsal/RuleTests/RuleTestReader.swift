import FireModel
import FireRules
import FireSettings

/// Reads a file of tests of rules. Its words are those of `promtool test rules`, where that has them.
struct RuleTestReader {
    /// Begins on a Monday morning, when nothing is on holiday.
    private static let start = Timestamp(milliseconds: 1_767_571_200_000)
    private static let area = "000000"

    private let rules: [RuleDefinition]
    private let catalogue: Catalogue
    private let interval: Duration
    private let timeZone: String

    /// - Throws: everything that is wrong in the file, and in the rules it names.
    static func read(_ source: SourceFile) throws(RuleTestProblems) -> RuleTestFile {
        let document = Document(source, environment: Environment([:]))
        var ofRules: [Problem] = []
        let file = document.root()?.mapping { root -> RuleTestFile? in
            var paths: [String] = []
            var defaults = false
            var interval = Duration.seconds(60)
            var timeZone = Configuration.Gateway.defaultTimeZone
            root.list("rule_files", .text("a path", emptyAllowed: false), into: &paths)
            root.read("defaults", .boolean, into: &defaults)
            let kinds = root["device_kinds"]?.read(.text("a path", emptyAllowed: false))
            root.read("evaluation_interval", .duration(.seconds(1)...(.seconds(86_400))), into: &interval)
            root.read("time_zone", .timeZone, into: &timeZone)
            let loaded = RulesOfFiles(
                paths: paths, defaults: defaults, deviceKinds: kinds, in: source.directory, reserved: BuiltInRules.ids,
                timeZone: timeZone)
            ofRules = loaded.problems
            let reader = RuleTestReader(
                rules: loaded.rules, catalogue: loaded.catalogue, interval: interval, timeZone: timeZone)
            let tests =
                (root.required("tests", expected: "tests: and below it a list of tests")?
                .elements(expected: "a list of tests") ?? []).compactMap { $0.mapping(reader.test) }
            return RuleTestFile(name: source.name, catalogue: loaded.catalogue, rules: loaded.rules, tests: tests)
        }
        let problems = ofRules + document.problems
        guard let file, !problems.contains(where: { $0.severity == .error }) else {
            throw RuleTestProblems(problems: problems)
        }
        return file
    }

    private init(rules: [RuleDefinition], catalogue: Catalogue, interval: Duration, timeZone: String) {
        self.rules = rules
        self.catalogue = catalogue
        self.interval = interval
        self.timeZone = timeZone
    }

    private func test(_ section: Section) -> RuleTest? {
        let name = section.required("name", .text(upTo: 200, emptyAllowed: false))
        var interval = interval
        var start = Self.start
        section.read("interval", .duration(.seconds(1)...(.seconds(86_400))), into: &interval)
        section.read("start", .time, into: &start)
        var steps: [RuleTest.Step] = []
        var devices = DeviceNames()
        for field in section["input_series"]?.elements(expected: "a list of series") ?? [] {
            field.mapping { steps += series($0, interval, &devices) }
        }
        for field in section["events"]?.elements(expected: "a list of events") ?? [] {
            field.mapping { steps += event($0, &devices).map { [$0] } ?? [] }
        }
        let acts = RuleTestActReader(rules: ruleIDs, devices: devices.known)
        for field in section["acts"]?.elements(expected: "a list of acts") ?? [] {
            field.mapping { steps += acts.act($0).map { [$0] } ?? [] }
        }
        let expectations = ExpectationReader(rules: ruleIDs, devices: devices.known, start: start)
        var checks: [RuleTest.Step] = []
        for field in section["alarm_rule_test"]?.elements(expected: "a list of expectations") ?? [] {
            field.mapping { checks += expectations.alarms($0).map { [$0] } ?? [] }
        }
        for field in section["notification_test"]?.elements(expected: "a list of expectations") ?? [] {
            field.mapping { checks += expectations.notifications($0).map { [$0] } ?? [] }
        }
        if section["alarm_rule_test"] == nil, section["notification_test"] == nil {
            section.field.complain(
                found: "a test that expects nothing", expected: "alarm_rule_test, notification_test, or both")
        }
        steps += checks
        let ordered = steps.enumerated().sorted {
            ($0.element.at, $0.element.deed.rank, $0.offset) < ($1.element.at, $1.element.deed.rank, $1.offset)
        }.map(\.element)
        guard let name else { return nil }
        return RuleTest(name: name, line: section.field.line, start: start, timeZone: timeZone, steps: ordered)
    }

    private var ruleIDs: [String] { rules.map(\.id) + BuiltInRules.ids.sorted() }

    // MARK: What comes in

    private func series(_ section: Section, _ interval: Duration, _ devices: inout DeviceNames) -> [RuleTest.Step] {
        let values = section.required("values", SeriesNotation.values)
        guard let field = section.required("series", expected: SeriesNotation.name.expected),
            let name = field.read(SeriesNotation.name)
        else { return [] }
        let allowed = ["device", "kind", "area", "component"]
        for label in name.labels.keys.sorted() where !allowed.contains(label) {
            field.complain(found: "label '\(label)'", expected: "one of " + allowed.joined(separator: ", "))
        }
        guard let values, let device = name.labels["device"], let kind = name.labels["kind"] else {
            if name.labels["device"] == nil || name.labels["kind"] == nil {
                field.complain(expected: "labels device and kind")
            }
            return []
        }
        guard let known = self.kind(kind, field) else { return [] }
        let metric = known[metric: name.metric]
        guard metric != nil || name.metric == "online" else {
            let names = known.metrics.map(\.name)
            field.complain(
                found: "'\(name.metric)'", expected: "a metric of \(kind): " + names.joined(separator: ", "),
                remedy: nearestName(to: name.metric, among: names))
            return []
        }
        let area = name.labels["area"] ?? Self.area
        guard devices.take(device, kind: kind, area: area, component: name.labels["component"], field) else {
            return []
        }
        let type = metric?.type ?? .boolean
        return values.enumerated().compactMap { index, value -> RuleTest.Step? in
            guard let value else { return nil }
            guard value.isOf(type) else {
                section["values"]?.complain(
                    found: "'\(value)'", expected: "values of type \(type.rawValue), as \(name.metric) of \(kind) is")
                return nil
            }
            let input = RuleTest.Input(
                device: device, kind: kind, area: area, component: name.labels["component"], metric: name.metric,
                value: value, quality: value.quality(within: metric?.plausible))
            return RuleTest.Step(
                at: Int64(index) * interval.wholeMilliseconds, deed: .input(input), line: field.line)
        }
    }

    private func event(_ section: Section, _ devices: inout DeviceNames) -> RuleTest.Step? {
        let at = section.required("at", .offset)
        let device = section.required("device", .identifier)
        let kindField = section.required("kind", expected: "a kind of devices")
        let kind = kindField?.read(.identifier)
        let event = section.required("event", .identifier)
        let component = section["component"]?.read(.identifier)
        let detail = section["detail"]?.read(.text())
        var area = Self.area
        var active = true
        section.read("area", .area, into: &area)
        section.read("active", .boolean, into: &active)
        guard let at, let device, let kind, let kindField, let event, self.kind(kind, kindField) != nil,
            devices.take(device, kind: kind, area: area, component: component, section.field)
        else { return nil }
        let input = RuleTest.Input(
            device: device, kind: kind, area: area, component: component, metric: EventName.metricPrefix + event,
            value: .boolean(active), detail: detail)
        return RuleTest.Step(at: at, deed: .input(input), line: section.field.line)
    }

    private func kind(_ name: String, _ field: Field) -> DeviceKind? {
        if let kind = catalogue[name] { return kind }
        let known = catalogue.kinds.map(\.name)
        field.complain(
            found: "kind '\(name)'", expected: "one of " + known.joined(separator: ", "),
            remedy: nearestName(to: name, among: known))
        return nil
    }
}

/// The devices of a test. One has one kind and one area.
struct DeviceNames {
    private var kinds: [String: String] = [:]
    private var areas: [String: String] = [:]

    var known: [String] { kinds.keys.sorted() }

    mutating func take(_ device: String, kind: String, area: String, component: String?, _ field: Field) -> Bool {
        guard Names.isIdentifier(device), Names.isArea(area), component.map({ Names.isIdentifier($0) }) ?? true else {
            field.complain(
                found: "device '\(device)' of area '\(area)'" + (component.map { ", component '\($0)'" } ?? ""),
                expected: "names as in a topic: 1–64 of 0-9 A-Z a-z _ . : -, an area of at most 32")
            return false
        }
        guard kinds[device, default: kind] == kind, areas[device, default: area] == area else {
            field.complain(
                found: "device '\(device)' of kind \(kind) in \(area)",
                expected: "kind \(kinds[device] ?? kind) and area \(areas[device] ?? area), as before")
            return false
        }
        kinds[device] = kind
        areas[device] = area
        return true
    }
}

extension RuleTestFile {
    /// Reads a file of tests, and the rules it names.
    ///
    /// - Throws: everything that is wrong in them.
    public init(_ source: SourceFile) throws(RuleTestProblems) { self = try RuleTestReader.read(source) }
}

/// What keeps a file from being run.
public struct RuleTestProblems: Error, Sendable {
    public var problems: [Problem]
}

extension Value {
    fileprivate func isOf(_ type: Metric.ValueType) -> Bool {
        switch (self, type) {
        case (.number, .number), (.boolean, .boolean), (.text, .text): true
        default: false
        }
    }

    /// As the gateway marks it.
    fileprivate func quality(within plausible: ClosedRange<Double>?) -> Quality {
        guard case .number(let number) = self, let plausible else { return [] }
        if number > plausible.upperBound { return .implausiblyHigh }
        return number < plausible.lowerBound ? .implausiblyLow : []
    }
}

/// `did you mean …?`
func nearestName(to word: String, among known: [String]) -> String? {
    nearest(to: word, among: known).map { "did you mean '\($0)'?" }
}
