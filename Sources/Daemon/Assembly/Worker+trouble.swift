import FireModel
import FireStore
import FireTelemetry
import Logging

extension StoreError {
    /// Waiting may mend it, or somebody who puts a damaged file aside. Another daemon's database or a newer
    /// schema stays what it is.
    var mayMend: Bool {
        switch self {
        case .inUse, .newerSchema: false
        default: true
        }
    }
}

/// A store that cannot be written (contract 3.5).
extension Worker {
    func begin(trouble error: StoreError) {
        pipeline.detach()
        failImport()
        for lane in lanes { lane.giveUp() }
        readingsInBatch = 0
        attemptsSince = nil
        state.storeTrouble = error.description
        let isFirst = !isTroubled
        isTroubled = true
        if openedAt.duration(to: .now) > Self.longestRetry { retryDelay = Self.firstRetry }
        retryAt = .now.advanced(by: retryDelay)
        retryDelay = min(retryDelay * 2, Self.longestRetry)
        if isFirst {
            logger.critical(
                "store cannot be written: nothing is acknowledged, alarms go out from memory",
                metadata: [LogKey.error: "\(error)"])
            for lane in lanes { lane.park() }
        } else {
            logger.warning("store still cannot be written", metadata: [LogKey.error: "\(error)"])
        }
        report(.storeNotWritable, active: true, detail: error.description)
        mustCommit = true
    }

    func hold(_ batch: [HeldChange]) {
        var batch = batch
        // What a failed commit had numbered is in no outbox.
        for index in batch.indices {
            for delivery in batch[index].deliveries.indices { batch[index].deliveries[delivery].sequence = 0 }
        }
        for one in batch where !held.append(one) { state.heldChangesDropped.increment() }
        let deliveries = batch.flatMap(\.deliveries)
        if !deliveries.isEmpty { dispatcher.enqueue(deliveries) }
    }

    /// Loads everything from the store as at a start, and writes down what was raised meanwhile. The
    /// write is the proof that it works again.
    func retryStore() {
        retryAt = nil
        var stored: [Delivery] = []
        do {
            let fresh = try Pipeline(
                opening: context, loaded, live: live.milliseconds, logger: logger,
                onUnknownMetric: unknownMetrics.note)
            guard let store = fresh.store else { return }
            var batch = held.all
            for one in batch { fresh.adopt(one.change, live: live.milliseconds) }
            // What memory has decided is in no journal.
            if !batch.isEmpty { store.wantSeal() }
            if attempts.isEmpty { attempts = inbox.takeAttempts() }
            try write(&batch, to: store)
            try store.commit(fleet: fresh.fleet)
            // Who has been told of what went out from memory is known only now.
            try fresh.readMatches(context, loaded)
            pipeline = fresh
            stored = batch.flatMap(\.deliveries)
        } catch let error as StoreError {
            return begin(trouble: error)
        } catch {
            return begin(trouble: StoreError.io("\(error)"))
        }
        held.removeAll()
        attempts.removeAll()
        storeOpened()
        // What found no room in memory is known to the outbox now.
        dispatcher.enqueue(stored)
        logger.notice("store works again")
    }

    func storeOpened() {
        openedAt = .now
        isTroubled = false
        retryAt = nil
        state.storeTrouble = nil
        state.open(pipeline.reader, outbox: pipeline.outbox, maintenance: pipeline.maintenance)
        state.activeAlarms = pipeline.engine.activeCounts()
        state.silencesActive = pipeline.engine.silenceCount
        for id in pipeline.unreadableAlarms {
            logger.error("a stored alarm cannot be read and is left alone", metadata: [LogKey.alarm: "\(id)"])
        }
        report(.storeNotWritable, active: false, detail: nil)
        for (condition, endpoint) in pipeline.orphanedTroubles {
            report(condition, component: endpoint, active: false, detail: nil)
        }
        for lane in lanes { lane.resume() }
        if let names = endpointsToKeep {
            endpointsToKeep = nil
            _ = inbox.post(.cancelDeliveries(exceptFor: names))
        }
    }
}
