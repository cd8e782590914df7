import FireModel

/// Brings readings of schema 1, a row each, into segments of a day each. Begins anew when it was interrupted: until
/// the rows are gone nothing else is written.
enum RowMigration {
    private static let day: Int64 = 86_400_000

    /// - Parameter progress: told the share that is done, 0 to 1.
    static func run(_ connection: Connection, progress: (Double) -> Void) throws(StoreError) {
        let isThere = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'reading'"
        guard try connection.integer(isThere) > 0 else { return }
        try connection.execute("BEGIN IMMEDIATE")
        do {
            for table in ["segment", "chunk", "rollup", "last"] { try connection.execute("DELETE FROM \(table)") }
            try migrate(connection, progress)
            try connection.execute("DROP TABLE reading")
            try connection.execute("DELETE FROM meta WHERE name = 'readings'")
            try connection.execute("COMMIT")
        } catch {
            if connection.isInTransaction { try? connection.execute("ROLLBACK") }
            throw error
        }
    }

    private static func migrate(_ connection: Connection, _ progress: (Double) -> Void) throws(StoreError) {
        let total = max(1, try connection.integer("SELECT value FROM meta WHERE name = 'readings'"))
        let highest = try connection.integer("SELECT coalesce(max(id), 0) FROM series")
        let codec = try FrameCodec(level: 6)
        let rows = try Statement(
            connection,
            "SELECT ts, value, quality, detail FROM reading WHERE series = ? AND ts >= ? AND ts < ? ORDER BY ts")
        let following = try Statement(connection, "SELECT min(ts) FROM reading WHERE series = ? AND ts >= ?")
        let chunks = try ChunkTable(connection, level: 6)
        let saveLast = try Statement(connection, "INSERT OR REPLACE INTO last VALUES (?, ?)")
        let segments = try SegmentTable(connection)
        let buckets = Int32(clamping: (highest + Int64(ChunkBody.width) - 1) / Int64(ChunkBody.width))
        var newest: [Int32: [(place: UInt8, sample: Sample)]] = [:]

        func samples(_ series: Int32, _ from: Int64, _ to: Int64) throws(StoreError) -> [Sample] {
            rows.bind(1, Int64(series) + 1)
            rows.bind(2, from)
            rows.bind(3, to)
            defer { rows.reset() }
            var samples: [Sample] = []
            while try rows.step() {
                guard let value = rows.value(1) else { continue }
                samples.append(
                    Sample(
                        at: rows.int(0), value: value,
                        quality: Quality(rawValue: UInt8(truncatingIfNeeded: rows.int(2))),
                        detail: rows.optionalText(3)))
            }
            return samples
        }
        func earliest(from time: Int64) throws(StoreError) -> Int64? {
            var earliest: Int64?
            for series in 0..<highest {
                following.bind(1, series + 1)
                following.bind(2, time)
                defer { following.reset() }
                guard try following.step(), let next = following.optionalInt(0) else { continue }
                earliest = min(earliest ?? next, next)
            }
            return earliest
        }

        var done: Int64 = 0
        var next = try earliest(from: .min)
        while let first = next {
            let from = floored(first, day)
            var segment = try segments.open(level: 1, journal: 0)
            for bucket in 0..<buckets {
                var series: [ChunkBody.Series] = []
                for place in 0..<UInt8(ChunkBody.width) {
                    let samples = try samples(bucket * ChunkBody.width + Int32(place), from, from + day)
                    guard let last = samples.last else { continue }
                    series.append(ChunkBody.Series(place: place, samples: samples))
                    var known = newest[bucket] ?? []
                    known.removeAll { $0.place == place }
                    known.append((place, last))
                    newest[bucket] = known
                }
                guard !series.isEmpty else { continue }
                try chunks.append(series, bucket: bucket, to: &segment)
                progress(min(1, Double(done + segment.readings) / Double(total)))
            }
            segment.state = .whole
            try segments.save(segment)
            done += segment.readings
            next = try earliest(from: from + day)
        }
        for (bucket, its) in newest {
            saveLast.bind(1, Int64(bucket))
            saveLast.bind(2, try codec.seal(LastBody.encode(its), key: Int64(bucket)))
            try saveLast.run()
        }
    }
}
