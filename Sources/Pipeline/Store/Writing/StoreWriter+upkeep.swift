import FireModel

/// What is done between batches, in slices that hold the writer for about two milliseconds: sealing, merging,
/// retention. Synced like a batch: a sync that fails later, and forgets what was written before it, would
/// else take what was sealed along.
extension StoreWriter {
    /// The heads are to become a segment as soon as nothing is pending: `beginSeal`.
    public func isSealDue(now: Timestamp) -> Bool {
        !hasPending && !headsAreStale && !sealer.isUnderWay
            && (isSealWanted || sealer.isDue(now: now, settings: settings, journal: journal)
                || (upkeep.isPressed && heads.count > 0))
    }

    /// The rules have learnt something that is in no journal: a checkpoint is to be written soon.
    public func wantSeal() { isSealWanted = true }

    /// Freezes the heads as they are.
    ///
    /// - Parameters:
    ///   - checkpoint: the state of the rules after everything that is committed.
    public func beginSeal(now: Timestamp, checkpoint: StoredCheckpoint) throws(StoreError) {
        guard !hasPending, !headsAreStale, !sealer.isUnderWay else { return }
        do {
            try transaction { () throws(StoreError) in
                try sealer.begin(now: now, journal: journal.last, checkpoint: checkpoint.bytes)
            }
        } catch {
            sealer.abandon()
            throw error
        }
        sealer.begun()
        isSealWanted = false
    }

    /// Seals, merges and deletes some; never an active alarm, never a pending delivery.
    ///
    /// - Parameters:
    ///   - budget: after which the slice ends, about 2 ms.
    ///   - clockIsTrusted: else nothing is deleted for its age.
    /// - Returns: Whether there is more to do now; call again after the next batch. Otherwise once a second.
    public func retentionSlice(
        now: Timestamp, budget: Duration = .milliseconds(2), clockIsTrusted: Bool = true
    ) throws(StoreError) -> Bool {
        guard !hasPending else { return true }
        if headsAreStale { try rebuildHeads() }
        let deadline = ContinuousClock.now + budget
        let surplus = journal.surplus(isTight: upkeep.isOver)
        if !surplus.isEmpty {
            try slice { () throws(StoreError) in try journal.drop(surplus) }
            journal.dropped(surplus)
            if journal.surplus(isTight: true).isEmpty { upkeep.roomWasMade() }
            return true
        }
        if sealer.isUnderWay {
            var progress = Sealer.Progress.more
            try slice { () throws(StoreError) in progress = try sealer.slice(until: deadline) }
            if progress == .finished {
                sealer.finished()
                journal.release(upTo: heads.withLock { $0.sealedUpTo })
                readings.segmentsChanged()
            }
            return true
        }
        if merger.isUnderWay || merger.isDue {
            let cutoff = clockIsTrusted ? now.milliseconds - settings.retention.raw.wholeMilliseconds : .min
            var progress = Sealer.Progress.more
            try slice { () throws(StoreError) in
                if !merger.isUnderWay { try merger.begin() }
                progress = try merger.slice(until: deadline, cutoff: cutoff)
            }
            if progress == .finished {
                upkeep.release(merger.finished())
                readings.segmentsChanged()
            }
            return true
        }
        guard clockIsTrusted, try upkeep.isDue(now: now) else { return false }
        try slice { () throws(StoreError) in
            try upkeep.slice(
                now: now, until: deadline, quarantined,
                isBusy: { merger.takesPart($0) || segments.growing.contains($0) }, changed: readings.segmentsChanged)
        }
        counters.quarantineDropped.add(quarantined.committed())
        return upkeep.hasMore
    }

    /// After an error nothing of it is known to have happened: everything is found anew from the file.
    private func slice(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        do {
            try transaction(body)
        } catch {
            quarantined.rolledBack()
            headsAreStale = true
            throw error
        }
    }

    private func transaction(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        do {
            try begin.run()
            try body()
            try end.run()
        } catch {
            if connection.isInTransaction { try? connection.execute("ROLLBACK") }
            throw error
        }
    }
}
