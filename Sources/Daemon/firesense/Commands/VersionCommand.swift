import ArgumentParser
import FireAssembly
import FireJSON
import FireModel
import FireMQTT
import FireStore
import FireSystemd

/// `firesense version`
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Version, commit, and the versions of the libraries in use.")

    @Option(help: "How to print.")
    var format = ListFormat.table

    func run() throws {
        switch format {
        case .table:
            for (name, version) in Self.versions {
                try Output.line(name + String(repeating: " ", count: 14 - name.count) + version)
            }
        case .csv:
            var table = Table([.text("name"), .text("version")])
            table.rows = Self.versions.map { [$0.0, $0.1] }
            try Output.text(table.csv)
        case .json:
            var json = JSONWriter()
            json.object { json in
                json.field("version", Version.text)
                json.field("commit", Version.commit)
                json.key("libraries")
                json.object { json in for (name, version) in Self.libraries { json.field(name, version) } }
            }
            try Output.line(json.text)
        }
    }

    static var versions: [(String, String)] {
        [("firesense", Version.text), ("commit", Version.commit)] + libraries
    }

    private static var libraries: [(String, String)] {
        [
            ("libmosquitto", MQTTLibrary.version),
            ("sqlite", StoreInspector.libraryVersion),
            ("simdjson", JSONParser.libraryVersion),
            ("libsystemd", Systemd.libraryVersion ?? "unknown"),
        ]
    }
}
