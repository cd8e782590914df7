import FireDispatch
import FireModel
import FireServe
import FireSettings
import FireSystemd
import FireTelemetry
import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// SIGHUP: everything is validated first, then rules, webhooks and log level are swapped by the worker
/// between two messages, and secrets and tokens are read again. An invalid file changes nothing.
struct Reloader: Service {
    let configurationPath: String?
    let current: CurrentConfiguration
    let accepted: AcceptedConfiguration
    let inbox: WorkerInbox
    let dispatcher: Dispatcher
    let threshold: LogThreshold
    let successful: Gauge
    let renewAccess: @Sendable (LoadedConfiguration) throws -> Void
    let logger: Logger

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        for await _ in signals.cancelOnGracefulShutdown() { await reload() }
    }

    func reload() async {
        Systemd.notify(.reloading)
        defer { Systemd.notify(.ready) }
        let loaded = Daemon.load(path: configurationPath)
        guard loaded.isValid else {
            successful.set(0)
            for problem in loaded.errors {
                logger.error("reload refused, the running configuration stays", metadata: [LogKey.error: "\(problem)"])
            }
            return
        }
        for warning in loaded.warnings { logger.warning("configuration", metadata: [LogKey.reason: "\(warning)"]) }
        for key in loaded.configuration.restartRequired(comparedTo: current.loaded.configuration) {
            logger.warning("restart required for a changed setting", metadata: [LogKey.key: "\(key)"])
        }
        if loaded.catalogue.subscriptions != current.loaded.catalogue.subscriptions {
            logger.warning("restart required for changed kinds of devices: they are subscribed to by name")
        }
        do {
            try renewAccess(loaded)
        } catch {
            logger.error(
                "tokens or certificate not taken over, the known ones stay", metadata: [LogKey.error: "\(error)"])
        }
        threshold.level = Logger.Level(loaded.configuration.log.level)
        await withCheckedContinuation { continuation in
            if !inbox.post(.reload(loaded, reply: WorkerInbox.Reply(continuation: continuation))) {
                continuation.resume()
            }
        }
        await dispatcher.reload(endpoints: loaded.endpoints)
        current.adopt(loaded)
        _ = inbox.post(
            .system(SystemReport(condition: .configurationInvalid, component: nil, isActive: false, detail: nil)))
        do {
            try accepted.save(loaded)
        } catch {
            logger.warning("the accepted configuration could not be kept", metadata: [LogKey.error: "\(error)"])
        }
        successful.set(1)
        logger.notice("configuration reloaded")
    }
}

extension Catalogue {
    /// What the intake has made its subscriptions of.
    fileprivate var subscriptions: [String: Bool] {
        Dictionary(kinds.map { ($0.name, $0.urgent) }) { first, _ in first }
    }
}

extension Logger.Level {
    init(_ level: Configuration.Log.Level) { self = Logger.Level(rawValue: level.rawValue) ?? .info }
}
