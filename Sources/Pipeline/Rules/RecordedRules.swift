import FireModel
import Foundation

/// The rules and kinds of devices that were in force when inputs were decided, as the store keeps them beside those
/// inputs: a restart decides them again by these, whatever the files say by then (design 5).
public struct RecordedRules: Sendable, Equatable, Codable {
    /// Whose units the alarms show.
    public var catalogue: Catalogue
    /// Without the built-in ones, which the program brings.
    public var rules: [RuleDefinition]
    /// Absent in what an earlier version recorded.
    public var flood: FloodLimits?

    /// - Parameters:
    ///   - catalogue: the kinds of devices in force.
    ///   - rules: as the engine is made with.
    ///   - flood: as the engine was told.
    public init(catalogue: Catalogue, rules: [RuleDefinition], flood: FloodLimits? = nil) {
        self.catalogue = catalogue
        self.rules = rules
        self.flood = flood
    }

    /// - Parameter json: as `json` wrote it.
    /// - Throws: `RecordedRulesError`, also for a duration that no rules file can say.
    public init(json: String) throws(RecordedRulesError) {
        do {
            self = try JSONDecoder().decode(RecordedRules.self, from: Data(json.utf8))
        } catch {
            throw RecordedRulesError(reason: "\(error)")
        }
        let durations =
            rules.flatMap(\.durations) + catalogue.kinds.map(\.expectedInterval)
            + (flood.map { [$0.within] } ?? [])
        guard durations.allSatisfy({ ($0 >= .zero) && ($0 <= .longest) }) else {
            throw RecordedRulesError(reason: "a duration out of all bounds")
        }
    }

    /// The same text for the same rules, so that it needs to be kept only when it has changed. Every number reads
    /// back to the same bits.
    /// - Throws: `RecordedRulesError` for a limit that is not finite, which no rules file can say.
    public func json() throws(RecordedRulesError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        } catch {
            throw RecordedRulesError(reason: "\(error)")
        }
    }
}

/// Recorded rules that cannot be read or written.
public struct RecordedRulesError: Error, Equatable, Sendable {
    /// For the log.
    public var reason: String
}
