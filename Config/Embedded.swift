/// The files of this folder as they are inside the binary, so that it runs without any file installed.
/// They stay here, where people look for them; SwiftPM wants the source beside what it embeds.
public enum Embedded {
    public static var configuration: [UInt8] { PackageResources.firesense_yaml }
    public static var deviceKinds: [UInt8] { PackageResources.device_kinds_yaml }
    public static var rules: [UInt8] { PackageResources.rules_yaml }

    /// Tests of the rules, a file for each kind of device.
    public static var ruleTests: [(name: String, bytes: [UInt8])] {
        [
            ("hydrant-tests.yaml", PackageResources.hydrant_tests_yaml),
            ("panel-tests.yaml", PackageResources.panel_tests_yaml),
            ("electrical-tests.yaml", PackageResources.electrical_tests_yaml),
            ("charger-tests.yaml", PackageResources.charger_tests_yaml),
            ("smoke-tests.yaml", PackageResources.smoke_tests_yaml),
            ("event-tests.yaml", PackageResources.event_tests_yaml),
        ]
    }
}
