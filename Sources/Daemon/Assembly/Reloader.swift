import FireDispatch
import FireMQTT
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
    let state: PipelineState
    let renewAccess: @Sendable (LoadedConfiguration) throws -> Void
    let logger: Logger

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        for await _ in signals.cancelOnGracefulShutdown() { await reload() }
    }

    func reload() async {
        // Before it is ready the notifier has the word: done with reloading would be taken for started.
        let isReady = state.isReady.load(ordering: .relaxed)
        if isReady { Systemd.notify(.reloading) }
        defer { if isReady { Systemd.notify(.ready) } }
        let loaded = Daemon.load(path: configurationPath)
        guard loaded.isValid else {
            successful.set(0)
            for problem in loaded.errors {
                logger.error("reload refused, the running configuration stays", metadata: [LogKey.error: "\(problem)"])
            }
            return
        }
        for warning in loaded.warnings { logger.warning("configuration", metadata: [LogKey.reason: "\(warning)"]) }
        let isTaken = await withCheckedContinuation { continuation in
            // Full, the request is gone, and with it the reply.
            let isTaken = inbox.post(
                .reload(loaded, reply: WorkerInbox.Reply(continuation: continuation)))
            if !isTaken { continuation.resume(returning: false) }
        }
        guard isTaken else {
            successful.set(0)
            return logger.error("reload refused, the running configuration stays: too many requests wait, try again")
        }
        let rules = RuleDifference(from: current.loaded.rules, to: loaded.rules)
        current.adopt(loaded)
        for key in current.restartRequired {
            logger.warning("restart required for a changed setting", metadata: [LogKey.key: "\(key)"])
        }
        do {
            try renewAccess(loaded)
        } catch {
            logger.error(
                "tokens or certificate not taken over, the known ones stay", metadata: [LogKey.error: "\(error)"])
        }
        threshold.level = Logger.Level(loaded.configuration.log.level)
        await dispatcher.reload(
            endpoints: loaded.endpoints, destinations: loaded.configuration.webhooksAllow,
            brokerPassword: loaded.mqttPassword.map { MQTTPassword($0.bytes) })
        _ = inbox.post(
            .system(SystemReport(condition: .configurationInvalid, component: nil, isActive: false, detail: nil)))
        do {
            try accepted.save(loaded)
        } catch {
            logger.warning("the accepted configuration could not be kept", metadata: [LogKey.error: "\(error)"])
        }
        successful.set(1)
        logger.notice("configuration reloaded; rules: \(rules.summary)")
    }
}

extension Logger.Level {
    init(_ level: Configuration.Log.Level) { self = Logger.Level(rawValue: level.rawValue) ?? .info }
}
