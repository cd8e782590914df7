import ArgumentParser
import FireDevices
import FireModel
import Foundation

/// Where the broker is and who is calling.
struct BrokerAddress: Sendable, Equatable {
    enum MQTTVersion: Sendable { case v311, v5 }

    var host: String
    var port: UInt16
    var username: String?
    var password: String?
    var version: MQTTVersion
    var caFile: String?
}

/// The options every command that connects has.
struct BrokerOptions: ParsableArguments {
    @Option(help: "Host name or address of the MQTT broker.")
    var host = "127.0.0.1"

    @Option(help: "Its port.")
    var port: UInt16 = 1883

    @Option(help: "User name.")
    var username: String?

    @Option(help: "File whose first line is the password.")
    var passwordFile: String?

    @Option(help: "MQTT version: 5 or 3.1.1.")
    var mqtt = "5"

    @Option(help: "PEM file of the authority that signed the broker's certificate; turns TLS on.")
    var caFile: String?

    func validate() throws {
        guard ["5", "3.1.1"].contains(mqtt) else { throw ValidationError("--mqtt is '\(mqtt)', expected 5 or 3.1.1") }
        guard !host.isEmpty, port > 0 else { throw ValidationError("--host and --port must name a broker") }
        if passwordFile != nil, username == nil { throw ValidationError("--password-file needs --username") }
    }

    func address() throws -> BrokerAddress {
        BrokerAddress(
            host: host, port: port, username: username, password: try passwordFile.map(firstLine),
            version: mqtt == "5" ? .v5 : .v311, caFile: caFile)
    }

    private func firstLine(of path: String) throws -> String {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw Failure("cannot read the password from \(path)")
        }
        return String(text.prefix { !$0.isNewline })
    }
}

/// What went wrong, for people. Ends the program with code 1.
struct Failure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// A duration as it is spelt everywhere: `500ms`, `10s`, `5m`.
struct DurationArgument: ExpressibleByArgument, Sendable {
    var duration: Duration

    init(_ duration: Duration) { self.duration = duration }

    init?(argument: String) {
        guard let duration = Duration(firesense: argument) else { return nil }
        self.duration = duration
    }

    var defaultValueDescription: String { duration.firesense }
}

extension FleetPlan {
    /// Reads `hydrant=10,panel=2`.
    static func shares(from text: String) throws -> [Share] {
        var shares: [Share] = []
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=", omittingEmptySubsequences: false)
            guard pair.count == 2, let kind = Kind(rawValue: String(pair[0])), let count = Int(pair[1]),
                (1...1_000_000).contains(count), !shares.contains(where: { $0.kind == kind })
            else {
                let known = Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError(
                    "--kinds has '\(part)', expected KIND=COUNT once for each kind, KIND one of \(known), COUNT from 1 to 1000000"
                )
            }
            shares.append(Share(kind: kind, count: count))
        }
        guard !shares.isEmpty else {
            throw ValidationError("--kinds is empty, expected for example hydrant=10,panel=2")
        }
        return shares
    }
}
