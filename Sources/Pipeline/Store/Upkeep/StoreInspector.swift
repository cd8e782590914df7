import FireModel
import Foundation
import GRDB

/// Looks at a database from outside, for `doctor`.
public enum StoreInspector {
    /// Findings told at most; a damaged disk has thousands of them.
    private static let maximumFindings = 20
    /// Rows looked at in one snapshot.
    private static let rowsAtOnce = 200

    /// Reads the whole file, so it takes minutes on a large one; the daemon may go on meanwhile.
    ///
    /// - Parameter progress: told the share of the stored readings that has been looked at, 0 to 1.
    /// - Returns: What is wrong, at most 20 findings; empty: nothing.
    /// - Throws: `StoreError` if it cannot be opened.
    public static func integrityCheck(
        path: String, progress: (Double) -> Void = { _ in }
    ) throws(StoreError) -> [String] {
        let reader = try StoreReader(path: path)
        let findings = try reader.read { db in try String.fetchAll(db, sql: "PRAGMA quick_check(\(maximumFindings))") }
        // What SQLite cannot walk through we cannot either.
        guard findings == ["ok"] else { return findings }
        var check = try Check(reader: reader)
        try check.chunks(progress)
        try check.journal()
        for table in ["last", "checkpoint"] { try check.bodies(of: table) }
        return Array(check.findings.prefix(maximumFindings))
    }

    /// Every body opens and decodes; what a segment says it holds, its chunks hold, and its roll-ups count the same.
    private struct Check {
        let reader: StoreReader
        let codec: FrameCodec
        var findings: [String] = []

        init(reader: StoreReader) throws(StoreError) {
            self.reader = reader
            codec = try FrameCodec()
        }

        mutating func chunks(_ progress: (Double) -> Void) throws(StoreError) {
            let segments = try reader.read { db in try History.segments(db, .min, .max) }
            let total = max(1, segments.reduce(0) { $0 + $1.readings })
            var done: Int64 = 0
            for segment in segments {
                var counted: Int64 = 0
                var row = segment.rows.lowerBound - 1
                while true {
                    let page = try reader.read { db in
                        try Row.fetchAll(
                            db,
                            sql: """
                                SELECT c.id, c.body, r.body FROM chunk c LEFT JOIN rollup r ON r.id = c.id
                                WHERE c.id > ? AND c.id <= ? ORDER BY c.id LIMIT \(rowsAtOnce)
                                """, arguments: [row, segment.rows.upperBound]
                        ).map {
                            (
                                id: $0[0] as Int64, chunk: [UInt8]($0[1] as Data),
                                rollup: ($0[2] as Data?).map { [UInt8]($0) }
                            )
                        }
                    }
                    guard let last = page.last else { break }
                    row = last.id
                    for one in page { counted += look(one.id, one.chunk, one.rollup, hasRollups: segment.level > 0) }
                    progress(min(1, Double(done + counted) / Double(total)))
                }
                done += segment.readings
                // The daemon may have merged it or let it go meanwhile.
                let isStillThere = try reader.read { try History.segments($0, .min, .max).contains(segment) }
                if isStillThere, counted != segment.readings {
                    findings.append(
                        "segment \(segment.id) says it holds \(segment.readings) readings, its chunks hold \(counted)")
                }
            }
        }

        private mutating func look(_ row: Int64, _ chunk: [UInt8], _ rollup: [UInt8]?, hasRollups: Bool) -> Int64 {
            var series: [ChunkBody.Series] = []
            do throws(FormatError) {
                series = try ChunkBody.decode(try codec.open(chunk, key: row))
            } catch {
                findings.append("chunk \(row): \(error)")
                return 0
            }
            if hasRollups {
                do throws(FormatError) {
                    var theirs: [UInt8: Int] = [:]
                    if let rollup {
                        for (place, hours) in try RollupBody.decode(try codec.open(rollup, key: row)) {
                            theirs[place] = hours.numbers.indices.reduce(0) { $0 + hours.count($1) }
                        }
                    }
                    for one in series where !(theirs[one.place] == nil && RollupBody.isSparse(one.run.times)) {
                        guard let counted = theirs[one.place] else { throw FormatError("place \(one.place) has none") }
                        guard counted == one.run.count else {
                            throw FormatError(
                                "place \(one.place): it counts \(counted), the chunk holds \(one.run.count)")
                        }
                    }
                } catch {
                    findings.append("roll-up \(row): \(error)")
                }
            }
            return Int64(series.reduce(0) { $0 + $1.run.count })
        }

        /// Within one snapshot: rows are written over.
        mutating func journal() throws(StoreError) {
            let codec = codec
            findings += try reader.read { db in
                var findings: [String] = []
                let sealed = try Int64.fetchOne(db, sql: "SELECT value FROM meta WHERE name = 'sealed'") ?? 0
                for commit in try JournalIndex(db, after: sealed, damaged: { findings.append($0) }).commits {
                    let frame = try commit.frame(db)
                    do throws(FormatError) {
                        var inputs = try JournalBlockReader(try codec.open(frame, key: commit.number))
                        while try inputs.next() != nil {}
                    } catch {
                        findings.append("commit \(commit.number) of the journal: \(error)")
                    }
                }
                return findings
            }
        }

        mutating func bodies(of table: String) throws(StoreError) {
            let key = table == "last" ? "bucket" : "journal"
            var row = Int64.min
            while true {
                let page = try reader.read { db in
                    try Row.fetchAll(
                        db,
                        sql: "SELECT \(key), body FROM \(table) WHERE \(key) > ? ORDER BY \(key) LIMIT \(rowsAtOnce)",
                        arguments: [row]
                    ).map { (id: $0[0] as Int64, body: [UInt8]($0[1] as Data)) }
                }
                guard let last = page.last else { return }
                row = last.id
                for one in page {
                    do throws(FormatError) {
                        let body = try codec.open(one.body, key: one.id)
                        switch table {
                        case "last": _ = try LastBody.decode(body)
                        default: _ = try StoredCheckpoint(body)
                        }
                    } catch {
                        findings.append("\(table) \(one.id): \(error)")
                    }
                }
            }
        }
    }
}
