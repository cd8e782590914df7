import FireModel
import FireStore
import GRDB

/// Does to a real store on a disk what a workload says, as the daemon does it, and keeps the ledger.
final class Runner {
    let disk: Disk
    private(set) var ledger: Ledger
    /// What the store refused, in order.
    private(set) var errors: [StoreError] = []
    /// Answers that contradict what was given before.
    private(set) var complaints: [String] = []
    private(set) var acknowledged = 0

    private var writer: StoreWriter?
    private var fleet = Fleet(catalogue: Workload.catalogue)
    private var checkpointer: DatabaseQueue?
    /// What the store shows now.
    private var contents: Contents
    /// Failed since the last acknowledged one, and whether a start has found it nevertheless.
    private var unsettled: [(batch: Ledger.Batch, isThere: Bool)] = []
    private var number: Int
    private let recoveries: [Recovery]
    private var dice: Dice

    /// What is done behind a failure, after the rollback.
    enum Recovery: CaseIterable {
        /// The writer takes the next batch.
        case none
        /// A new writer, while other connections stay: the daemon after trouble of the store.
        case newWriter
        /// All connections anew: the daemon after its own end.
        case restart
    }

    /// - Parameters:
    ///   - ledger: of what the disk holds already, with its contents.
    ///   - firstNumber: of the batches to come.
    ///   - recoveries: of which the dice of `seed` choose after each failure.
    init(
        _ disk: Disk, ledger: Ledger = Ledger(), contents: Contents = Contents(), firstNumber: Int = 1,
        seed: UInt64 = 0, recoveries: [Recovery] = Recovery.allCases
    ) {
        self.disk = disk
        self.ledger = ledger
        self.contents = contents
        self.recoveries = recoveries
        number = firstNumber
        dice = Dice(seed: seed)
    }

    /// Goes on with a store that is open and loaded.
    func take(_ writer: StoreWriter, _ fleet: Fleet) {
        self.writer = writer
        self.fleet = fleet
    }

    /// Ends early when the power is gone; every other error is kept in `errors`, and work goes on.
    func run(_ steps: [Step]) {
        for step in steps {
            do {
                if writer == nil { try open() }
                try perform(step)
            } catch {
                recover(from: error)
            }
            if errors.count > 2, disk.isCut { return }
        }
    }

    // MARK: - Opening, closing

    func open() throws(StoreError) {
        let writer = try StoreWriter(path: disk.path, settings: Workload.settings)
        let fleet = Fleet(catalogue: Workload.catalogue)
        _ = try writer.load(into: fleet)
        if !unsettled.isEmpty { try lookForUnsettled() }
        if checkpointer == nil {
            do { checkpointer = try Self.checkpointer(disk.path) } catch { throw wrapped(error) }
        }
        self.fleet = fleet
        self.writer = writer
    }

    /// - Parameter writerLast: it takes the log away; otherwise the connection that makes checkpoints does.
    func close(writerLast: Bool = true) {
        if writerLast { checkpointer = nil }
        writer = nil
        checkpointer = nil
    }

    /// As the store's own: its maintenance looks at logs of many megabytes only.
    private static func checkpointer(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        configuration.busyMode = .timeout(0.05)
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 0")
            try db.execute(sql: "PRAGMA synchronous = FULL")
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// A batch whose commit failed may be there when the log is read anew.
    private func lookForUnsettled() throws(StoreError) {
        let reader = try StoreReader(path: disk.path)
        for index in unsettled.indices {
            let batch = unsettled[index].batch
            var isThere = false
            do {
                var filter = ExportFilter()
                filter.device = Mark.device
                try reader.export(filter) { readings in
                    if readings.contains(where: { $0.value == .number(Double(batch.number)) }) { isThere = true }
                }
            } catch {
                throw wrapped(error)
            }
            if isThere, !unsettled[index].isThere {
                for deed in batch.deeds { contents.apply(deed) }
                contents.apply(batch.fleet)
            }
            unsettled[index].isThere = isThere
        }
    }

    private func wrapped(_ error: any Error) -> StoreError {
        switch error {
        case let error as StoreError: error
        // Of the checkpointer, which is ours.
        case let error as DatabaseError: error.resultCode == .SQLITE_FULL ? .full("\(error)") : .io("\(error)")
        default: .unexpected("\(error)")
        }
    }

    private func recover(from error: any Error) {
        if let error = error as? StoreError {
            errors.append(error)
        } else {
            complaints.append("not an error of the store: \(error)")
        }
        writer?.rollback()
        switch dice.pick(recoveries) {
        case .none: break
        case .newWriter: writer = nil
        case .restart: close(writerLast: dice.roll(2) == 0)
        }
    }

    // MARK: - Steps

    private func perform(_ step: Step) throws {
        switch step {
        case .batch(let deeds): try commit(deeds)
        case .abandoned(let deeds):
            let batch = try give(deeds)
            writer?.rollback()
            ledger.settle(batch.number, .absent(after: batch.begun))
        case .retention(let now, let slices):
            ledger.addRetention(now: now, begun: disk.calls)
            contents.expire(now: now)
            if let writer, !writer.hasPending {
                try writer.beginSeal(now: now, checkpoint: StoredCheckpoint(engine: [1, 2, 3], live: now.milliseconds))
            }
            for _ in 0..<slices {
                guard try writer?.retentionSlice(now: now, budget: .zero) == true else { break }
            }
        case .checkpoint(let mode):
            do {
                try checkpointer?.writeWithoutTransaction { db in _ = try db.checkpoint(mode) }
            } catch let error as DatabaseError where disk.faults > 0 || disk.isCut {
                // The store's own maintenance counts it and tries again.
                errors.append(wrapped(error))
            }
        case .restart(let writerLast):
            close(writerLast: writerLast)
            try open()
        }
    }

    private func commit(_ deeds: [Deed]) throws(StoreError) {
        guard let writer else { return }
        var batch = try give(deeds)
        batch.fleet = FleetRows(fleet)
        ledger.replace(batch)
        do throws(StoreError) {
            try writer.commit(fleet: fleet)
        } catch {
            unsettled.append((batch, false))
            throw error
        }
        acknowledged += 1
        ledger.settle(batch.number, .acknowledged(after: disk.calls))
        for failed in unsettled {
            ledger.settle(
                failed.batch.number, failed.isThere ? .acknowledged(after: disk.calls) : .absent(after: disk.calls))
        }
        unsettled = []
        for deed in batch.deeds { contents.apply(deed) }
        contents.apply(batch.fleet)
    }

    /// Everything but the commit. The batch is in the ledger before its first deed.
    private func give(_ deeds: [Deed]) throws(StoreError) -> Ledger.Batch {
        guard let writer else { throw .unexpected("no writer") }
        var batch = Ledger.Batch(number: number, begun: disk.calls)
        number += 1
        ledger.add(batch)
        var draft = contents
        do throws(StoreError) {
            for deed in [.reading(Mark.reading(batch.number))] + deeds {
                let done = try perform(deed, writer, draft)
                draft.apply(done)
                batch.deeds.append(done)
            }
        } catch {
            // Not committed: it cannot be there.
            ledger.settle(batch.number, .absent(after: batch.begun))
            throw error
        }
        return batch
    }

    // MARK: - Deeds

    private func perform(_ deed: Deed, _ writer: StoreWriter, _ draft: Contents) throws(StoreError) -> DoneDeed {
        switch deed {
        case .reading(let given): return try admit(given, writer, draft)
        case .change(let change):
            try writer.append(change)
            return .change(change, json: change.alarm.json)
        case .delivery(var delivery):
            try writer.append(&delivery)
            return .delivery(delivery)
        case .attempt(let attempt):
            try writer.record(attempt)
            return .attempt(attempt)
        case .cancel(let endpoints):
            while try writer.cancelDeliveries(exceptFor: endpoints) {}
            return .cancel(exceptFor: endpoints)
        case .quarantine(let rejection):
            try writer.quarantine(rejection)
            return .quarantine(rejection)
        case .retry(let payload): return try retry(payload, writer)
        case .redelivery(let redelivery):
            writer.remember(redelivery: redelivery)
            return .redelivery(redelivery)
        case .retained(let mark):
            writer.remember(retainedTopic: mark.topicHash, content: mark.contentHash)
            return .retained(mark)
        case .device(let id, let area, let online):
            if let device = fleet.device(id) {
                fleet.touch(device, area: fleet.area(area), at: Workload.start)
                fleet.setOnline(device, online)
            }
            return .device
        }
    }

    private func admit(_ given: GivenReading, _ writer: StoreWriter, _ draft: Contents) throws(StoreError) -> DoneDeed {
        let device = fleet.addDevice(
            id: given.device, kind: fleet.kind(given.kind), area: fleet.area(given.area), at: given.at)
        let series = fleet.addSeries(
            device: device, component: given.component.map { fleet.component($0) } ?? -1,
            metric: fleet.metric(given.metric), inactive: given.inactive)
        var reading = Reading(
            series: series, at: given.at, receivedAt: given.at, value: given.value, quality: given.quality,
            backlog: false, detail: given.detail)
        let admission = try writer.admit(&reading, fleet: fleet)
        var placed = given
        placed.at = reading.at
        let known = draft.readings[placed.place]
        let fits =
            switch admission {
            case .new: known == nil
            case .duplicate: known?.value == given.value
            case .conflicting: known.map { $0.value != given.value && given.quality.hasDeviceTime } ?? false
            }
        if !fits, !draft.mayBeGone(placed.place) {
            complaints.append("\(placed) was answered \(admission), known is \(String(describing: known))")
        }
        return .reading(placed, admission)
    }

    private func retry(_ payload: [UInt8], _ writer: StoreWriter) throws(StoreError) -> DoneDeed {
        let items = try StoreReader(path: disk.path).quarantine(limit: 1000, cursor: nil).items
        let item = items.first { $0.payload == payload }
        let wasThere = try item.map { item throws(StoreError) in try writer.removeQuarantined(item.id) } ?? false
        let known = contents.quarantine.first { $0.rejection.payload == payload }
        if known == nil ? wasThere : !wasThere && known?.mayBeGone == false {
            complaints.append("a retry was answered \(wasThere), the payload was \(known == nil ? "not " : "")there")
        }
        return .retry(payload: payload, wasThere: wasThere)
    }
}
