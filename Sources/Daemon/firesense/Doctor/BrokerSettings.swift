import Foundation

/// What Mosquitto's files say about keeping its queues, where it runs on this machine: a client cannot
/// ask for it.
struct BrokerSettings: Equatable {
    var persistence = false
    /// Seconds between two saves; Mosquitto's default is 1800.
    var autosaveInterval = 1800

    /// Reads the file and what it includes; `nil` when it cannot be read.
    init?(file: String) {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
        read(text)
    }

    init(text: String) { read(text) }

    private mutating func read(_ text: String, depth: Int = 0) {
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(separator: " ", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            guard words.count == 2 else { continue }
            switch words[0] {
            case "persistence": persistence = words[1] == "true"
            case "autosave_interval": autosaveInterval = Int(words[1]) ?? autosaveInterval
            case "include_dir" where depth == 0:
                let files = (try? FileManager.default.contentsOfDirectory(atPath: words[1])) ?? []
                for file in files.sorted() where file.hasSuffix(".conf") {
                    if let text = try? String(contentsOfFile: "\(words[1])/\(file)", encoding: .utf8) {
                        read(text, depth: 1)
                    }
                }
            default: break
            }
        }
    }

    /// - Parameter isLocal: the broker is on this machine.
    static func finding(_ settings: BrokerSettings?, isLocal: Bool) -> Finding {
        let check = "broker persistence"
        guard isLocal, let settings else {
            return .ok(
                check, "not visible from here: see that mosquitto.conf has persistence true and autosave_interval 15")
        }
        guard settings.persistence else {
            return .warn(
                check, "off in /etc/mosquitto: what waits for the daemon is lost when the broker restarts",
                "persistence true in mosquitto.conf")
        }
        // 0 means only at the end.
        guard (1...120).contains(settings.autosaveInterval) else {
            return .warn(
                check, "saved every \(settings.autosaveInterval) s: so much of what waits is lost in a power cut",
                "autosave_interval 15 in mosquitto.conf")
        }
        return .ok(check, "on, saved every \(settings.autosaveInterval) s")
    }
}
