import ArgumentParser
import FireModel
import FireStore
import Glibc

/// `firesense migrate`
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Brings a database of an older form into today's; the daemon must be stopped.",
        discussion: """
            The daemon does the same by itself when it starts; this is for whoever wants to choose the hour. What was \
            interrupted begins anew and loses nothing.
            """)

    @OptionGroup var configuration: ConfigurationOption

    @Option(help: ArgumentHelp("The database, when not the configured one.", valueName: "file"))
    var database: String?

    func run() async throws {
        let loaded = try configuration.load()
        let path = database ?? loaded.configuration.store.path
        guard access(path, F_OK) == 0 else { throw Failure("cannot open \(path): \(String(cString: strerror(errno)))") }
        do {
            let was = try StoreInspector.form(of: path)
            try await withProgress("converting", total: 100, unit: .nothing) { progress in
                try await blocking {
                    // Opening it is all: retention and limits are the daemon's.
                    _ = try StoreWriter(
                        path: path, settings: StoreSettings(),
                        onMigration: { progress.add(Int($0 * 100) - Int(progress.value)) })
                }
            }
            try Output.line(was == .today ? "\(path) has today's form" : "\(path) is converted")
        } catch {
            throw (error as? StoreError).map { Failure("\($0)") } ?? error
        }
    }
}
