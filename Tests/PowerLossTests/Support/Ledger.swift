import FireModel

/// What a store was given, in order, and from which call of the disk on each batch is settled.
struct Ledger {
    struct Batch {
        var number: Int
        var deeds: [DoneDeed] = []
        /// As the commit writes it.
        var fleet = FleetRows()
        /// Calls of the disk before the first deed.
        var begun: Int64
        var outcome = Outcome.open
    }

    enum Outcome {
        /// Given, or its commit failed: wholly there or wholly absent.
        case open
        /// The commit has returned, after so many calls.
        case acknowledged(after: Int64)
        /// Given up, and what came behind it is acknowledged: it cannot come back.
        case absent(after: Int64)
    }

    private enum Entry {
        case batch(Batch)
        case retention(now: Timestamp, begun: Int64)
    }

    private var entries: [Entry] = []

    enum Standing { case required, possible, forbidden }

    mutating func add(_ batch: Batch) { entries.append(.batch(batch)) }

    /// Of the batch with that number.
    mutating func replace(_ batch: Batch) {
        for index in entries.indices {
            if case .batch(let old) = entries[index], old.number == batch.number { entries[index] = .batch(batch) }
        }
    }

    mutating func addRetention(now: Timestamp, begun: Int64) { entries.append(.retention(now: now, begun: begun)) }

    /// Of the batch with that number.
    mutating func settle(_ number: Int, _ outcome: Outcome) {
        for index in entries.indices {
            guard case .batch(var batch) = entries[index], batch.number == number else { continue }
            batch.outcome = outcome
            entries[index] = .batch(batch)
        }
    }

    private func standing(of batch: Batch, at calls: Int64) -> Standing {
        switch batch.outcome {
        case .acknowledged(let after) where after <= calls: .required
        case .absent(let after) where after <= calls: .forbidden
        default: batch.begun <= calls ? .possible : .forbidden
        }
    }

    /// What must be there after `calls` calls, when these marks of batches are.
    func contents(at calls: Int64, marks: [Int: Int]) -> (contents: Contents, complaints: [String]) {
        var contents = Contents()
        var complaints: [String] = []
        var unknown = marks
        for entry in entries {
            switch entry {
            case .retention(let now, let begun): if begun <= calls { contents.expire(now: now) }
            case .batch(let batch):
                let isThere = unknown.removeValue(forKey: batch.number) != nil
                switch standing(of: batch, at: calls) {
                case .required where !isThere:
                    complaints.append("batch \(batch.number) was acknowledged and is not there")
                case .forbidden where isThere:
                    complaints.append("batch \(batch.number) is there, although it was given up or not yet given")
                default: break
                }
                guard isThere else { continue }
                for deed in batch.deeds { contents.apply(deed) }
                contents.apply(batch.fleet)
            }
        }
        for number in unknown.keys { complaints.append("batch \(number) was never given") }
        return (contents, complaints)
    }

    /// What is told after a power cut stays: open batches become what was found, later ones never happened.
    mutating func settle(cutAt calls: Int64, marks: [Int: Int]) {
        entries = entries.compactMap { entry in
            switch entry {
            case .retention(let now, let begun): return begun <= calls ? .retention(now: now, begun: 0) : nil
            case .batch(var batch):
                guard marks[batch.number] != nil else { return nil }
                batch.begun = 0
                batch.outcome = .acknowledged(after: 0)
                return .batch(batch)
            }
        }
    }
}
