import FireModel
import Glibc

/// Loads the configuration with everything it names, exactly as `run`, `check` and a reload do.
public struct ConfigurationLoader: Sendable {
    public static let defaultPath = "/etc/firesense/firesense.yaml"
    /// Beside the main file: kinds of devices the user adds or changes.
    static let deviceKinds = "device-kinds.yaml"
    static let maximumRuleFiles = 1000

    fileprivate let hostName: String
    fileprivate let reservedRuleIDs: Set<String>

    /// - Parameters:
    ///   - hostName: what stands in for an empty `gateway.id`.
    ///   - reservedRuleIDs: ids of the rules built into the daemon, which no file may take.
    public init(hostName: String = systemHostName, reservedRuleIDs: Set<String>) {
        self.hostName = hostName
        self.reservedRuleIDs = reservedRuleIDs
    }

    /// Reads the main file and what it names. Never throws: what is wrong is in `problems`.
    ///
    /// - Parameters:
    ///   - path: the main file. `nil`: the usual one, which may be missing; then the defaults are in force.
    ///   - environment: what `${NAME}` may take.
    public func load(path: String?, environment: [String: String]) -> LoadedConfiguration {
        load(
            Paths.resolve(path ?? Self.defaultPath, in: Paths.current), mayBeMissing: path == nil,
            environment: environment, files: FilesOnDisk(), secrets: .error)
    }

    func load(
        _ path: String, mayBeMissing: Bool, environment: [String: String], files: any ConfigurationFiles,
        secrets: Problem.Severity
    ) -> LoadedConfiguration {
        var loading = Loading(
            path: path, environment: Environment(environment), files: files, secrets: secrets, loader: self)
        loading.run(mayBeMissing: mayBeMissing)
        return loading.loaded
    }

    /// The name the system gives itself, without the domain after it.
    public static var systemHostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "" }
        let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self)
    }
}

/// One run of the loader.
private struct Loading {
    let environment: Environment
    let files: any ConfigurationFiles
    /// How bad it is when a file that is not kept with the accepted configuration cannot be read.
    let secrets: Problem.Severity
    let loader: ConfigurationLoader
    let directory: String
    var loaded: LoadedConfiguration

    init(
        path: String, environment: Environment, files: any ConfigurationFiles, secrets: Problem.Severity,
        loader: ConfigurationLoader
    ) {
        self.environment = environment
        self.files = files
        self.secrets = secrets
        self.loader = loader
        directory = Paths.directory(of: path)
        loaded = LoadedConfiguration(path: path)
    }

    mutating func run(mayBeMissing: Bool) {
        loaded.catalogue = Defaults.catalogue
        loaded.decisive = [Defaults.deviceKinds]
        guard let main = mainFile(mayBeMissing: mayBeMissing) else { return }
        let document = Document(main, environment: environment)
        let root = document.root()
        if let root {
            root.mapping { loaded.configuration.read($0) }
            loaded.configuration.resolvePaths(in: directory)
        }
        let catalogue = readCatalogue()
        if let root {
            ConfigurationChecks(
                configuration: loaded.configuration, catalogue: loaded.catalogue, root: root, directory: directory,
                fileSeverity: secrets
            ).run()
            readSecrets(root)
            nameGateway(root)
        }
        let rules = root.map { readRules($0) } ?? []
        loaded.problems = ordered(document.problems) + catalogue + rules
        loaded.environment = environment.used
    }

    // MARK: Files

    private mutating func mainFile(mayBeMissing: Bool) -> SourceFile? {
        do {
            return try source(loaded.path)
        } catch {
            if error.isMissing, mayBeMissing {
                loaded.notes.append("no \(loaded.path): the built-in defaults are in force")
                return Defaults.configuration
            }
            loaded.problems.append(fault(error, loaded.path, expected: "the configuration"))
            return nil
        }
    }

    /// Reads and remembers a file.
    private mutating func source(_ path: String) throws(FileFault) -> SourceFile {
        let file = try SourceFile(
            path: path, name: Paths.relative(path, to: directory), bytes: try files.read(path))
        loaded.files.append(file)
        return file
    }

    private func fault(_ fault: FileFault, _ path: String, expected: String) -> Problem {
        Problem(
            severity: .error, file: Paths.relative(path, to: directory), line: nil, column: nil, path: "",
            found: fault.found, expected: expected)
    }

    // MARK: Catalogue and rules

    private mutating func readCatalogue() -> [Problem] {
        let path = "\(directory)/\(ConfigurationLoader.deviceKinds)"
        do {
            let file = try source(path)
            let document = Document(file, environment: environment)
            var reader = CatalogueFile(extending: loaded.catalogue)
            reader.read(document)
            loaded.catalogue = reader.catalogue
            loaded.decisive.append(file)
            return ordered(document.problems)
        } catch {
            return error.isMissing ? [] : [fault(error, path, expected: "kinds of devices")]
        }
    }

    private mutating func readRules(_ root: Field) -> [Problem] {
        let shipped = Defaults.rules(for: loaded.catalogue)
        let defaults = loaded.configuration.rules.defaults
        var set = RuleSet(
            shipped: shipped.rules, defaults: defaults, reserved: loader.reservedRuleIDs, catalogue: loaded.catalogue,
            endpoints: loaded.configuration.webhooks.map(\.endpoint.name),
            timeZone: loaded.configuration.gateway.timeZone)
        var problems = defaults ? shipped.problems : []
        if defaults { loaded.decisive.append(Defaults.rules) }
        var documents: [Document] = []
        for path in ruleFiles(root) {
            do {
                let file = try source(path)
                documents.append(Document(file, environment: environment))
                loaded.decisive.append(file)
            } catch {
                problems.append(fault(error, path, expected: "a rules file"))
            }
        }
        set.add(documents)
        problems += documents.flatMap { ordered($0.problems) }
        loaded.rules = set.rules
        return problems
    }

    /// What the paths and patterns of `rules.files` come to, each file once.
    private func ruleFiles(_ root: Field) -> [String] {
        var paths: [String] = []
        for (index, pattern) in loaded.configuration.rules.files.enumerated() {
            let whole = Paths.resolve(pattern, in: directory)
            let matches = files.matches(of: whole)
            // A pattern may stand for none; a name without one must be there.
            if matches.isEmpty, !pattern.contains(where: { "*?[".contains($0) }) {
                root.complain(
                    at: "rules.files[\(index)]", found: "no such file, \(onOneLine(whole))", expected: "a rules file")
            }
            paths += matches.filter { !paths.contains($0) }
        }
        if paths.count > ConfigurationLoader.maximumRuleFiles {
            root.complain(
                at: "rules.files", found: "\(paths.count) files",
                expected: "at most \(ConfigurationLoader.maximumRuleFiles)")
            return []
        }
        return paths
    }

    // MARK: Secrets and name

    private mutating func readSecrets(_ root: Field) {
        let reader = SecretReader(directory: directory, severity: secrets)
        loaded.mqttPassword = root.at("mqtt.password_file").flatMap { reader.password($0) }
        loaded.endpoints = loaded.configuration.webhooks.map(\.endpoint)
        let list = root.at("webhooks")?.node.sequence
        guard let list, list.count == loaded.endpoints.count else { return }
        for (index, webhook) in loaded.configuration.webhooks.enumerated() {
            if let field = root.at("webhooks[\(index)].url_file"), let url = reader.url(field) {
                loaded.endpoints[index].channel = .http(url: url)
            }
            if let field = root.at("webhooks[\(index)].secret_file"), !webhook.secretFile.isEmpty {
                loaded.endpoints[index].secrets =
                    webhook.endpoint.format.isChat ? reader.robotSecrets(field) : reader.signingKeys(field)
            }
        }
    }

    private mutating func nameGateway(_ root: Field) {
        let written = loaded.configuration.gateway.id
        let name = written.isEmpty ? loader.hostName : written
        // Every gateway left as it was installed would have this name.
        guard Names.isIdentifier(name), name.lowercased() != "localhost" else {
            root.complain(
                at: "gateway.id",
                found: written.isEmpty ? "\"\" on a host called '\(shortened(loader.hostName))'" : "'\(written)'",
                expected: "a name of its own, " + Form.identifier.expected)
            return
        }
        loaded.gatewayID = name
    }

    /// From the top of the file to its end; what concerns no line comes last.
    private func ordered(_ problems: [Problem]) -> [Problem] {
        problems.enumerated().sorted { a, b in
            (a.element.line ?? .max, a.element.column ?? 0, a.offset) < (
                b.element.line ?? .max, b.element.column ?? 0, b.offset
            )
        }.map(\.element)
    }
}
