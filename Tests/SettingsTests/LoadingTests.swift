import FireModel
import Foundation
import Testing

@testable import FireSettings

@Suite struct LoadingTests {
    @Test func everyKeyIsTakenOver() throws {
        let folder = try Folder([
            "firesense.yaml": """
            gateway: { id: nanjing-xuanwu-01, areas: ["320102"], catch_all: false, time_zone: UTC }
            mqtt:
              host: broker.example.org
              port: 8883
              client_id: fs
              username: fs
              password_file: secrets/mqtt
              protocol: 3.1.1
              tls: { enabled: true, ca_file: ca.pem, cert_file: c.pem, key_file: /k.pem }
              keep_alive: 1m
              session_expiry: 1d
              receive_maximum: 100
              extra_topics: [zigbee2mqtt/+]
            store:
              path: fs.sqlite
              linger: 50ms
              retention: { raw: 1d, rollup: 1y, alarms: 25h, quarantine: 2h }
              max_size: 2GiB
            rules: { defaults: false, files: [my.yaml] }
            webhooks:
              - name: duty-room
                url: https://example.org/hook
                secret_file: secrets/duty
                format: alertmanager
                select: { severities: [critical, major], categories: [fire, pre_alarm], kinds: [smoke], areas: ["320102"] }
                exclude_fire: true
                timeout: 5s
                heartbeat: 0s
            http: { listen: "[::1]:9000", names: [gateway.example, "fd00::1"], tokens_file: t, tls: { cert_file: c.pem, key_file: k2.pem }, allow_plaintext: true }
            gb26875: { listen: "127.0.0.1:26875", allow: [10.20.0.0/16] }
            log: { level: debug, format: journal }
            """,
            "secrets/mqtt": "hunter2\nignored", "secrets/duty": "\(signingKey)\n# old\n\(signingKey)\n",
            "my.yaml": "rules: []",
        ])
        let loaded = folder.load()
        let it = loaded.configuration
        #expect(it.gateway.id == "nanjing-xuanwu-01" && it.gateway.areas == ["320102"])
        #expect(!it.gateway.catchAll && it.gateway.timeZone == "UTC")
        #expect(it.mqtt.host == "broker.example.org" && it.mqtt.port == 8883 && it.mqtt.protocol == .v311)
        #expect(it.mqtt.username == "fs" && it.mqtt.passwordFile == "\(folder.path)/secrets/mqtt")
        #expect(it.mqtt.tls.enabled && it.mqtt.tls.caFile == "\(folder.path)/ca.pem" && it.mqtt.tls.keyFile == "/k.pem")
        #expect(it.mqtt.keepAlive == .seconds(60) && it.mqtt.sessionExpiry == .seconds(86_400))
        #expect(it.mqtt.receiveMaximum == 100 && it.mqtt.extraTopics == ["zigbee2mqtt/+"])
        #expect(it.store.path == "\(folder.path)/fs.sqlite" && it.store.linger == .milliseconds(50))
        #expect(it.store.retention.raw == .seconds(86_400) && it.store.retention.rollup == .seconds(365 * 86_400))
        #expect(it.store.retention.alarms == .seconds(25 * 3600) && it.store.retention.quarantine == .seconds(7200))
        #expect(it.store.maxSize.bytes == 2 << 30)
        #expect(!it.rules.defaults && loaded.rules == [])
        #expect(it.http.listen == ListenAddress(host: "::1", port: 9000) && it.http.allowPlaintext)
        #expect(it.http.names == ["gateway.example", "fd00::1"])
        #expect(it.gb26875.listen?.isLoopback == true && it.gb26875.allow[0].contains("10.20.30.40"))
        #expect(it.log.level == .debug && it.log.format == .journal)
        #expect(loaded.mqttClientID == "fs" && loaded.mqttPassword == Secret(Array("hunter2".utf8)))
        let endpoint = try #require(loaded.endpoints.first)
        #expect(
            endpoint.secrets.map(\.bytes) == Array(repeating: Array("only for the tests of settings!!".utf8), count: 2))
        #expect(endpoint.format == .alertmanager && endpoint.excludeFire)
        #expect(endpoint.timeout == .seconds(5) && endpoint.heartbeat == .zero)
        #expect(endpoint.select.severities == [.critical, .major] && endpoint.select.categories == [.fire, .preAlarm])
        #expect(endpoint.select.kinds == ["smoke"] && endpoint.select.areas == ["320102"])
    }

    @Test func secretsAreInNoDescription() throws {
        let folder = try Folder([
            "firesense.yaml": """
            mqtt: { username: fs, password_file: mqtt }
            webhooks: [{ name: a, url: "https://a/", secret_file: a }, { name: b, url: "https://b/", secret_file: b }]
            """,
            "mqtt": "hunter2", "a": signingKey, "b": "whsec_hunter2",
        ])
        let loaded = folder.load()
        var dumped = ""
        dump(loaded, to: &dumped)
        let key = "only for the tests of settings!!"
        for text in ["\(loaded)", String(reflecting: loaded), dumped, "\(loaded.problems)"] {
            #expect(!text.contains("hunter2") && !text.contains(signingKey) && !text.contains(key))
            #expect(!text.contains("\(Array(key.utf8))") && !text.contains("\(Array("hunter2".utf8))"))
        }
        #expect(loaded.mqttPassword != nil && loaded.endpoints[0].secrets.count == 1)
    }

    // MARK: Variables

    @Test(arguments: [
        ("plain", "plain"), ("${A}", "1"), ("x${A}y${B:-z}", "x1yz"), ("${EMPTY:-z}", "z"), ("${EMPTY}", ""),
        ("$$A", "$A"), ("$A", "$A"), ("$${A}", "${A}"), ("5$", "5$"), ("${B:-}", ""),
    ])
    func variableIsSubstituted(_ text: String, _ expected: String) throws {
        let result = substituting(in: text, Environment(["A": "1", "EMPTY": ""]))
        #expect(try result.get() == expected)
    }

    /// What a variable holds is a value and never a piece of YAML.
    @Test func variableCannotAddKeys() throws {
        let folder = try Folder(["firesense.yaml": "mqtt:\n  username: ${NAME}\n"])
        let loaded = folder.load(environment: ["NAME": "a, port: 1"])
        #expect(loaded.configuration.mqtt.username == "a, port: 1" && loaded.configuration.mqtt.port == 1883)
        #expect(loaded.environment == ["NAME": "a, port: 1"])
    }

    /// A path that is cut leads nowhere, however deep the folder.
    @Test func missingFileIsNamedWhole() throws {
        let deep = Array(repeating: "a-rather-deep-folder", count: 8).joined(separator: "/")
        let folder = try Folder(["firesense.yaml": "mqtt: { username: a, password_file: \(deep)/mqtt }\n"])
        #expect(folder.load().problems.contains { $0.found == "no such file, \(folder.path)/\(deep)/mqtt" })
    }

    // MARK: Rules

    @Test func ruleTakesThePlaceOfAShippedOne() throws {
        let folder = try Folder([
            "firesense.yaml": "",
            "rules.d/a.yaml": """
            rules:
              - id: hydrant-pressure-low
                replaces: hydrant-pressure-low
                kinds: [hydrant]
                category: water
                severity: critical
                title: { zh: 低, en: Low }
                when: { metric: pressure, below: 0.05 }
              - id: heat
                category: fire
                severity: critical
                title: { zh: 热, en: Heat }
                kinds: [smoke]
                when: { metric: temperature, above: 90 }
              - id: states
                kinds: [charger]
                category: fault
                severity: info
                title: { zh: 态, en: State }
                when: { metric: state, one_of: ["true", broken, "7"] }
            """,
            "rules.d/.#a.yaml": "not: rules",
        ])
        let loaded = folder.load()
        #expect(loaded.errors == [])
        let low = loaded.rules.filter { $0.id == "hydrant-pressure-low" }
        #expect(low.count == 1 && low.first?.severity == .critical && low.first?.clear == nil)
        #expect(loaded.rules.count == Defaults.rules(for: Defaults.catalogue).rules.count + 2)
        let heat = try #require(loaded.rules.first { $0.id == "heat" })
        #expect(heat.latch && heat.holdFor == .zero)
        #expect(loaded.rules.last?.when.term?.test == .oneOf([.text("true"), .text("broken"), .text("7")]))
        #expect(
            loaded.decisive.map(\.name) == ["device-kinds.yaml (built in)", "rules.yaml (built in)", "rules.d/a.yaml"])
    }

    @Test func everyTestIsRead() throws {
        let forms: [(String, Condition.Test)] = [
            ("above: 0.1", .above(0.1)), ("below: 0.1", .below(0.1)), ("at_least: 1", .atLeast(1)),
            ("at_most: 1e0", .atMost(1)), ("between: [0.1, 0.2]", .between(0.1...0.2)),
            ("outside: [0.1, 0.2]", .outside(0.1...0.2)), ("equals: 0", .equals(.number(0))),
            ("one_of: [1, 2]", .oneOf([.number(1), .number(2)])),
        ]
        for (form, test) in forms {
            var set = RuleSet(shipped: [], defaults: false, catalogue: Defaults.catalogue)
            let text = """
                rules:
                  - { id: a, category: water, severity: info, kinds: [hydrant], title: { zh: a, en: a }, when: { metric: [pressure], \(form) } }
                """
            #expect(set.add(SourceFile(path: "a.yaml", name: "a.yaml", text: text)) == [])
            #expect(set.rules.first?.when == Condition(subject: .metrics(["pressure"]), test: test))
        }
    }

    // MARK: Device kinds

    @Test func userAddsAndChangesKinds() throws {
        let folder = try Folder([
            "firesense.yaml": "",
            "device-kinds.yaml": """
            kinds:
              hydrant:
                expected_interval: 24h
                metrics:
                  pressure: { type: number, unit: MPa, range: [0, 1.6], title: { zh: 水压, en: Water pressure } }
                  level: { type: number, unit: m, title: { zh: 水位, en: Level } }
              pump:
                title: { zh: 消防水泵, en: Fire pump }
                expected_interval: 10m
                metrics:
                  running: { type: boolean, title: { zh: 运行, en: Running } }
            """,
        ])
        let loaded = folder.load()
        #expect(loaded.errors == [])
        let hydrant = try #require(loaded.catalogue["hydrant"])
        #expect(hydrant.title.zh == "市政消火栓" && hydrant.expectedInterval == .seconds(86_400))
        #expect(hydrant[metric: "pressure"]?.plausible == 0...1.6 && hydrant[metric: "leak"] != nil)
        #expect(hydrant.metrics.last?.name == "level" && hydrant.metrics.first?.name == "pressure")
        #expect(loaded.catalogue["pump"]?[metric: "running"]?.type == .boolean)
        #expect(loaded.catalogue.kinds.map(\.name) == ["hydrant", "panel", "electrical", "charger", "smoke", "pump"])
    }

    // MARK: Hostile files

    @Test func longFileIsRefused() throws {
        let folder = try Folder(["firesense.yaml": String(repeating: "# long\n", count: 200_000)])
        #expect(
            folder.load().problems.map(\.description) == [
                "firesense.yaml: found more than 1024 KiB, expected the configuration"
            ])
    }

    @Test func deepNestingIsRefused() throws {
        let folder = try Folder(["firesense.yaml": "gateway: " + String(repeating: "[", count: 500_000)])
        #expect(folder.load().errors.count == 1)
    }

    @Test func pipeIsRefused() throws {
        let folder = try Folder()
        try #require(mkfifo("\(folder.path)/firesense.yaml", 0o600) == 0)
        #expect(
            folder.load().problems.map(\.description) == [
                "firesense.yaml: found something that is no file, expected the configuration"
            ])
    }

    @Test func byteOrderMarkIsPassedOver() throws {
        let folder = try Folder(["firesense.yaml": "\u{FEFF}mqtt: { port: 1884 }\n"])
        #expect(folder.load().configuration.mqtt.port == 1884)
    }

    // MARK: Addresses

    @Test(arguments: [
        ("127.0.0.1:1", true), ("127.9.9.9:0", true), ("[::1]:8470", true), ("localhost:8470", true),
        ("0.0.0.0:8470", false), ("[::]:8470", false), ("10.0.0.1:8470", false), ("gateway.local:8470", false),
    ])
    func loopbackIsRecognised(_ text: String, _ isLoopback: Bool) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.isLoopback == isLoopback && address.description == text)
    }

    @Test(arguments: [
        "", "8470", ":8470", "127.0.0.1", "127.0.0.1:65536", "::1:8470", "[::1]", "[1]:2", "a b:1", "a:-1",
    ])
    func addressOfAnotherFormIsRefused(_ text: String) { #expect(ListenAddress(text) == nil) }

    @Test func networkContainsItsAddresses() throws {
        let network = try #require(Network("10.20.0.0/15"))
        #expect(network.contains("10.20.0.1") && network.contains("10.21.255.255") && !network.contains("10.22.0.0"))
        #expect(!network.contains("::1") && !network.contains("factory"))
        #expect(try #require(Network("fd00::/8")).contains("fd12::1"))
        #expect(try #require(Network("10.0.0.1")).contains("10.0.0.1"))
        #expect(Network("10.0.0.0/33") == nil && Network("10.0.0.0/") == nil && Network("10.0.0.0/8/8") == nil)
    }
}
