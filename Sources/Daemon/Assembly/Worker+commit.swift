import FireModel
import FireStore
import FireTelemetry
import Logging

extension Worker {
    func shouldCommit(_ now: ContinuousClock.Instant) -> Bool {
        if mustCommit || !replies.isEmpty || readingsInBatch >= Self.maximumBatch { return true }
        if lanes.contains(where: \.isWanted) { return true }
        // Without a store they stay in the inbox.
        guard pipeline.store != nil else { return false }
        if attemptsSince == nil, inbox.hasAttempts { attemptsSince = now }
        guard let attemptsSince else { return false }
        return attemptsSince.duration(to: now) >= loaded.configuration.store.linger
    }

    func commit() {
        mustCommit = false
        let wasEarly = !lanes.contains(where: \.isWanted)
        let changes = pipeline.engine.takeChanges()
        var batch: [HeldChange] = []
        let now = WallClock.now()
        for change in changes {
            batch.append(HeldChange(change: change, deliveries: pipeline.router.deliveries(for: change, now: now)))
        }
        count(changes)
        state.silencesActive = pipeline.engine.silenceCount
        guard let store = pipeline.store else {
            hold(batch)
            return answer()
        }
        attempts += inbox.takeAttempts()
        attemptsSince = nil
        do throws(StoreError) {
            try write(&batch, to: store)
            try store.commit(fleet: pipeline.fleet)
        } catch {
            begin(trouble: error)
            // Whoever acted is told that it was not kept; then it must not take effect either.
            hold(batch.filter { !$0.change.isOperators })
            return answer()
        }
        attempts.removeAll(keepingCapacity: true)
        readingsInBatch = 0
        release(early: wasEarly)
        let deliveries = batch.flatMap(\.deliveries)
        if !deliveries.isEmpty { dispatcher.enqueue(deliveries) }
        answer()
        retain()
    }

    func write(_ batch: inout [HeldChange], to store: StoreWriter) throws(StoreError) {
        for index in batch.indices {
            try store.append(batch[index].change)
            for delivery in batch[index].deliveries.indices { try store.append(&batch[index].deliveries[delivery]) }
        }
        for attempt in attempts { try store.record(attempt) }
    }

    /// Everything processed so far is durable: the sessions may acknowledge it.
    func release(early: Bool) {
        for lane in lanes { lane.release(early: early) }
    }

    func count(_ changes: [AlarmChange]) {
        guard !changes.isEmpty else { return }
        for change in changes {
            if change.kind == .raised { state.alarmsRaised.increment() }
            if change.kind == .cleared { state.alarmsCleared.increment() }
            guard change.kind != .occurrence else { continue }
            logger.log(
                level: change.alarm.category == .fire && change.kind == .raised ? .critical : .notice,
                "alarm \(change.kind.rawValue)",
                metadata: [
                    LogKey.alarm: "\(change.alarm.id)", LogKey.rule: "\(change.alarm.rule)",
                    LogKey.category: "\(change.alarm.category.rawValue)", LogKey.device: "\(change.alarm.device.id)",
                    LogKey.component: "\(change.alarm.component ?? "-")",
                    LogKey.value: "\(change.alarm.value?.description ?? "-")",
                ])
        }
        state.activeAlarms = pipeline.engine.activeCounts()
    }

    func answer() {
        let waiting = replies
        replies.removeAll()
        for reply in waiting { reply() }
    }
}

extension AlarmChange {
    /// Brought about by an operator.
    fileprivate var isOperators: Bool {
        switch kind {
        case .acknowledged, .verdict: true
        case .cleared: alarm.clearedReason == .operatorReset || alarm.clearedReason == .verdict
        case .raised, .updated, .escalated, .occurrence: false
        }
    }
}
