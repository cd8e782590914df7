import FireModel
import Foundation
import Testing

@testable import FireSettings

@Suite struct DefaultsTests {
    /// The sample is taken as a user's file with no other beside it.
    @Test func sampleEqualsTypedDefaults() throws {
        let folder = try Folder(["firesense.yaml": Defaults.configuration.text])
        let loaded = folder.load()
        #expect(loaded.configuration == Configuration())
        #expect(loaded.errors == [])
        #expect(loaded.warnings.map(\.path) == ["webhooks"])
    }

    @Test func sampleNamesEveryKey() throws {
        let document = Document(Defaults.configuration, environment: Environment([:]))
        let root = try #require(document.root())
        for key in Configuration().keys.map(\.path) { #expect(root.at(key) != nil, "\(key) is not in the sample") }
    }

    /// The example of an endpoint is a comment, as the default is none; it must be right all the same.
    @Test func commentedEndpointIsReadable() throws {
        let lines = Defaults.configuration.text.split(separator: "\n", omittingEmptySubsequences: false)
        let example = lines.drop { $0 != "#   - name: duty-room" }.prefix { $0.hasPrefix("#") }.map { $0.dropFirst() }
        let folder = try Folder(["firesense.yaml": "webhooks:\n" + example.joined(separator: "\n")])
        let loaded = folder.load()
        #expect(loaded.errors == [])
        let endpoint = try #require(loaded.endpoints.first)
        var expected = Endpoint(name: "duty-room", url: "https://duty.example.org/firesense")
        #expect(endpoint.heartbeat == expected.heartbeatInterval)
        expected.heartbeat = endpoint.heartbeat
        #expect(endpoint == expected)
    }

    @Test(arguments: ["firesense.yaml", "device-kinds.yaml", "rules.yaml"])
    func embeddedFileIsTheFileOfTheRepository(_ name: String) throws {
        let text = try String(contentsOfFile: "\(configFolder)/\(name)", encoding: .utf8)
        let embedded = [Defaults.configuration, Defaults.deviceKinds, Defaults.rules].first { $0.path == name }
        #expect(embedded?.text == text)
    }

    /// `check` without any file: the built-in defaults, a note, and the warning that nobody hears of a fire.
    @Test func missingDefaultFileIsNoted() throws {
        let folder = try Folder()
        let loaded = ConfigurationLoader(hostName: "gw-test", reservedRuleIDs: ["fire"]).load(
            "\(folder.path)/firesense.yaml", mayBeMissing: true, environment: [:], files: FilesOnDisk(), secrets: .error
        )
        #expect(loaded.configuration == Configuration())
        #expect(loaded.notes == ["no \(folder.path)/firesense.yaml: the built-in defaults are in force"])
        #expect(loaded.isValid)
        #expect(loaded.gatewayID == "gw-test")
        #expect(loaded.mqttClientID == "firesense-gw-test")
        #expect(!loaded.rules.isEmpty)
    }

    // MARK: Catalogue

    /// The table of contract 2.
    @Test func catalogueHasTheKindsAndMetricsPromised() throws {
        let document = Document(Defaults.deviceKinds, environment: Environment([:]))
        var reader = CatalogueFile()
        reader.read(document)
        #expect(document.problems == [])
        let expected: [(String, String)] = [
            (
                "hydrant",
                "pressure MPa, flow L/s, temperature Cel, battery %, tilt bool, cover_open bool, impact bool, discharge bool, leak bool"
            ),
            (
                "panel",
                "fire bool, fault bool, disabled bool, supervisory bool, started bool, feedback bool, delayed bool, power_fault bool, "
                    + "height m, temperature Cel, pressure MPa, gas %LEL, voltage V, current A, flow L/s, "
                    + "mains_fault bool, standby_fault bool, link_fault bool, line_fault bool, manual_mode bool"
            ),
            (
                "electrical",
                "residual_current mA, " + (1...8).map { "temperature_\($0) Cel, " }.joined()
                    + "current_a A, current_b A, current_c A, voltage_a V, voltage_b V, voltage_c V, power kW, energy kWh, arc bool"
            ),
            (
                "charger",
                "current A, voltage V, power W, energy kWh, temperature Cel, charging bool, state text, smoke bool"
            ),
            (
                "smoke",
                "smoke bool, obscuration %/m, temperature Cel, battery %, tamper bool, muted bool, test bool, fault bool, "
                    + "contaminated bool, rsrp dBm"
            ),
        ]
        let actual = reader.catalogue.kinds.map { kind in
            let metrics = kind.metrics.map { metric in
                metric.name + " "
                    + (metric.type == .number ? metric.unit ?? "?" : metric.type == .boolean ? "bool" : "text")
            }
            return "\(kind.name): \(metrics.joined(separator: ", "))"
        }
        #expect(actual == expected.map { "\($0): \($1)" })
        #expect(reader.catalogue.kinds.filter(\.urgent).map(\.name) == ["panel", "smoke"])
        for metric in reader.catalogue.kinds.flatMap(\.metrics) where metric.type == .number {
            #expect(metric.plausible != nil, "\(metric.name) has no plausible range")
        }
    }

    // MARK: Rules

    @Test func shippedRulesAreSound() {
        let (rules, problems) = Defaults.rules(for: Defaults.catalogue)
        #expect(problems == [])
        #expect(rules.count == Defaults.rules.text.split(separator: "\n").count { $0.hasPrefix("  - id: ") })
        #expect(!rules.contains { $0.category == .fire }, "fire is built in")
        for rule in rules where !rule.kinds.isEmpty && rule.when.term?.test.types == [.number] {
            #expect(rule.clear != nil, "\(rule.id) has no hysteresis")
        }
    }

    /// To the letter of contract 6.
    @Test func hydrantPressureLowIsAsPromised() throws {
        let rule = try #require(Defaults.rules(for: Defaults.catalogue).rules.first)
        let pressure = Condition.Subject.metrics(["pressure"])
        #expect(
            rule
                == RuleDefinition(
                    id: "hydrant-pressure-low", kinds: ["hydrant"], category: .water, severity: .major,
                    title: Title(zh: "消火栓压力低", en: "Hydrant pressure low"),
                    when: Condition(subject: pressure, test: .below(0.10)),
                    clear: Condition(subject: pressure, test: .atLeast(0.11)), holdFor: .seconds(120),
                    clearFor: .seconds(60)))
    }

    /// How far a number may be trusted.
    private static var mark: some RegexComponent { #/\[(source: |memory|inference)[^\]]*\]/# }

    /// The comment right above a rule names its limit and its times and gives a reason for its margin, and ends with
    /// how far that may be trusted.
    @Test func everyNumberOfTheRulesHasItsSource() throws {
        var comment = ""
        var isComment = false
        var numbers = 0
        var id = ""
        for line in Defaults.rules.text.split(separator: "\n").drop(while: { $0 != "rules:" }) {
            if line.hasPrefix("  #") {
                comment = isComment ? comment + " " + line.dropFirst(3) : String(line.dropFirst(3))
                isComment = true
                continue
            }
            if let match = line.firstMatch(of: #/^  - id: (.+)$/#) {
                if !isComment { comment = "" }
                id = String(match.1)
            }
            isComment = false
            guard let colon = line.firstMatch(of: #/^ +(when|clear|for|clear_for|above|below|at_least|at_most):(.*)$/#)
            else { continue }
            var wanted: [String] = []
            switch colon.1 {
            case "for", "clear_for": wanted = [colon.2.trimmingCharacters(in: .whitespaces)]
            case "clear": wanted = colon.2.contains(#/: -?[0-9]/#) ? ["hysteresis"] : []
            case "when": wanted = colon.2.matches(of: #/: (-?[0-9.]+[a-z]*)/#).map { String($0.1) }
            default: wanted = [colon.2.trimmingCharacters(in: .whitespaces)]
            }
            numbers += wanted.count
            for number in wanted {
                #expect(
                    comment.lowercased().contains(
                        try Regex("(^|[^0-9.])\(NSRegularExpression.escapedPattern(for: number))\\b")),
                    "\(id) does not explain \(number) of '\(line)'")
            }
            if !wanted.isEmpty {
                #expect(
                    comment.wholeMatch(of: #/.*\]\.?/#) != nil && comment.contains(Self.mark), "\(id) gives no source")
            }
        }
        #expect(numbers > 40)
    }

    /// A comment is about the metric below it and those of its unit that follow, or about all that follow when it
    /// speaks of their ranges.
    @Test func everyNumberOfTheCatalogueHasItsSource() {
        var comment = ""
        var unit: Substring?
        var isComment = false
        var numbers = 0
        for line in Defaults.deviceKinds.text.split(separator: "\n").drop(while: { $0 != "kinds:" }) {
            if let text = line.firstMatch(of: #/^ +# (.*)$/#) {
                comment = isComment ? "\(comment) \(text.1)" : String(text.1)
                unit = nil
                isComment = true
                continue
            }
            let wasComment = isComment
            isComment = false
            guard let found = line.firstMatch(of: #/range: \[|expected_interval: /#) else {
                // Of what has no number, nothing is inherited.
                if !line.contains("metrics:") { comment = "" }
                continue
            }
            numbers += 1
            let its = line.firstMatch(of: #/unit: ([^,]+)/#)?.1
            let isMeant =
                wasComment
                || (!found.0.hasPrefix("expected") && unit != nil && (its == unit || comment.contains("ranges")))
            #expect(isMeant && comment.contains(Self.mark), "'\(line)' has no source")
            unit = unit ?? its
        }
        #expect(numbers > 40)
    }
}
