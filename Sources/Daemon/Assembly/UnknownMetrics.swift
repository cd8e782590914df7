import FireTelemetry
import Logging

/// Metrics that the catalogue does not know, from the moment a device brings them until they are named in the
/// log: one line per device. For the worker's thread only.
final class UnknownMetrics {
    private struct Names {
        var names: [String] = []
        /// Beyond those.
        var others = 0
    }

    /// A device with more than this is not read name by name.
    static let maximumNames = 64
    static let maximumDevices = 10_000
    /// A fleet of a new kind must not fill the journal in one second.
    static let linesAtOnce = 20

    private var byDevice: [String: Names] = [:]
    /// The devices in the order they came.
    private var devices: [String] = []
    /// Metrics of devices beyond `maximumDevices`.
    private var dropped = 0

    func note(device: String, metric: String) {
        if byDevice[device] == nil {
            guard devices.count < Self.maximumDevices else { return dropped += 1 }
            devices.append(device)
        }
        var names = byDevice[device] ?? Names()
        if names.names.count < Self.maximumNames {
            if !names.names.contains(metric) { names.names.append(metric) }
        } else {
            names.others += 1
        }
        byDevice[device] = names
    }

    /// To be called about once a second.
    func log(to logger: Logger, lines: Int = linesAtOnce) {
        guard !devices.isEmpty else { return }
        for device in devices.prefix(lines) {
            guard let names = byDevice.removeValue(forKey: device) else { continue }
            var what: Logger.Metadata = [
                LogKey.device: "\(device)", LogKey.metric: "\(names.names.joined(separator: ", "))",
            ]
            if names.others > 0 { what[LogKey.held] = "\(names.others)" }
            logger.info("metrics are not in the catalogue, stored as they came", metadata: what)
        }
        devices.removeFirst(min(lines, devices.count))
        guard devices.isEmpty, dropped > 0 else { return }
        logger.info(
            "more devices have metrics that are not in the catalogue", metadata: [LogKey.held: "\(dropped)"])
        dropped = 0
    }
}
