import FireModel

/// Devices and series: the fleet in memory, written when something is new or changed.
final class FleetTables {
    private let saveDevice: Statement
    private let saveSeries: Statement

    init(_ connection: Connection) throws(StoreError) {
        saveDevice = try Statement(
            connection,
            """
            INSERT INTO device(id, name, kind, area, first_seen, last_seen, online) VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT(id) DO UPDATE SET area = excluded.area, last_seen = excluded.last_seen, online = excluded.online
            """)
        saveSeries = try Statement(
            connection, "INSERT INTO series(id, device, component, metric, inactive) VALUES (?, ?, ?, ?, ?)")
    }

    func areUpToDate(_ fleet: Fleet) -> Bool { fleet.dirtyDevices.isEmpty && fleet.savedSeries == fleet.series.count }

    func write(_ fleet: Fleet) throws(StoreError) {
        for index in fleet.dirtyDevices {
            let device = fleet.devices[Int(index)]
            saveDevice.bind(1, Int64(index) + 1)
            saveDevice.bind(2, device.id)
            saveDevice.bind(3, fleet.kinds[device.kind])
            saveDevice.bind(4, fleet.areas[device.area])
            saveDevice.bind(5, device.firstSeen)
            saveDevice.bind(6, device.lastSeen)
            saveDevice.bind(7, device.online.map { $0 ? 1 : 0 })
            try saveDevice.run()
        }
        for index in fleet.savedSeries..<fleet.series.count {
            let series = fleet.series[index]
            saveSeries.bind(1, Int64(index) + 1)
            saveSeries.bind(2, Int64(series.device) + 1)
            saveSeries.bind(3, series.component < 0 ? nil : fleet.components[series.component])
            saveSeries.bind(4, fleet.metrics[series.metric])
            saveSeries.bind(5, series.inactive)
            try saveSeries.run()
        }
    }

    // MARK: - At the start

    /// Fills an empty fleet so that every index is again row id - 1.
    static func load(_ connection: Connection, into fleet: Fleet) throws(StoreError) {
        let devices = try Statement(
            connection, "SELECT id, name, kind, area, first_seen, last_seen, online FROM device ORDER BY id")
        while try devices.step() {
            let name = devices.text(1)
            let area = fleet.area(devices.text(3))
            let index = fleet.addDevice(id: name, kind: fleet.kind(devices.text(2)), area: area, at: devices.time(4))
            guard Int64(index) + 1 == devices.int(0) else {
                throw .corrupt("device '\(name)' has row \(devices.int(0)), expected \(index + 1)")
            }
            // Saved first, so that what follows only tells what is in the file.
            fleet.markSaved()
            fleet.touch(index, area: area, at: devices.time(5))
            if let online = devices.optionalInt(6) { fleet.setOnline(index, online != 0) }
        }
        let series = try Statement(
            connection, "SELECT id, device, component, metric, inactive FROM series ORDER BY id")
        while try series.step() {
            let device = series.int(1) - 1
            guard fleet.devices.indices.contains(Int(device)) else {
                throw .corrupt("series \(series.int(0)) belongs to device \(series.int(1)), which is not there")
            }
            let index = fleet.addSeries(
                device: Int32(device), component: series.optionalText(2).map { fleet.component($0) } ?? -1,
                metric: fleet.metric(series.text(3)), inactive: series.int(4) != 0)
            guard Int64(index) + 1 == series.int(0) else {
                throw .corrupt("series \(series.int(0)) is out of its place, expected \(index + 1)")
            }
        }
        fleet.markSaved()
    }
}
