import FireImport
import FireModel
import FireStore

/// What an import asks of the worker. Everything that can be done beside it, is: it gives names their numbers, and
/// writes rows that are ready.
enum ImportRequest: Sendable {
    /// - at: of each name, the time of a reading.
    /// - isDryRun: what is not known is told, and not added.
    case names([ImportName], at: [Int64], isDryRun: Bool, reply: WorkerInbox.Reply<Answer<ResolvedNames>>)
    /// See `StoreWriter.beginImport`.
    case begin(
        ClosedRange<Int64>, keeping: [Int64], opening: Int64?, reply: WorkerInbox.Reply<Answer<Int64?>>)
    case write([ImportedRow], reply: WorkerInbox.Reply<Answer<ImportCounts>>)
    case end

    enum Answer<Success: Sendable>: Sendable {
        case success(Success)
        case storeNotWritable
        /// There is no room for what can come later.
        case full
    }
}

/// What the names of an import stand for, in their order.
struct ResolvedNames: Sendable {
    var names: [ResolvedName] = []
    var newDevices = 0
    var newSeries = 0
}

struct ResolvedName: Sendable {
    /// -1 in a dry run: it would be new.
    var series: Int32 = -1
    /// What its values have to be; `nil`: the catalogue does not know the metric.
    var type: Metric.ValueType?
    var plausible: ClosedRange<Double>?
    var fault: ImportFault?
}

/// A request that is being worked on.
struct ImportJob {
    var request: ImportRequest
    var next = 0
    var resolved = ResolvedNames()
    /// In a dry run, what was counted as new already.
    var seenDevices: Set<String> = []
    var counts = ImportCounts()
}

extension Worker {
    /// Devices and series that are new in one commit: each is a row, and 200 take about 2 ms.
    private static let newPerSlice = 200
    private static let importBudget = Duration.milliseconds(2)
    /// From slice to slice while the rings have more: imports get a fifth of the worker then.
    private static let pauseWhenBusy = Duration.milliseconds(8)
    private static let pauseForSeal = Duration.milliseconds(20)

    var isImportDue: Bool { importJob != nil && .now >= nextImport }

    /// One request at a time: whoever imports waits for the answer.
    func begin(_ request: ImportRequest) {
        if case .end = request {
            pipeline.store?.endImport()
            return
        }
        failImport()
        importJob = ImportJob(request: request)
    }

    func failImport() {
        guard let job = importJob else { return }
        importJob = nil
        switch job.request {
        case .names(_, _, _, let reply): reply(.storeNotWritable)
        case .begin(_, _, _, let reply): reply(.storeNotWritable)
        case .write(_, let reply): reply(.storeNotWritable)
        case .end: break
        }
    }

    func importSlice(isBusy: Bool) {
        guard let job = importJob else { return }
        guard let store = pipeline.store else { return failImport() }
        do throws(StoreError) {
            switch job.request {
            case .names(let names, let times, let isDryRun, let reply):
                resolve(names, times, isDryRun, reply)
            case .begin(let span, let kept, let level, let reply):
                guard try !store.isShortOfRoom(now: WallClock.now()) else {
                    importJob = nil
                    return reply(.full)
                }
                let id = try store.beginImport(span, keeping: kept, opening: level)
                if id != nil { commit() }
                finishImport { reply(.success(id)) }
            case .write(let rows, let reply):
                guard store.canWrite(rows) else { return failImport() }
                guard !store.isImportToWait else {
                    nextImport = .now.advanced(by: Self.pauseForSeal)
                    return retain()
                }
                var job = job
                job.counts += try store.write(rows, from: &job.next, until: .now.advanced(by: Self.importBudget))
                importJob = job
                commit()
                guard job.next == rows.count else { break }
                finishImport {
                    store.importBatchEnded()
                    state.readingsStored.add(UInt64(job.counts.stored))
                    reply(.success(job.counts))
                }
            case .end: importJob = nil
            }
        } catch {
            begin(trouble: error)
        }
        nextImport = isBusy ? .now.advanced(by: Self.pauseWhenBusy) : .now
    }

    /// Unless the commit before it failed; then it has its answer.
    private func finishImport(_ answer: () -> Void) {
        guard importJob != nil else { return }
        importJob = nil
        answer()
    }

    private func resolve(
        _ names: [ImportName], _ times: [Int64], _ isDryRun: Bool,
        _ reply: WorkerInbox.Reply<ImportRequest.Answer<ResolvedNames>>
    ) {
        guard var job = importJob else { return }
        let deadline = ContinuousClock.now + Self.importBudget
        let before = job.resolved.newDevices + job.resolved.newSeries
        let now = WallClock.now()
        while job.next < names.count {
            let at = Timestamp(milliseconds: min(times[job.next], now.milliseconds))
            job.resolved.names.append(pipeline.fleet.resolve(names[job.next], at: at, isDryRun, &job))
            job.next += 1
            let new = job.resolved.newDevices + job.resolved.newSeries - before
            if new >= Self.newPerSlice || ContinuousClock.now >= deadline { break }
        }
        importJob = job
        // Before anything is stored of them, devices and series are.
        if !isDryRun, job.resolved.newDevices + job.resolved.newSeries > before {
            mustCommit = true
            commit()
        }
        if job.next == names.count { finishImport { reply(.success(job.resolved)) } }
    }
}

extension Fleet {
    private static let maximumDevices = 3_000_000
    private static let maximumMetricNames = 100_000
    private static let maximumComponentNames = 2_000_000

    /// The series of a name, made if it is not there and the limits of the contract allow it. Of a device that is known
    /// nothing changes: neither its area, nor when it was last seen.
    fileprivate func resolve(_ name: ImportName, at: Timestamp, _ isDryRun: Bool, _ job: inout ImportJob)
        -> ResolvedName
    {
        var resolved = ResolvedName()
        func refused(_ found: String, _ expected: String) -> ResolvedName {
            ResolvedName(fault: ImportFault(found: found, expected: expected))
        }
        var tooManyMetrics: ResolvedName {
            refused(
                "metric '\(name.metric)' of '\(name.device)'",
                "at most \(Limits.maximumMetricsPerDevice) metrics of a device")
        }
        let known = device(name.device)
        let kind: Int32
        if let known {
            kind = devices[Int(known)].kind
            if let said = name.kind, said != kinds[kind] {
                return refused("kind '\(said)' for device '\(name.device)'", "'\(kinds[kind])', which it is known as")
            }
        } else {
            guard let said = name.kind, name.area != nil else {
                return refused(
                    "device '\(name.device)', which is not known, without \(name.kind == nil ? "kind" : "area")",
                    "area and kind of a new device")
            }
            guard let index = kinds.find(said), definition(kind: index) != nil else {
                return refused(
                    "kind '\(said.prefix(64))'",
                    "one of \(catalogue.kinds.map(\.name).joined(separator: ", "))")
            }
            guard devices.count < Self.maximumDevices else {
                return refused("one device more", "at most \(Self.maximumDevices) devices")
            }
            kind = index
        }
        let metricIndex = metrics.find(name.metric)
        let component = name.component.map { components.find($0) }
        if name.metric.hasPrefix(EventName.metricPrefix) || name.metric == "online" {
            resolved.type = .boolean
        } else if let metricIndex, let definition = definition(kind: kind, metric: metricIndex) {
            resolved.type = definition.type
            resolved.plausible = definition.plausible
        }
        if let known, let metricIndex, component != .some(nil),
            let series = findSeries(
                device: known, component: (component ?? nil) ?? -1, metric: metricIndex, inactive: name.inactive)
        {
            resolved.series = series
            return resolved
        }
        guard metricIndex != nil || metrics.count < Self.maximumMetricNames else {
            return refused("metric '\(name.metric)'", "at most \(Self.maximumMetricNames) names of metrics")
        }
        guard component != .some(nil) || components.count < Self.maximumComponentNames else {
            return refused("one component more", "at most \(Self.maximumComponentNames) names of components")
        }
        if isDryRun {
            if known == nil, job.seenDevices.insert(name.device).inserted { job.resolved.newDevices += 1 }
            job.resolved.newSeries += 1
            return resolved
        }
        // Names are never forgotten: a device full of them invents no more.
        if let known, metricIndex == nil, devices[Int(known)].metricCount >= Limits.maximumMetricsPerDevice {
            return tooManyMetrics
        }
        let metric = metric(name.metric)
        let place = name.component.map { self.component($0) } ?? -1
        let device: Int32
        if let known {
            device = known
            switch limitHit(device: device, component: place, metric: metric) {
            case .metrics: return tooManyMetrics
            case .components:
                return refused(
                    "component '\(name.component ?? "")' of '\(name.device)'",
                    "as many components as its kind may have")
            case nil: break
            }
        } else {
            device = addDevice(id: name.device, kind: kind, area: area(name.area ?? ""), at: at)
            job.resolved.newDevices += 1
        }
        let before = series.count
        resolved.series = addSeries(device: device, component: place, metric: metric, inactive: name.inactive)
        job.resolved.newSeries += series.count - before
        return resolved
    }
}
