import Glibc

/// A text file of the configuration as it was read.
public struct SourceFile: Sendable, Equatable {
    /// Absolute; of a file inside the binary, its name.
    public var path: String
    /// As problems call it.
    public var name: String
    public var text: String

    public init(path: String, name: String, text: String) {
        self.path = path
        self.name = name
        self.text = text
    }
}

/// Where the loader takes the files of the configuration from: the disk, or what was accepted last.
protocol ConfigurationFiles {
    /// - Throws: `FileFault`
    func read(_ path: String) throws(FileFault) -> [UInt8]
    /// Paths that fit a pattern of the shell, sorted.
    func matches(of pattern: String) -> [String]
}

/// Why a file could not be read, in words that fit behind "found".
struct FileFault: Error, Equatable {
    var found: String
    var isMissing = false
}

/// A configuration is written by people; a longer file is something else under its name.
let maximumConfigurationFile = 1 << 20
/// A password, a few keys, or some hundred tokens.
let maximumSecretFile = 64 << 10

struct FilesOnDisk: ConfigurationFiles {
    func read(_ path: String) throws(FileFault) -> [UInt8] { try readFile(path, limit: maximumConfigurationFile) }

    func matches(of pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        // GLOB_PERIOD is off: an editor's hidden copy is no rules file.
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }.sorted()
    }
}

/// Reads a regular file. A pipe would block and a device never end, so they are refused.
func readFile(_ path: String, limit: Int) throws(FileFault) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
        let reason = errno
        throw reason == ENOENT
            ? FileFault(found: "no such file", isMissing: true)
            : FileFault(found: "a file that cannot be read (\(String(cString: strerror(reason))))")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        throw FileFault(found: "something that is no file")
    }
    // Asked for one more than allowed, as the file may grow while it is read.
    var bytes = [UInt8](repeating: 0, count: min(limit, max(0, Int(status.st_size))) + 1)
    var length = 0
    while length < bytes.count {
        let count = bytes.withUnsafeMutableBytes {
            Glibc.read(descriptor, $0.baseAddress?.advanced(by: length), $0.count - length)
        }
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else {
            throw FileFault(found: "a file that cannot be read (\(String(cString: strerror(errno))))")
        }
        if count == 0 { break }
        length += count
    }
    guard length <= limit else { throw FileFault(found: "more than \(limit >> 10) KiB") }
    return Array(bytes.prefix(length))
}

extension SourceFile {
    /// Takes UTF-8, with or without the mark some editors put in front.
    init(path: String, name: String, bytes: [UInt8]) throws(FileFault) {
        guard var text = String(validating: bytes, as: UTF8.self) else {
            throw FileFault(found: "a text that is not UTF-8")
        }
        if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
        self.init(path: path, name: name, text: text)
    }
}

/// Joins and tidies up paths without asking the disk: a link stays the link it is.
enum Paths {
    static func resolve(_ path: String, in directory: String) -> String {
        let whole = path.hasPrefix("/") ? path : "\(directory)/\(path)"
        var parts: [Substring] = []
        for part in whole.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    static func directory(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }

    static func lastPart(of path: String) -> String {
        String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...])
    }

    /// `/etc/firesense/rules.d/a.yaml` below `/etc/firesense` is `rules.d/a.yaml`; what is elsewhere stays whole.
    static func relative(_ path: String, to directory: String) -> String {
        path.hasPrefix("\(directory)/") ? String(path.dropFirst(directory.count + 1)) : path
    }

    static var current: String {
        guard let path = getcwd(nil, 0) else { return "/" }
        defer { free(path) }
        return String(cString: path)
    }
}

extension Configuration {
    /// Makes the paths of files absolute. Patterns in `rules.files` stay as written.
    mutating func resolvePaths(in directory: String) {
        let keys: [WritableKeyPath<Configuration, String>] = [
            \.mqtt.passwordFile, \.mqtt.tls.caFile, \.mqtt.tls.certFile, \.mqtt.tls.keyFile, \.store.path,
            \.http.tokensFile, \.http.tls.certFile, \.http.tls.keyFile,
        ]
        for key in keys + webhooks.indices.flatMap(Self.paths) where !self[keyPath: key].isEmpty {
            self[keyPath: key] = Paths.resolve(self[keyPath: key], in: directory)
        }
    }

    private static func paths(ofWebhook index: Int) -> [WritableKeyPath<Configuration, String>] {
        [
            \.webhooks[index].urlFile, \.webhooks[index].secretFile, \.webhooks[index].endpoint.tls.caFile,
            \.webhooks[index].endpoint.tls.certFile, \.webhooks[index].endpoint.tls.keyFile,
        ]
    }
}
