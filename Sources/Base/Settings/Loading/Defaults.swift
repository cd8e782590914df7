import FireDefaults
import FireModel

/// What is inside the binary: the files of `Config/`.
public enum Defaults {
    /// The commented sample, which says the same as `Configuration()`.
    public static let configuration = file("firesense.yaml", Embedded.configuration)
    public static let deviceKinds = file("device-kinds.yaml", Embedded.deviceKinds)
    public static let rules = file("rules.yaml", Embedded.rules)

    /// The tests of the shipped rules.
    public static let ruleTests = Embedded.ruleTests.map { file("rule-tests/\($0.name)", $0.bytes) }

    /// The shipped kinds of devices.
    public static let catalogue: Catalogue = {
        var reader = CatalogueFile()
        reader.read(Document(deviceKinds, environment: Environment([:])))
        return reader.catalogue
    }()

    /// The shipped rules as they are for a catalogue, which may differ from the shipped one, and what is wrong
    /// with them then.
    public static func rules(for catalogue: Catalogue) -> (rules: [RuleDefinition], problems: [Problem]) {
        var set = RuleSet(shipped: [], defaults: false, catalogue: catalogue)
        let problems = set.add(rules)
        return (set.rules, problems)
    }

    private static func file(_ name: String, _ bytes: [UInt8]) -> SourceFile {
        SourceFile(path: name, name: "\(name) (built in)", text: String(decoding: bytes, as: UTF8.self))
    }
}
