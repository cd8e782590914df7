import FireImport
import FireModel
import FireServe
import FireStore
import FireTelemetry
import Foundation
import Logging
import Synchronization

/// Imports, one at a time, each on a thread of its own beside the worker:
///
///     bytes ─▶ rows ─▶ names ══▶ worker ─▶ batch ══▶ worker: watch ─▶ judged, compressed ══▶ worker: write, commit
///
/// One batch is on its way at a time, so neither a large file nor a quick sender takes more memory than one, and
/// the sender is held back until it is durable.
final class ImportPort: ReadingImport {
    private let state: PipelineState
    private let inbox: WorkerInbox
    private let configuration: CurrentConfiguration
    private let logger: Logger
    private let isRunning = Mutex(false)

    init(state: PipelineState, inbox: WorkerInbox, configuration: CurrentConfiguration, logger: Logger) {
        self.state = state
        self.inbox = inbox
        self.configuration = configuration
        self.logger = logger
    }

    func take(_ options: ImportOptions, _ next: () async throws -> [UInt8]?) async throws -> ImportSummary {
        let isFree = isRunning.withLock { isRunning in
            defer { isRunning = true }
            return !isRunning
        }
        guard isFree else { throw TemporarilyUnavailable(reason: "another import is running; try again behind it") }
        defer { isRunning.withLock { $0 = false } }
        logger.notice("import begun")
        let thread = ImportThread()
        defer {
            thread.end()
            if !options.isDryRun { _ = inbox.post(.importing(.end)) }
        }
        let session = try ImportSession(
            options, now: WallClock.now(), retention: configuration.loaded.configuration.store.retention.raw)
        do {
            var isLast = false
            while !isLast, !session.isOver {
                let bytes = try await next()
                isLast = bytes == nil
                session.feed(bytes ?? [])
                while try await thread.run({ [isLast] in try session.read(isLast: isLast) }) {
                    try await store(session, thread)
                }
            }
            try await store(session, thread)
        } catch let error as ImportError {
            throw UnreadableImport(reason: error.description)
        } catch let error as StoreError {
            throw TemporarilyUnavailable(reason: "the store cannot be read", cause: "\(error)")
        }
        let summary = session.summary
        logger.notice(
            "import ended",
            metadata: Dictionary(uniqueKeysWithValues: summary.counts.map { ($0.key, "\($0.value)") }))
        return summary
    }

    /// The rows that were read, as a batch.
    private func store(_ session: ImportSession, _ thread: ImportThread) async throws {
        let (names, times) = try await thread.run { session.unresolved }
        if !names.isEmpty {
            let resolved = try await ask {
                .names(names, at: times, isDryRun: session.options.isDryRun, reply: $0)
            }
            try await thread.run { session.adopt(resolved) }
        }
        guard let batch = try await thread.run({ session.batch() }), let span = batch.span else { return }
        let reader = state.reader
        guard let reader else {
            throw TemporarilyUnavailable(reason: state.storeTrouble ?? "the store is being opened")
        }
        guard !session.options.isDryRun else {
            return try await thread.run { session.count(dry: try batch.judged(by: reader)) }
        }
        let level = batch.level(cutoff: session.cutoff)
        let wants = session.target.wants(batch, level: level)
        let kept = session.target.segments
        let opened = try await ask { .begin(span, keeping: kept, opening: wants ? level : nil, reply: $0) }
        if let opened { session.target.add(opened, level: level) }
        let rows = try await thread.run {
            let judged = try batch.judged(by: reader)
            session.count(judged.counts)
            return try session.target.rows(judged, level: level)
        }
        guard !rows.isEmpty else { return }
        session.count(try await ask { .write(rows, reply: $0) })
    }

    private func ask<Success: Sendable>(
        _ request: (WorkerInbox.Reply<ImportRequest.Answer<Success>>) -> ImportRequest
    ) async throws -> Success {
        let answer = await withCheckedContinuation { continuation in
            if !inbox.post(.importing(request(WorkerInbox.Reply(continuation: continuation)))) {
                continuation.resume(returning: .storeNotWritable)
            }
        }
        switch answer {
        case .success(let success): return success
        case .storeNotWritable: throw TemporarilyUnavailable(reason: "the store cannot be written")
        case .full:
            throw TemporarilyUnavailable(
                reason: "no room for an import: free disk space, raise store.max_size or lower store.retention")
        }
    }
}

/// One import: what was read and is not stored, and what is known of its names.
///
/// `@unchecked Sendable`: used by one thread at a time; between them it is handed over by `ImportThread.run`.
private final class ImportSession: @unchecked Sendable {
    let options: ImportOptions
    let target: ImportTarget
    /// Older readings leave within the hour.
    let cutoff: Int64
    private(set) var summary = ImportSummary()
    /// It ends at a refusal.
    private(set) var isOver = false
    private var reader: ImportReader
    private var lines = ImportLines()
    /// By the place of a name.
    private var names: [ResolvedName] = []
    /// In a dry run, a number for what would be new.
    private var nextInvented = Int32.max

    /// Readings of one batch.
    private static let batchSize = 1 << 17

    init(_ options: ImportOptions, now: Timestamp, retention: Duration) throws {
        self.options = options
        target = try ImportTarget()
        cutoff = now.milliseconds - retention.wholeMilliseconds
        reader = ImportReader(options, now: now)
        summary.dryRun = options.isDryRun
    }

    func feed(_ bytes: [UInt8]) { reader.feed(bytes) }

    /// - Returns: Whether a batch is to be stored: it is full, or what comes behind it is not wanted.
    func read(isLast: Bool) throws(ImportError) -> Bool {
        guard !isOver else { return false }
        let isFull = try reader.read(isLast: isLast, limit: Self.batchSize, into: &lines)
        return isFull || (lines.refused > 0 && !options.keepsGoing)
    }

    /// Names that were met since, each with the time of a reading.
    var unresolved: ([ImportName], [Int64]) {
        let new = Array(reader.names[names.count...])
        var times = [Int64](repeating: .max, count: new.count)
        for row in lines.rows where row.name >= names.count {
            times[Int(row.name) - names.count] = min(times[Int(row.name) - names.count], row.at)
        }
        // A name that is wrong by itself is nothing to ask about.
        let right = new.indices.filter { new[$0].fault == nil }
        return (right.map { new[$0] }, right.map { times[$0] })
    }

    func adopt(_ resolved: ResolvedNames) {
        summary.newDevices += resolved.newDevices
        summary.newSeries += resolved.newSeries
        var next = resolved.names.makeIterator()
        for name in reader.names[names.count...] {
            if let fault = name.fault {
                names.append(ResolvedName(fault: fault))
                continue
            }
            var its = next.next() ?? ResolvedName()
            if its.series < 0 {
                its.series = nextInvented
                nextInvented -= 1
            }
            names.append(its)
        }
    }

    /// What of the rows can be stored; `nil`: nothing.
    func batch() -> ImportBatch? {
        // Only wrong ones were new.
        if names.count < reader.names.count { adopt(ResolvedNames()) }
        var readings: [ImportedReading] = []
        readings.reserveCapacity(lines.rows.count)
        var refusals = lines.refusals[...]
        var told = 0
        func refuse(_ line: Int, _ fault: ImportFault) {
            summary.read += 1
            summary.refuse(ImportRefusal(line: line, found: fault.found, expected: fault.expected))
        }
        for row in lines.rows {
            while let first = refusals.first, first.line <= row.line {
                summary.refuse(first)
                told += 1
                refusals.removeFirst()
            }
            if summary.refused > 0, !options.keepsGoing { break }
            let name = names[Int(row.name)]
            if let fault = name.fault {
                refuse(row.line, fault)
                continue
            }
            switch value(row.value, name, reader.names[Int(row.name)].metric) {
            case .failure(let fault): refuse(row.line, fault.fault)
            case .success(let value):
                summary.read += 1
                if row.at < cutoff { summary.beyondRetention += 1 }
                var quality: Quality = []
                if let range = name.plausible, case .number(let number) = value, !range.contains(number) {
                    quality = number > range.upperBound ? .implausiblyHigh : .implausiblyLow
                }
                readings.append(
                    ImportedReading(series: name.series, at: row.at, value: value, quality: quality))
            }
        }
        if summary.refused == 0 || options.keepsGoing {
            for refusal in refusals {
                summary.refuse(refusal)
                told += 1
            }
            summary.refused += lines.refused - told
            summary.read += lines.refused
        } else if told > 0 {
            summary.read += told
        }
        if summary.refused > 0, !options.keepsGoing {
            isOver = true
            summary.complete = false
        }
        lines.clear()
        if reader.names.count > ImportReader.manyNames {
            reader.forgetNames()
            names.removeAll()
        }
        return readings.isEmpty ? nil : ImportBatch(readings)
    }

    private struct Misfit: Error { var fault: ImportFault }

    private func value(_ given: ImportedValue, _ name: ResolvedName, _ metric: String) -> Result<Value, Misfit> {
        let type = name.type ?? (metric == "smoke" || metric == "fire" ? .boolean : nil)
        guard let value = ImportedValue.value(given, as: type) else {
            let wanted =
                switch type {
                case .number?: "a number, as '\(metric)' has"
                case .boolean?: "true or false, as '\(metric)' has"
                case .text?: "a text, as '\(metric)' has"
                case nil: "a number, true, false or a text"
                }
            return .failure(Misfit(fault: ImportFault(found: "value \(given.shown)", expected: wanted)))
        }
        if case .text(let text) = value, text.utf8.count > Limits.maximumText {
            return .failure(
                Misfit(
                    fault: ImportFault(
                        found: "a text of \(text.utf8.count) bytes", expected: "at most \(Limits.maximumText)")))
        }
        return .success(value)
    }

    func count(_ counts: ImportCounts) {
        summary.stored += counts.stored
        summary.duplicate += counts.duplicate
        summary.conflicting += counts.conflicting
    }

    func count(dry judged: ImportBatch) {
        count(judged.counts)
        summary.stored += judged.fresh
    }
}

/// A thread that runs what it is given, one after the other: parsing and compressing never take a thread of the task
/// pool, on which fires are pushed.
private final class ImportThread: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isOver = false
    }
    private let state = Mutex(State())
    private let bell = DispatchSemaphore(value: 0)

    init() {
        let thread = Thread { [self] in
            Thread.current.name = "import"
            // Whatever else wants the processor comes first.
            _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
            while true {
                bell.wait()
                let (job, isOver) = state.withLock { state in
                    (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isOver)
                }
                if let job { job() } else if isOver { return }
            }
        }
        thread.start()
    }

    func run<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            state.withLock { $0.jobs.append { continuation.resume(with: Result(catching: body)) } }
            bell.signal()
        }
    }

    func end() {
        state.withLock { $0.isOver = true }
        bell.signal()
    }
}
