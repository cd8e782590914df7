import ArgumentParser
import FireModel
import Foundation
import NIOCore
import Synchronization

/// `firesense import`
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Stores readings of the past, such as an export of another gateway.",
        discussion: """
            CSV has columns ts, area, kind, device, component, metric, value in any order; component may be absent, and \
            area and kind where every device is known. Line protocol has the kind as measurement and the tags area, \
            device and component.

            Imported readings are history only: no rule sees them, and no device counts as seen. What is stored already is \
            counted and stays, so an import that was broken off can simply be run again. It ends at the first line that \
            is refused, unless --keep-going is given; what came before it is stored.

            Exit codes: 0 all is stored, 1 it failed or ended at a refusal, 3 finished, but something was refused or \
            conflicts with what is stored.
            """)

    @Argument(help: ArgumentHelp("Files; - is standard input, as is none.", valueName: "file"))
    var files: [String] = []

    @OptionGroup var source: SourceOptions

    @Option(help: "csv, or line for InfluxDB line protocol; by the name or the beginning of a file when absent.")
    var format: ExportFormat?

    @Option(help: "Of times: s, ms, us or ns. Else CSV has ms, and line protocol what its digits say.")
    var precision: ImportPrecision?

    @Flag(help: "Only look what would be stored and refused.")
    var dryRun = false

    @Flag(help: "Go on behind lines that are refused.")
    var keepGoing = false

    func run() async throws {
        // A name that is wrong is told before hours of another file.
        let inputs = try (files.isEmpty ? ["-"] : files).map { try ImportFile($0, format: format) }
        var isClean = true
        try await source.find().change { gateway in
            for input in inputs {
                var options = ImportOptions(input.format)
                options.precision = precision
                options.isDryRun = dryRun
                options.keepsGoing = keepGoing
                let summary = try await withProgress(
                    "importing \(printable(input.name))", total: input.size, unit: .bytes
                ) { progress in
                    do {
                        return try await gateway.importReadings(options, input.parts(progress))
                    } catch let failure as Failure {
                        throw Failure(
                            "\(printable(input.name)): \(failure.description)"
                                + (dryRun ? "" : "; what was stored by then stays, run it again to go on"))
                    }
                }
                if let trouble = input.trouble { throw trouble }
                try Output.text(Self.text(summary, input.name))
                if !summary.complete { throw ExitCode(ExitStatus.failed) }
                if summary.refused > 0 || summary.conflicting > 0 { isClean = false }
            }
        }
        if !isClean { throw ExitCode(ExitStatus.warnings) }
    }

    static func text(_ summary: ImportSummary, _ name: String) -> String {
        var text = ""
        for refusal in summary.refusals {
            text +=
                "\(printable(name)):\(refusal.line): found \(printable(refusal.found)), "
                + "expected \(printable(refusal.expected))\n"
        }
        if summary.refused > summary.refusals.count {
            text += "… and \(summary.refused - summary.refusals.count) more refused\n"
        }
        let verb = summary.dryRun ? "would be stored" : "stored"
        text +=
            "\(printable(name)): \(summary.read) read, \(summary.stored) \(verb), \(summary.duplicate) duplicate, "
            + "\(summary.conflicting) conflicting, \(summary.refused) refused; "
            + "\(summary.newDevices) devices and \(summary.newSeries) series new\n"
        if summary.beyondRetention > 0 {
            text +=
                "\(summary.beyondRetention) are older than store.retention.raw and will be deleted within the hour; "
                + "raise it first to keep them\n"
        }
        if !summary.complete {
            text += "it ended at line \(summary.refusals.first?.line ?? 0): correct it, or give --keep-going\n"
        }
        return text
    }
}

extension HTTPGateway {
    func importReadings<Parts: AsyncSequence & Sendable>(
        _ options: ImportOptions, _ parts: Parts
    ) async throws -> ImportSummary where Parts.Element == ByteBuffer {
        try await upload(
            "/api/v1/readings/import",
            [
                ("format", options.format.rawValue), ("precision", options.precision?.rawValue),
                ("keep_going", options.keepsGoing ? "true" : nil), ("dry_run", options.isDryRun ? "true" : nil),
            ], type: options.format == .csv ? "text/csv" : "text/plain", parts, statuses: [200, 422])
    }
}

/// A file, or standard input, to be read piece by piece.
final class ImportFile: Sendable {
    let name: String
    let format: ExportFormat
    /// In bytes; `nil`: nobody knows.
    let size: Int64?
    private let handle: FileHandle
    private let failure = Mutex<Failure?>(nil)
    private let unsent: Mutex<Data?>

    private static let piece = 1 << 18

    /// - Throws: `Failure`, when it cannot be read, or when nobody knows what it is.
    init(_ path: String, format: ExportFormat?) throws {
        name = path == "-" ? "standard input" : path
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Failure("cannot read \(printable(path)): \(String(cString: strerror(errno)))")
        }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: path != "-")
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
            throw Failure("cannot read \(printable(path)): it is a directory")
        }
        size = status.st_mode & S_IFMT == S_IFREG ? Int64(status.st_size) : nil
        let beginning: Data
        do {
            beginning = try format == nil ? handle.read(upToCount: Self.piece) ?? Data() : Data()
        } catch {
            throw Failure("cannot read \(printable(path)): \(reason(error))")
        }
        guard let known = format ?? Self.guess(path, Array(beginning.prefix(4096))) else {
            throw Failure(
                "it cannot be told whether \(printable(name)) is CSV or line protocol",
                remedy: "give --format csv or line",
                code: ExitStatus.wrongUsage)
        }
        self.format = known
        unsent = Mutex(beginning.isEmpty ? nil : beginning)
    }

    /// By the header, else by the ending of the name, else by the first line.
    static func guess(_ path: String, _ beginning: [UInt8]) -> ExportFormat? {
        let text = String(decoding: beginning, as: UTF8.self).drop { $0 == "\u{FEFF}" || $0.isWhitespace }
        let line = text.prefix { !$0.isNewline }
        let columns = Set(
            line.split(separator: ",").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "\" ")) })
        if columns.isSuperset(of: ["ts", "device", "metric", "value"]) { return .csv }
        let ending = path.split(separator: "/").last?.split(separator: ".").dropFirst().last?.lowercased()
        if ending == "csv" { return .csv }
        if let ending, ["line", "lp", "influx"].contains(ending) { return .line }
        if line.hasPrefix("#") || (line.contains("=") && line.contains(" ")) { return .line }
        return nil
    }

    /// What reading it ended with, if that was not its end.
    var trouble: Failure? { failure.withLock { $0 } }

    func parts(_ progress: ProgressCount) -> AsyncThrowingStream<ByteBuffer, any Error> {
        AsyncThrowingStream { [self] in
            if let first = unsent.withLock({ $0.take() }) {
                progress.add(first.count)
                return ByteBuffer(bytes: first)
            }
            // What blocks, as a pipe does, blocks no thread of the task pool.
            let read = await withCheckedContinuation { continuation in
                Thread {
                    continuation.resume(returning: Result { try self.handle.read(upToCount: Self.piece) })
                }.start()
            }
            switch read {
            case .success(let data):
                guard let data, !data.isEmpty else { return nil }
                progress.add(data.count)
                return ByteBuffer(bytes: data)
            case .failure(let error):
                let trouble = Failure("cannot read \(printable(name)): \(reason(error))")
                failure.withLock { $0 = trouble }
                throw trouble
            }
        }
    }
}
