import FireModel
import FireRules
import FireStore
import FireTelemetry
import Foundation
import Logging

/// Shows the rules once more what they were shown since the last checkpoint, with effects off, so that a restart goes
/// on exactly where the last run ended: a power cut in minute 9 of 10 resumes at 9 (design 5, "Restart").
///
/// It decides by the rules that were in force then. Without a checkpoint, as in a database of an older form, nothing is
/// shown, and the rules are seeded with what is stored.
final class Replay {
    let engine: RuleEngine
    private let fleet: Fleet
    private let store: StoreWriter
    private let logger: Logger
    /// Whether the engine is where the last run ended.
    private(set) var isExact = false
    /// Rules and catalogue the engine has now, as text.
    private(set) var rules = ""
    /// Where the counting clock stood.
    private(set) var live: Int64 = 0
    private var steady: Int64?

    init(gateway: AlarmDevice, fleet: Fleet, store: StoreWriter, logger: Logger) {
        engine = RuleEngine(gateway: gateway, fleet: fleet, rules: [])
        self.fleet = fleet
        self.store = store
        self.logger = logger
    }

    func begin(_ checkpoint: StoredCheckpoint?) {
        guard let checkpoint, !checkpoint.engine.isEmpty, adopt(checkpoint.rules) else { return }
        live = checkpoint.live
        do throws(CheckpointError) {
            try engine.restore(checkpoint: checkpoint.engine, live: live) { store.last($0)?.at }
            isExact = true
        } catch {
            logger.error(
                "the state of the rules cannot be read, timers begin anew", metadata: [LogKey.error: "\(error)"])
        }
    }

    func show(_ input: JournalInput) {
        if case .clocks(let live, let steady) = input {
            self.live = live
            self.steady = steady
            return
        }
        guard isExact else { return }
        switch input {
        case .reading(let reading, isConflicting: _, let isRetry):
            guard fleet.series.indices.contains(Int(reading.series)) else { return }
            engine.apply(reading, live: live, steady: steady, isRetry: isRetry)
        case .timePassed(let now): engine.advance(live: live, steady: steady, now: now)
        case .act(let bytes):
            // One on an alarm of the gateway itself is refused here: those come from the table of alarms.
            if let act = try? JSONDecoder().decode(RecordedAct.self, from: Data(bytes)) {
                _ = try? engine.act(act.act, on: act.on, now: act.now)
            } else if let act = try? JSONDecoder().decode(RecordedAnnunciation.self, from: Data(bytes)) {
                try? engine.act(act.annunciation, steady: steady, now: Timestamp(milliseconds: act.now))
            }
        case .rules(let text): _ = adopt(text)
        case .began: runEnded()
        case .clocks, .history: break
        }
        engine.dropChanges()
    }

    /// Behind the last input: the next one is shown by another run.
    func runEnded() {
        engine.forgetSystemAlarms()
        steady = nil
        engine.settle()
        engine.dropChanges()
        engine.steadyClockBeganAnew()
    }

    private func adopt(_ text: String) -> Bool {
        do throws(RecordedRulesError) {
            let recorded = try RecordedRules(json: text)
            fleet.adopt(recorded.catalogue)
            engine.adopt(recorded.flood ?? FloodLimits())
            engine.adopt(recorded.rules)
            rules = text
            return true
        } catch {
            logger.error("recorded rules cannot be read", metadata: [LogKey.error: "\(error.reason)"])
            return false
        }
    }
}

/// An operator's act on many alarms as the journal keeps it.
struct RecordedAnnunciation: Codable {
    var annunciation: AnnunciationAct
    /// In milliseconds.
    var now: Int64

    var json: [UInt8] { (try? JSONEncoder().encode(self)).map { Array($0) } ?? [] }
}

/// An operator's act as the journal keeps it.
struct RecordedAct: Decodable {
    var act: OperatorAct
    var on: Alarm
    var now: Timestamp

    private enum Key: String, CodingKey { case act, on, now }

    init(from decoder: any Decoder) throws {
        let body = try decoder.container(keyedBy: Key.self)
        act = try body.decode(OperatorAct.self, forKey: .act)
        on = try body.decode(Alarm.self, forKey: .on)
        now = Timestamp(milliseconds: try body.decode(Int64.self, forKey: .now))
    }

    /// `{"act":…,"on":the alarm of contract 6,"now":ms}`
    static func json(_ act: OperatorAct, on alarm: Alarm, now: Timestamp) -> [UInt8] {
        let encoded = (try? JSONEncoder().encode(act)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
        return Array("{\"act\":\(encoded),\"on\":\(alarm.json),\"now\":\(now.milliseconds)}".utf8)
    }
}
