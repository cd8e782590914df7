import ArgumentParser
import FireModel

/// `firesense export`
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Every stored raw reading, streamed to standard output.",
        discussion: "CSV begins with ts,area,kind,device,component,metric,value; ts is in milliseconds since 1970.")

    @OptionGroup var source: SourceOptions
    @OptionGroup var time: RangeOptions

    @Option(help: "Only of this device.")
    var device: String?

    @Option(help: "Only of devices of this kind.")
    var kind: String?

    @Option(help: "csv, or line for InfluxDB line protocol.")
    var format: ExportFormat

    func run() async throws {
        try await source.find().read { data in
            var filter = ExportFilter()
            filter.range = time.range
            filter.device = device
            filter.kind = kind
            // How much a filter lets through is known only afterwards.
            let total = filter == ExportFilter() ? try? await data.readingCount() : nil
            try Output.text(format.header)
            try await withProgress("exporting readings", total: total) { progress in
                try await data.export(filter, format, progress: progress) { try Output.write($0) }
            }
        }
    }
}
