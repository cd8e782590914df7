import FireDevices
import FireModel
import FireStore

/// Writes a feed into a store as the daemon does: batches by linger and size, a seal an hour, upkeep in slices between
/// the commits, checkpoints of the log beside it. Time is the feed's; nothing is waited for.
struct Filling {
    /// Of the worker.
    static let maximumBatch = 20_000
    static let upkeepEvery: Int64 = 50

    let store: StoreWriter
    let maintenance: StoreMaintenance
    let fleet: Fleet
    var feed: Feed
    /// Milliseconds that a batch waits, unless it is full.
    let linger: Int64
    let most: Int
    private(set) var readings = 0
    private(set) var batches = 0
    /// Seconds of CPU.
    private(set) var appending = 0.0
    private(set) var committing = 0.0
    private(set) var upkeep = 0.0
    /// Bytes given to the disk; what is missing to the whole are the checkpoints of the log.
    private(set) var writtenByCommits = 0
    private(set) var writtenByUpkeep = 0
    private var batch: [Reading] = []
    private var batchSince: Int64?
    private var nextUpkeep: Int64 = 0
    private var nextLook: Int64 = 0

    /// - Parameter most: readings a batch, which then waits for them; `nil`: as the worker does.
    init(
        store: StoreWriter, maintenance: StoreMaintenance, fleet: Fleet, feed: Feed, linger: Int64, most: Int?
    ) {
        self.store = store
        self.maintenance = maintenance
        self.fleet = fleet
        self.feed = feed
        self.linger = most == nil ? linger : .max
        self.most = most ?? Self.maximumBatch
    }

    /// Feeds from one second to another, without the second.
    mutating func run(_ seconds: Range<Int64>, progress: (Double) -> Void = { _ in }) throws {
        for second in seconds {
            var told: [Reading] = []
            feed.second(second) { report, device in
                let series = Self.series(report, &device, fleet)
                for (index, entry) in report.measurement.told.enumerated() {
                    told.append(
                        Reading(
                            series: series[index], at: Timestamp(milliseconds: report.at),
                            receivedAt: Timestamp(milliseconds: second * 1000), value: entry.value, quality: [],
                            backlog: false))
                }
            }
            // A second's readings come one after the other, and the batch closes between them.
            for (index, reading) in told.enumerated() {
                let now = second * 1000 + Int64(index * 1000 / told.count)
                if let since = batchSince, now - since >= linger || batch.count >= most {
                    try commit(now)
                }
                if batchSince == nil { batchSince = now }
                batch.append(reading)
            }
            if second % 3600 == 0 {
                progress(Double(second - seconds.lowerBound) / Double(seconds.count))
            }
        }
        try commit(seconds.upperBound * 1000)
    }

    private mutating func commit(_ now: Int64) throws {
        guard !batch.isEmpty else { return }
        let before = Measures.bytesWritten()
        let start = Measures.threadSeconds()
        for reading in batch {
            var reading = reading
            store.note(live: now, steady: now)
            // Of a sensor that is a second off, two may fall on one moment: the first counts.
            if try store.admit(&reading, fleet: fleet) == .new { readings += 1 }
        }
        let admitted = Measures.threadSeconds()
        try store.commit(fleet: fleet)
        let committed = Measures.threadSeconds()
        appending += admitted - start
        committing += committed - admitted
        let between = Measures.bytesWritten()
        let resumed = Measures.threadSeconds()
        writtenByCommits += between - before
        batches += 1
        batch.removeAll(keepingCapacity: true)
        batchSince = nil
        try doUpkeep(now)
        upkeep += Measures.threadSeconds() - resumed
        writtenByUpkeep += Measures.bytesWritten() - between
        if now >= nextLook {
            try maintenance.look()
            nextLook = now + 1000
        }
    }

    /// What has come so far made the fleet known, and is not to be counted: a box is set up once.
    mutating func forgetFigures() {
        (readings, batches, writtenByCommits, writtenByUpkeep) = (0, 0, 0, 0)
        (appending, committing, upkeep) = (0, 0, 0)
    }

    /// As many slices as the daemon would have had time for.
    private mutating func doUpkeep(_ now: Int64) throws {
        nextUpkeep = max(nextUpkeep, now - 10_000)
        while nextUpkeep <= now {
            let time = Timestamp(milliseconds: now)
            if store.isSealDue(now: time) { try store.beginSeal(now: time, checkpoint: StoredCheckpoint()) }
            let more = try store.retentionSlice(now: time)
            nextUpkeep += more ? Self.upkeepEvery : 1000
        }
    }

    /// Everything into segments, everything merged that is to be.
    mutating func finish(_ now: Int64) throws {
        let start = Measures.threadSeconds()
        let time = Timestamp(milliseconds: now)
        store.wantSeal()
        if store.isSealDue(now: time) { try store.beginSeal(now: time, checkpoint: StoredCheckpoint()) }
        while try store.retentionSlice(now: time) {}
        upkeep += Measures.threadSeconds() - start
    }

    static func series(_ report: Feed.Report, _ device: inout Feed.Device, _ fleet: Fleet) -> [Int32] {
        let component = report.measurement.component
        if let known = device.series[component] { return known }
        let place =
            fleet.device(device.name)
            ?? fleet.addDevice(
                id: device.name, kind: fleet.kind(device.kind.rawValue),
                area: fleet.area("32010\(report.device % 8)"), at: Timestamp(milliseconds: report.at))
        let series = report.measurement.told.map { entry -> Int32 in
            let component = component.map { fleet.component($0) } ?? -1
            let metric = fleet.metric(entry.metric)
            return fleet.findSeries(device: place, component: component, metric: metric)
                ?? fleet.addSeries(device: place, component: component, metric: metric)
        }
        device.series[component] = series
        return series
    }
}
