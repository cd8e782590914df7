import ArgumentParser
import FireModel
import FireStore

/// `firesense restore`
struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Puts a backup in the place of the database; the daemon must be stopped.",
        discussion: """
            The backup is checked first. A database that is there stays beside it under another name (--force). What was \
            stored after the backup is not in it, and the broker does not send it again.
            """)

    @Argument(help: "A file that firesense backup has made.")
    var file: String

    @OptionGroup var configuration: ConfigurationOption

    @Option(help: ArgumentHelp("The database, when not the configured one.", valueName: "file"))
    var database: String?

    @Flag(help: "Also where there is a database; it is kept beside the new one.")
    var force = false

    func run() async throws {
        let loaded = try configuration.load()
        let path = database ?? loaded.configuration.store.path
        do {
            let restore = Sole(try StoreRestore(file, to: path, replace: force))
            let size = restore.value.size
            let (contents, kept) = try await whileInterruptible(cleaningUp: {
                NewFile.remove(StoreRestore.temporaryPath(path))
            }) {
                try await withProgress("restoring", total: size * 2, unit: .bytes) { progress in
                    try await blocking {
                        try restore.value.run(
                            now: .now, copied: { progress.add($0) },
                            checked: { progress.add(Int(Double(size) * (1 + $0)) - Int(progress.value)) })
                    }
                }
            }
            try Output.text(
                BackupCommand.summary(contents, of: path, LocalTime(zone: loaded.configuration.gateway.timeZone)))
            if let kept { try Output.line("the database that was there is now \(kept)") }
            try Output.line("start the daemon: systemctl start firesense")
        } catch let error as BackupError {
            throw Failure(error.reason, remedy: error.remedy)
        } catch let error as StoreError {
            throw Failure("\(error)")
        }
    }
}
