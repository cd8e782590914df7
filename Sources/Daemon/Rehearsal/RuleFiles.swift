import FireModel
import FireRules
import FireSettings
import Foundation

/// Rules files by themselves, read exactly as those of the configuration.
public struct RuleFiles {
    public private(set) var rules: [RuleDefinition] = []
    public private(set) var problems: [Problem] = []

    /// - Parameter defaults: whether the shipped rules are in force beside them.
    public init(
        _ paths: [String], defaults: Bool, catalogue: Catalogue,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        let shipped = Defaults.rules(for: catalogue)
        var set = RuleSet(
            shipped: shipped.rules, defaults: defaults, reserved: BuiltInRules.ids, catalogue: catalogue)
        if defaults { problems += shipped.problems }
        for path in paths {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            problems += set.add(SourceFile(path: path, name: path, text: text), environment: environment)
        }
        rules = set.rules
    }
}
