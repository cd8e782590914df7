import FireModel
import Foundation

/// What a start takes from the store, besides the fleet.
public struct StoredState: Sendable {
    public struct StoredAlarm: Sendable, Equatable {
        public var alarm: Alarm
        /// How-manieth raise of its key at its `raisedAt`.
        public var ordinal: Int
    }

    /// The newest reading of each series that has one, by series. Its receipt time is not kept; it is that of
    /// the reading.
    public var latest: [Reading] = []
    /// Of each key (rule, device, component, metric) the active alarm, else the newest.
    public var alarms: [StoredAlarm] = []
    /// Oldest first in each lane.
    public var redeliveries: [Redelivery] = []
    public var retained: [RetainedMark] = []
    /// Ids of alarms whose stored form cannot be read; worth a line in the log.
    public var unreadableAlarms: [String] = []
}

extension StoreWriter {
    /// Fills an empty fleet, every index as it was, and returns what the other stages go on from.
    /// - Throws: `StoreError.corrupt` when rows of devices or series are missing.
    public func load(into fleet: Fleet) throws(StoreError) -> StoredState {
        guard fleet.devices.isEmpty else { throw .unexpected("the fleet to be loaded is not empty") }
        // One transaction: each statement by itself would take and drop the file's lock, which for the last
        // values of a large fleet was a third of the time.
        try connection.execute("BEGIN")
        defer { if connection.isInTransaction { try? connection.execute("COMMIT") } }
        try FleetTables.load(connection, into: fleet)
        var state = StoredState()
        state.latest = try latest(fleet)
        try loadAlarms(&state)
        state.redeliveries = try RecognitionTables.redeliveries(connection)
        state.retained = try RecognitionTables.retained(connection)
        return state
    }

    private func latest(_ fleet: Fleet) throws(StoreError) -> [Reading] {
        let newest = try Statement(
            connection, "SELECT ts, value, quality, detail FROM reading WHERE series = ? ORDER BY ts DESC LIMIT 1")
        var latest: [Reading] = []
        for series in fleet.series.indices {
            newest.bind(1, Int64(series) + 1)
            defer { newest.reset() }
            guard try newest.step(), let value = newest.value(1) else { continue }
            latest.append(
                Reading(
                    series: Int32(series), at: newest.time(0), receivedAt: newest.time(0), value: value,
                    quality: Quality(rawValue: UInt8(truncatingIfNeeded: newest.int(2))), backlog: false,
                    detail: newest.optionalText(3)))
        }
        return latest
    }

    private func loadAlarms(_ state: inout StoredState) throws(StoreError) {
        // The bare columns beside max() are those of the row that has it. An active alarm is taken even if
        // its key was raised again with a later receipt.
        let rows = try Statement(
            connection,
            """
            SELECT id, ordinal, body, max(received_at) FROM alarm WHERE state = 'cleared'
              AND NOT EXISTS (SELECT 1 FROM alarm a WHERE a.rule = alarm.rule AND a.device = alarm.device
                AND a.component IS alarm.component AND a.metric IS alarm.metric AND a.state = 'active')
              GROUP BY rule, device, component, metric
            UNION ALL SELECT id, ordinal, body, received_at FROM alarm WHERE state = 'active'
            """)
        let decoder = JSONDecoder()
        while try rows.step() {
            guard let alarm = try? decoder.decode(Alarm.self, from: Data(rows.text(2).utf8)) else {
                state.unreadableAlarms.append(rows.text(0))
                continue
            }
            state.alarms.append(StoredState.StoredAlarm(alarm: alarm, ordinal: Int(rows.int(1))))
        }
    }
}
