import ArgumentParser
import FireModel
import FireStore
import Glibc

/// `firesense backup`
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Saves the whole database to a file, with the daemon running or stopped.",
        discussion: """
            On the gateway itself, by root or a member of the group firesense. The file holds everything that was stored \
            when the command began. It is checked before it gets its name; no half file is left behind. It is a database \
            like any other: query, export and alarms read it with --database FILE, restore puts it back.
            """)

    @Argument(help: "The file to make.")
    var file: String

    @OptionGroup var source: SourceOptions

    @Flag(help: "Replace a file that is there.")
    var force = false

    func run() async throws {
        let found = try source.find()
        if let address = found.place.address {
            throw Failure(
                "\(printable(address)) is asked from afar, a backup is made on the gateway itself",
                remedy: "log in there and run firesense backup FILE (and unset FIRESENSE_ADDRESS)",
                code: ExitStatus.wrongUsage)
        }
        let (file, force) = (file, force)
        do {
            let new = try NewFile(file, replace: force)
            let temporary = new.temporaryPath
            let contents = try await whileInterruptible(cleaningUp: { NewFile.remove(temporary) }) {
                try await write(found.place, to: new)
                try await blocking { [new = Sole(new)] in try new.value.finish() }
                let contents = try await check(temporary)
                try new.publish(replace: force)
                return contents
            }
            try Output.text(Self.summary(contents, of: file, found.localTime))
        } catch let error as BackupError {
            throw Failure(error.reason, remedy: error.remedy)
        } catch let error as StoreError {
            throw Failure("\(error)")
        }
    }

    /// From the daemon, or from the database where none runs.
    private func write(_ place: Place, to new: NewFile) async throws {
        switch ControlSocket.find(place.controlSockets) {
        case .found(let path):
            // The daemon comes first, for the processor and, where the scheduler knows how, for the disk.
            _ = nice(10)
            let gateway = HTTPGateway(.controlSocket(path), token: nil)
            do {
                try await receive(from: gateway, into: new)
                await gateway.close()
            } catch {
                await gateway.close()
                throw error
            }
        case .none(let sockets):
            guard !StoreInspector.isInUse(place.database) else {
                throw Failure(
                    "a daemon has \(place.database) and cannot be reached: tried " + sockets.joined(separator: ", "),
                    remedy: "use sudo or join the group firesense")
            }
            try await withProgress("copying", unit: .bytes) { progress in
                try await blocking { [new = Sole(new)] in
                    try StoreInspector.copy(place.database, to: new.value) { done, all in
                        progress.total = all
                        progress.add(Int(done - progress.value))
                    }
                }
            }
        }
    }

    private func receive(from gateway: HTTPGateway, into new: NewFile) async throws {
        try await withProgress("copying", unit: .bytes) { progress in
            var waiting: ArraySlice<UInt8> = []
            var isWhole = false
            let new = Sole(new)
            try await gateway.stream("/api/v1/backup", []) { part in
                waiting += part
                while let record = try BackupRecord.take(from: &waiting) {
                    switch record {
                    case .size(let size): progress.total = size
                    case .bytes(let place, let bytes):
                        try await blocking {
                            try new.value.write(bytes, at: place)
                            // Half of the disk's time is for others.
                            let time = try new.value.sync()
                            usleep(useconds_t(min(time, .milliseconds(500)).wholeMilliseconds * 1000))
                        }
                        progress.add(bytes.count)
                    case .end(let size):
                        try new.value.truncate(to: size)
                        isWhole = true
                    }
                }
                waiting = ArraySlice(Array(waiting))
            }
            guard isWhole else {
                throw Failure("the daemon has broken off", remedy: "see journalctl -u firesense, then try again")
            }
        }
    }

    private func check(_ temporary: String) async throws -> StoreContents {
        let contents = try await checked(temporary)
        guard let first = contents.damage.first else { return contents }
        throw Failure(
            "the copy is damaged and was thrown away: \(first)", remedy: "see whether firesense doctor finds the same")
    }

    static func summary(_ contents: StoreContents, of file: String, _ time: LocalTime) -> String {
        let span = contents.span.map { ", from \(time.text($0.lowerBound)) to \(time.text($0.upperBound))" } ?? ""
        return """
            \(file): \(contents.bytes) bytes
            \(contents.readings) readings\(span)
            \(contents.alarms) alarms

            """
    }
}

/// Looks through a copy, with a bar.
func checked(_ copy: String) async throws -> StoreContents {
    try await withProgress("checking", total: 100, unit: .nothing) { progress in
        try await blocking {
            try StoreInspector.examine(copy: copy) { share in progress.add(Int(share * 100) - Int(progress.value)) }
        }
    }
}

/// What only one thread has at a time, each waiting for the one before.
struct Sole<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
