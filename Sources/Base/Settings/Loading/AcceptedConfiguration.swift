import FireModel
import Foundation

/// The last configuration that was accepted, kept so that a mistake in the files does not keep the daemon from
/// starting (contract 4).
///
/// Copies of the files, and the variables they took, lie in `{state}/accepted/` with `manifest.json`, which says
/// what each was. Secrets are not copied: the daemon reads them from where they were.
public struct AcceptedConfiguration: Sendable {
    private struct Manifest: Codable {
        struct File: Codable {
            var path: String
            var copy: String
        }
        /// The main file, whether it was there or not.
        var path: String
        var environment: [String: String]
        var files: [File]
    }

    private static let manifest = "manifest.json"
    /// The folder itself, such as `/var/lib/firesense/accepted`.
    public let directory: String

    public init(directory: String) { self.directory = directory }

    /// Replaces what was kept. After a power cut at any moment the old or the new one is there, whole.
    ///
    /// - Throws: `AcceptedConfigurationError` when it cannot be written; the one kept before still is.
    public func save(_ loaded: LoadedConfiguration) throws(AcceptedConfigurationError) {
        var manifest = Manifest(path: loaded.path, environment: loaded.environment, files: [])
        do {
            try removeTree(fresh)
            try makeDirectory(fresh)
            for (index, file) in loaded.files.enumerated() {
                let copy = "\(index)-\(Paths.lastPart(of: file.path))"
                try writeDurably(Array(file.text.utf8), to: "\(fresh)/\(copy)")
                manifest.files.append(.init(path: file.path, copy: copy))
            }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            guard let text = try? encoder.encode(manifest) else {
                throw AcceptedConfigurationError("the manifest cannot be written")
            }
            try writeDurably([UInt8](text), to: "\(fresh)/\(Self.manifest)")
            try synchronise(fresh)
            // A folder cannot be renamed over one with content, so for a moment only the old one is there, under its other name.
            try removeTree(old)
            if rename(directory, old) != 0, errno != ENOENT {
                throw AcceptedConfigurationError(failed: "rename", directory)
            }
            if rename(fresh, directory) != 0 { throw AcceptedConfigurationError(failed: "rename", fresh) }
            try synchronise(Paths.directory(of: directory))
            try removeTree(old)
        }
    }

    /// What was kept, read again; `nil` when there is none, or it cannot be read.
    ///
    /// That a secret is gone is a warning here: without one a fire can still be seen, and pushed elsewhere.
    public func load(with loader: ConfigurationLoader) -> LoadedConfiguration? {
        for folder in [directory, old] {
            guard let bytes = try? readFile("\(folder)/\(Self.manifest)", limit: maximumConfigurationFile),
                let manifest = try? JSONDecoder().decode(Manifest.self, from: Data(bytes))
            else { continue }
            let files = AcceptedFiles(
                copies: Dictionary(manifest.files.map { ($0.path, "\(folder)/\($0.copy)") }) { first, _ in first })
            return loader.load(
                manifest.path, mayBeMissing: true, environment: manifest.environment, files: files, secrets: .warning)
        }
        return nil
    }

    private var fresh: String { directory + ".new" }
    private var old: String { directory + ".old" }
}

/// The copies under the paths they had.
private struct AcceptedFiles: ConfigurationFiles {
    let copies: [String: String]

    func read(_ path: String) throws(FileFault) -> [UInt8] {
        guard let copy = copies[path] else { throw FileFault(found: "no such file", isMissing: true) }
        do {
            return try readFile(copy, limit: maximumConfigurationFile)
        } catch {
            // A lost copy is damage; taken for a missing file, it would bring the defaults into force.
            throw FileFault(found: error.found)
        }
    }

    func matches(of pattern: String) -> [String] {
        copies.keys.filter { fnmatch(pattern, $0, FNM_PATHNAME | FNM_PERIOD) == 0 }.sorted()
    }
}

/// Why the accepted configuration could not be kept.
public struct AcceptedConfigurationError: Error, Sendable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
    init(failed call: String, _ path: String) {
        description = "\(call) \(path): \(String(cString: strerror(errno)))"
    }
}

private func makeDirectory(_ path: String) throws(AcceptedConfigurationError) {
    // The variables may be nobody else's business.
    if mkdir(path, 0o700) != 0 { throw AcceptedConfigurationError(failed: "mkdir", path) }
}

private func removeTree(_ path: String) throws(AcceptedConfigurationError) {
    do {
        if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
    } catch {
        throw AcceptedConfigurationError("\(path) cannot be removed: \(error.localizedDescription)")
    }
}

private func writeDurably(_ bytes: [UInt8], to path: String) throws(AcceptedConfigurationError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw AcceptedConfigurationError(failed: "open", path) }
    defer { close(descriptor) }
    var written = 0
    while written < bytes.count {
        let count = bytes.withUnsafeBytes {
            write(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written)
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw AcceptedConfigurationError(failed: "write", path) }
        written += count
    }
    if fsync(descriptor) != 0 { throw AcceptedConfigurationError(failed: "fsync", path) }
}

private func synchronise(_ directory: String) throws(AcceptedConfigurationError) {
    let descriptor = open(directory.isEmpty ? "/" : directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw AcceptedConfigurationError(failed: "open", directory) }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 { throw AcceptedConfigurationError(failed: "fsync", directory) }
}
