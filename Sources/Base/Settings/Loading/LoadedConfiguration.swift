import FireModel

/// Everything `run` needs to know, read and checked, with what is wrong in it.
public struct LoadedConfiguration: Sendable {
    /// Paths in it are absolute.
    public var configuration = Configuration()
    public var catalogue = Catalogue(kinds: [])
    /// Shipped ones unless `rules.defaults` is false, without those that are replaced; then those of the files.
    public var rules: [RuleDefinition] = []
    /// With their secrets read and decoded.
    public var endpoints: [Endpoint] = []
    public var mqttPassword: Secret?
    /// `gateway.id`, or the host name.
    public var gatewayID = ""
    /// `mqtt.client_id`, or `firesense-{gateway.id}`.
    public var mqttClientID: String {
        configuration.mqtt.clientID.isEmpty ? "firesense-\(gatewayID)" : configuration.mqtt.clientID
    }

    public var problems: [Problem] = []
    /// What is worth saying and nothing wrong.
    public var notes: [String] = []

    /// The main file, whether it is there or not.
    public var path: String
    /// The files that were read, secrets not among them.
    public var files: [SourceFile] = []
    /// The shipped and the user's catalogue and rules in force, for a record of what decided.
    public var decisive: [SourceFile] = []
    /// The variables that `${NAME}` took.
    public var environment: [String: String] = [:]

    init(path: String) { self.path = path }

    /// What only a stage can find, because the file is in its own form.
    public mutating func complain(about path: String, found: String, expected: String) {
        problems.append(
            Problem(
                severity: .error, file: Paths.lastPart(of: self.path), line: nil, column: nil, path: path, found: found,
                expected: expected))
    }

    public var errors: [Problem] { problems.filter { $0.severity == .error } }
    public var warnings: [Problem] { problems.filter { $0.severity == .warning } }
    /// Without an error, so that `run` may work with it.
    public var isValid: Bool { errors.isEmpty }
}
