import FireModel
import Foundation
import GRDB

/// Looks at a database from outside, for `doctor`.
public enum StoreInspector {
    /// Findings told at most; a damaged disk has thousands of them.
    private static let maximumFindings = 20
    /// Rows looked at in one snapshot.
    private static let rowsAtOnce = 32

    /// Reads the whole file, so it takes minutes on a large one; the daemon may go on meanwhile.
    ///
    /// - Parameter progress: told the share of the stored readings that has been looked at, 0 to 1.
    /// - Returns: What is wrong, at most 20 findings; empty: nothing.
    /// - Throws: `StoreError` if it cannot be opened.
    public static func integrityCheck(
        path: String, progress: (Double) -> Void = { _ in }
    ) throws(StoreError) -> [String] {
        try examine(try StoreReader(path: path), "quick_check", progress).damage
    }

    /// Looks at a file that nobody writes to: by all that SQLite and we can check, and what is in it. Of a form older than
    /// today's SQLite's own check must do.
    ///
    /// - Parameter progress: told the share of the stored readings that has been looked at, 0 to 1.
    /// - Throws: `StoreError` if it cannot be opened.
    public static func examine(
        copy path: String, progress: (Double) -> Void = { _ in }
    ) throws(StoreError) -> StoreContents {
        let pool = try StoreReader.openUnchanging(path)
        var contents = StoreContents()
        do {
            let version = try pool.read { try Schema.version(of: $0, path: path) }
            guard version ?? 0 <= Schema.version else {
                throw StoreError.newerSchema(found: version ?? 0, known: Schema.version)
            }
            if version == Schema.version {
                contents = try examine(try StoreReader(copy: path), "integrity_check", progress)
            } else {
                let findings = try pool.read {
                    try String.fetchAll($0, sql: "PRAGMA integrity_check(\(maximumFindings))")
                }
                if findings != ["ok"] { contents.damage = findings }
            }
        } catch {
            throw .from(error, path: path)
        }
        contents.bytes = fileSize(path)
        return contents
    }

    private static func examine(
        _ reader: StoreReader, _ pragma: String, _ progress: (Double) -> Void
    ) throws(StoreError) -> StoreContents {
        var contents = StoreContents()
        let findings = try reader.read { db in try String.fetchAll(db, sql: "PRAGMA \(pragma)(\(maximumFindings))") }
        // What SQLite cannot walk through we cannot either.
        guard findings == ["ok"] else {
            contents.damage = findings
            return contents
        }
        var check = try Check(reader: reader)
        try check.chunks(progress)
        try check.journal()
        for table in ["last", "checkpoint"] { try check.bodies(of: table) }
        contents = check.contents
        contents.damage = Array(check.findings.prefix(maximumFindings))
        contents.alarms = try reader.read { try Int64.fetchOne($0, sql: "SELECT count(*) FROM alarm") ?? 0 }
        return contents
    }

    /// Every body opens and decodes; what a segment says it holds, its chunks hold, and its roll-ups count the same.
    private struct Check {
        let reader: StoreReader
        let codec: FrameCodec
        var findings: [String] = []
        var contents = StoreContents()

        init(reader: StoreReader) throws(StoreError) {
            self.reader = reader
            codec = try FrameCodec()
        }

        mutating func chunks(_ progress: (Double) -> Void) throws(StoreError) {
            let segments = try reader.read { db in try History.segments(db, .min, .max) }
            let total = max(1, segments.reduce(0) { $0 + $1.readings })
            var done: Int64 = 0
            for segment in segments {
                contents.note(segment)
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
            let (codec, before) = (codec, contents)
            let found = try reader.read { db in
                var findings: [String] = []
                var contents = before
                let sealed = try Int64.fetchOne(db, sql: "SELECT value FROM meta WHERE name = 'sealed'") ?? 0
                for commit in try JournalIndex(db, after: sealed, damaged: { findings.append($0) }).commits {
                    let frame = try commit.frame(db)
                    do throws(FormatError) {
                        var inputs = try JournalBlockReader(try codec.open(frame, key: commit.number))
                        while let input = try inputs.next() { contents.note(input) }
                    } catch {
                        findings.append("commit \(commit.number) of the journal: \(error)")
                    }
                }
                return (findings, contents)
            }
            findings += found.0
            contents = found.1
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

/// What a file of the store holds.
public struct StoreContents: Sendable, Equatable {
    /// What is wrong with it, at most 20 findings; empty: nothing.
    public var damage: [String] = []
    public var bytes: Int64 = 0
    public var readings: Int64 = 0
    /// The times of the first and the last reading; `nil`: there is none, or it is of an older form.
    public var span: ClosedRange<Timestamp>?
    public var alarms: Int64 = 0

    public init() {}

    fileprivate mutating func note(_ segment: Segment) {
        guard segment.readings > 0 else { return }
        readings += segment.readings
        widen(segment.least)
        widen(segment.most)
    }

    fileprivate mutating func note(_ input: JournalInput) {
        guard let reading = input.stored else { return }
        readings += 1
        widen(reading.at.milliseconds)
    }

    private mutating func widen(_ time: Int64) {
        let time = Timestamp(milliseconds: time)
        span = span.map { min($0.lowerBound, time)...max($0.upperBound, time) } ?? time...time
    }
}
