import FireModel

/// Rules that are read without a configuration, such as those that are tested.
package struct RulesOfFiles {
    package private(set) var catalogue = Defaults.catalogue
    package private(set) var rules: [RuleDefinition] = []
    /// What is wrong in the files.
    package private(set) var problems: [Problem] = []

    /// - Parameters:
    ///   - paths: rules files; none: the shipped rules alone.
    ///   - defaults: the shipped rules as well.
    ///   - deviceKinds: a file that adds or changes kinds of devices.
    ///   - directory: what paths are relative to.
    ///   - reserved: ids of built-in rules.
    ///   - timeZone: IANA name.
    package init(
        paths: [String], defaults: Bool, deviceKinds: String?, in directory: String, reserved: Set<String>,
        timeZone: String
    ) {
        if let deviceKinds, let document = document(deviceKinds, in: directory, expected: "kinds of devices") {
            var reader = CatalogueFile(extending: catalogue)
            reader.read(document)
            catalogue = reader.catalogue
            problems += document.problems
        }
        let shipped = Defaults.rules(for: catalogue)
        let documents = paths.compactMap { document($0, in: directory, expected: "a rules file") }
        var set = RuleSet(
            shipped: shipped.rules, defaults: defaults || paths.isEmpty, reserved: reserved, catalogue: catalogue,
            timeZone: timeZone)
        if defaults || paths.isEmpty { problems += shipped.problems }
        set.add(documents)
        problems += documents.flatMap(\.problems)
        rules = set.rules
    }

    private mutating func document(_ path: String, in directory: String, expected: String) -> Document? {
        do {
            return Document(
                try SourceFile(reading: path, in: directory, expected: expected), environment: Environment([:]))
        } catch {
            problems.append(error)
            return nil
        }
    }
}

extension SourceFile {
    /// A file that somebody named.
    ///
    /// - Parameter directory: what the path is relative to; `nil`: to where the program was called.
    public init(
        reading path: String, in directory: String? = nil, expected: String = "a file that can be read"
    ) throws(Problem) {
        let whole = Paths.resolve(path, in: directory ?? Paths.current)
        do throws(FileFault) {
            try self.init(path: whole, name: path, bytes: try FilesOnDisk().read(whole))
        } catch {
            throw Problem(
                severity: .error, file: onOneLine(path), line: nil, column: nil, path: "", found: error.found,
                expected: expected)
        }
    }

    /// The folder it lies in.
    package var directory: String { Paths.directory(of: path) }
}
