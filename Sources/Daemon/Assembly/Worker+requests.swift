import FireModel
import FireNormalise
import FireRules
import FireSettings
import FireStore

extension Worker {
    func answerRequests() {
        for request in inbox.takeRequests() {
            switch request {
            case .act(let act, let alarm, let reply): perform(act, alarm, reply)
            case .keep(let context): keep(context)
            case .announce(let act, let reply): perform(act, reply)
            case .retry(let item, let reply): retry(item, reply)
            case .reload(let loaded, let reply):
                adopt(loaded)
                reply(true)
            case .system(let report):
                self.report(
                    report.condition, component: report.component, active: report.isActive, detail: report.detail)
            case .cancelDeliveries(let names): cancelDeliveries(exceptFor: names)
            case .replay(let sequences, let reply): replay(sequences, reply)
            case .importing(let request): begin(request)
            case .stop: isStopping = true
            }
        }
    }

    func perform(
        _ act: OperatorAct, _ alarm: Alarm, _ reply: WorkerInbox.Reply<Result<Alarm, OperatorActError>>
    ) {
        guard let store = pipeline.store else { return reply(.failure(.storeNotWritable)) }
        do throws(OperatorActError) {
            let now = WallClock.now()
            let after = try pipeline.engine.act(act, on: alarm, now: now)
            store.note(live: live.milliseconds, steady: live.steady)
            store.note(act: RecordedAct.json(act, on: alarm, now: now))
            replies.append { [unowned self] in
                reply(pipeline.store == nil ? .failure(.storeNotWritable) : .success(after))
            }
        } catch {
            reply(.failure(error))
        }
    }

    func keep(_ context: VerdictContext) {
        guard let store = pipeline.store else { return }
        do throws(StoreError) {
            try store.keep(context)
            mustCommit = true
        } catch {
            begin(trouble: error)
        }
    }

    /// Silences and drills.
    func perform(_ act: AnnunciationAct, _ reply: WorkerInbox.Reply<Result<Void, AnnunciationError>>) {
        guard let store = pipeline.store else { return reply(.failure(.storeNotWritable)) }
        let now = WallClock.now()
        do throws(AnnunciationError) {
            try pipeline.engine.act(act, steady: live.steady, now: now)
        } catch {
            return reply(.failure(error))
        }
        store.note(live: live.milliseconds, steady: live.steady)
        store.note(act: RecordedAnnunciation(annunciation: act, now: now.milliseconds).json)
        do throws(StoreError) { try store.note(act, at: now) } catch { begin(trouble: error) }
        mustCommit = true
        replies.append { [unowned self] in
            guard pipeline.store == nil else { return reply(.success(())) }
            // Whoever acted is told that it was not kept; then it must hold nothing back either.
            if let undone = act.undone { try? pipeline.engine.act(undone, steady: live.steady, now: WallClock.now()) }
            if pipeline.engine.hasChanges { mustCommit = true }
            reply(.failure(.storeNotWritable))
        }
    }

    /// A quarantined payload once more, with its original time of receipt; newer readings have the last word.
    func retry(_ item: QuarantineItem, _ reply: WorkerInbox.Reply<WorkerInbox.RetryAnswer>) {
        guard let store = pipeline.store else { return reply(.storeNotWritable) }
        let bytes = Array(item.topic.utf8) + item.payload + [UInt8](repeating: 0, count: Normaliser.padding)
        let header = MessageHeader(
            receivedAt: item.receivedAt, sequence: 0, publishedLength: UInt32(clamping: item.publishedLength),
            topicLength: UInt16(clamping: item.topic.utf8.count), packetID: 0, lane: item.lane, flags: .backlog)
        bytes.withUnsafeBytes { all in
            pipeline.normaliser.read(
                header, UnsafeRawBufferPointer(rebasing: all[..<(all.count - Normaliser.padding)]),
                clockIsSynchronised: clockIsSynchronised, into: &findings)
        }
        if let rejection = findings.rejection { return reply(.stillUnreadable(reason: rejection.explanation)) }
        let count = findings.readings.count
        digest(findings, isRetry: true)
        do throws(StoreError) { try store.removeQuarantined(item.id) } catch { begin(trouble: error) }
        replies.append { [unowned self] in
            reply(pipeline.store == nil ? .storeNotWritable : .accepted(readings: count))
        }
    }

    func cancelDeliveries(exceptFor names: [String]) {
        guard let store = pipeline.store else {
            endpointsToKeep = names
            return
        }
        do throws(StoreError) {
            // What has come into the configuration since this was asked is not cancelled.
            let kept = names + loaded.endpoints.map(\.name)
            guard try store.cancelDeliveries(exceptFor: kept) else { return }
            mustCommit = true
            // The rest with the next batch: one transaction must not hold the writer for long.
            _ = inbox.post(.cancelDeliveries(exceptFor: names))
        } catch {
            begin(trouble: error)
        }
    }

    /// The dispatcher is told after the commit: what it reads from the outbox is there then.
    func replay(_ sequences: [Int64], _ reply: WorkerInbox.Reply<ReplayOutcome?>) {
        guard let store = pipeline.store else { return reply(nil) }
        do throws(StoreError) {
            let names = Set(loaded.endpoints.map(\.name))
            let (outcome, marks) = try store.replay(sequences, endpoints: names, at: WallClock.now())
            replies.append { [unowned self] in
                guard pipeline.store != nil else { return reply(nil) }
                dispatcher.replayed(marks)
                reply(outcome)
            }
        } catch {
            begin(trouble: error)
            reply(nil)
        }
    }

    func adopt(_ loaded: LoadedConfiguration) {
        self.loaded = loaded
        pipeline.fleet.adopt(loaded.catalogue)
        pipeline.engine.adopt(loaded.configuration.rules.flood)
        pipeline.engine.adopt(loaded.rules)
        if let rules = try? RecordedRules(loaded).json() {
            pipeline.rules = rules
            pipeline.store?.note(rules: rules)
        }
        pipeline.router.adopt(endpoints: loaded.endpoints)
        mustCommit = true
    }

    func report(_ id: SystemConditionID, component: String? = nil, active: Bool, detail: String?) {
        let now = WallClock.now()
        if active {
            pipeline.engine.systemReported(id.condition(component: component), detail: detail, now: now)
        } else {
            pipeline.engine.systemCeased(rule: id.rawValue, component: component, now: now)
        }
        if pipeline.engine.hasChanges { mustCommit = true }
    }
}

extension AnnunciationAct {
    /// What takes it back; an end that was not kept comes back with the store.
    fileprivate var undone: AnnunciationAct? {
        switch self {
        case .silence(let its): .endSilence(its.id, by: its.by)
        case .drill(let its): .endDrill(its.id, by: its.by)
        case .endSilence, .endDrill: nil
        }
    }
}
