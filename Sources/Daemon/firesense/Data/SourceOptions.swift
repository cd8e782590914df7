import ArgumentParser
import FireModel
import FireSettings
import FireStore
import Foundation

/// Where a command finds its gateway.
struct SourceOptions: ParsableArguments {
    @OptionGroup var configuration: ConfigurationOption

    @Option(help: ArgumentHelp("The database, when not the configured one.", valueName: "file"))
    var database: String?

    @Option(
        help: ArgumentHelp(
            "Ask the gateway at this address instead, such as http://10.0.0.5:8470 (FIRESENSE_ADDRESS).",
            valueName: "address"))
    var address: String?

    @Option(
        help: ArgumentHelp(
            "File whose first line is the token for that address (FIRESENSE_TOKEN_FILE).", valueName: "file"))
    var tokenFile: String?

    func validate() throws {
        if database != nil, address != nil { throw ValidationError("--database and --address exclude each other") }
    }

    func find(environment: [String: String] = ProcessInfo.processInfo.environment) throws -> Source {
        let loaded = try configuration.load()
        let place = Place(
            configuration: loaded.configuration, database: database,
            address: database == nil
                ? address ?? environment["FIRESENSE_ADDRESS"].flatMap { $0.isEmpty ? nil : $0 } : nil,
            tokenFile: tokenFile ?? environment["FIRESENSE_TOKEN_FILE"].flatMap { $0.isEmpty ? nil : $0 })
        return Source(loaded: loaded, place: place)
    }
}

/// What there is to look at, in the order in which it is tried.
struct Place {
    /// `nil`: this machine.
    var address: String?
    var tokenFile: String?
    var database: String
    var controlSockets: [String]

    /// Made by the daemon's unit; whose daemon it is, is the administrator's business.
    static let installedSocket = "/run/firesense/control.sock"

    init(configuration: Configuration, database: String? = nil, address: String? = nil, tokenFile: String? = nil) {
        self.address = address
        self.tokenFile = tokenFile
        self.database = database ?? configuration.store.path
        let beside = URL(filePath: self.database).deletingLastPathComponent().appending(path: "control.sock").path
        // Somebody who names a database does not mean the installed daemon.
        controlSockets = database == nil ? [beside, Self.installedSocket] : [beside]
    }
}

/// The gateway a command works with.
struct Source {
    let loaded: LoadedConfiguration
    let place: Place

    var localTime: LocalTime { LocalTime(zone: loaded.configuration.gateway.timeZone) }

    /// Looks: at the address given, else in the database, else through the daemon on this machine.
    func read<R>(_ body: (any GatewayData) async throws -> R) async throws -> R {
        let data = try data()
        do {
            let result = try await body(data)
            await data.close()
            return result
        } catch {
            await data.close()
            throw error
        }
    }

    /// Changes: by the daemon at the address given, else by the one on this machine.
    func change<R>(_ body: (HTTPGateway) async throws -> R) async throws -> R {
        let gateway = try gateway()
        do {
            let result = try await body(gateway)
            await gateway.close()
            return result
        } catch {
            await gateway.close()
            throw error
        }
    }

    private func data() throws -> any GatewayData {
        if place.address != nil { return HTTPData(gateway: try gateway()) }
        var tried: [String] = []
        if let reason = ControlSocket.unreadable(place.database) {
            tried.append("the database \(place.database) (\(reason))")
        } else {
            do {
                return DatabaseData(reader: try StoreReader(path: place.database), catalogue: loaded.catalogue)
            } catch {
                tried.append("the database \(place.database) (\(error))")
            }
        }
        switch ControlSocket.find(place.controlSockets) {
        case .found(let path): return HTTPData(gateway: HTTPGateway(.controlSocket(path), token: nil))
        case .none(let sockets):
            throw Failure(
                "no data to read: tried " + (tried + sockets).joined(separator: ", "),
                remedy: "use sudo, join the group firesense, or name the gateway with --config, --database or --address"
            )
        }
    }

    private func gateway() throws -> HTTPGateway {
        if let address = place.address {
            return HTTPGateway(try GatewayAddress(address), token: try place.tokenFile.map(token))
        }
        switch ControlSocket.find(place.controlSockets) {
        case .found(let path): return HTTPGateway(.controlSocket(path), token: nil)
        case .none(let sockets):
            throw Failure(
                "the daemon cannot be reached: tried " + sockets.joined(separator: ", "),
                remedy: "start it (systemctl start firesense), use sudo or join the group firesense, or give --address")
        }
    }

    private func token(in file: String) throws -> String {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw Failure("cannot read the token from \(file)")
        }
        let line = text.prefix { !$0.isNewline }.trimmingCharacters(in: .whitespaces)
        guard !line.isEmpty, line.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Failure("no token on the first line of \(file)")
        }
        return line
    }
}
