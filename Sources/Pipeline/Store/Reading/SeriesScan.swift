import FireModel
import GRDB

/// One page of an answer to a question about many series, stretch by stretch: between two of them nothing is held, and
/// others get their turn.
///
/// Bounded are its points, the series it touches and the rows it reads; a page ends early, after at least one group,
/// where it would go beyond, and a group that is too much by itself is refused.
public struct SeriesScan: Sendable {
    private let reader: StoreReader
    private let query: SeriesQuery
    private var work: Work?
    private var groups: [Group] = []
    private var next: String?
    /// Where the points of every group of this page end although there is more.
    private var cut: Timestamp?

    private enum Work {
        case raw([SeriesPoints], PointScan?)
        case tallies(StepScan<Tally>)
        case ends(StepScan<Ends>)
    }

    private struct Group {
        var answer: SeriesPoints
        var indices: [Int32]
        /// The first, by which it is found again.
        var number: Int32
        var name: String
    }

    /// Of one page.
    private static let mostSeries = 20_000
    private static let mostRows = 100_000
    /// Of one group, which cannot be made smaller.
    private static let mostSeriesOfGroup = 100_000
    private static let mostRowsOfGroup = 1_000_000

    init(_ reader: StoreReader, _ query: SeriesQuery) {
        self.reader = reader
        self.query = query
    }

    /// - Returns: `nil`: it is not done yet, ask again.
    /// - Throws: `StoreError`, also `invalidCursor` and `tooMuch`.
    public mutating func advance() throws(StoreError) -> Page<SeriesPoints>? {
        guard let current = work else {
            try plan()
            return nil
        }
        switch current {
        case .raw(let done, let scan): return try advance(done, scan)
        case .tallies(var scan):
            try scan.advance(reader, for: StoreReader.stretch)
            if scan.isDone { return page(scan.table) }
            work = .tallies(scan)
        case .ends(var scan):
            try scan.advance(reader, for: StoreReader.stretch)
            if scan.isDone { return page(scan.table) }
            work = .ends(scan)
        }
        return nil
    }

    private func page<Slot: StepSlot & Sendable>(_ table: StepTable<Slot>) -> Page<SeriesPoints> {
        let items = groups.enumerated().map { place, group in
            var answer = group.answer
            answer.points = table.points(place, query.function, limit: .max)
            answer.next = cut
            return answer
        }
        return Page(items: items, next: next)
    }

    // MARK: - Raw

    private mutating func advance(
        _ done: [SeriesPoints], _ current: PointScan?
    ) throws(StoreError) -> Page<SeriesPoints>? {
        var done = done
        let points = done.reduce(0) { $0 + $1.points.count }
        guard done.count < groups.count, done.isEmpty || points < query.pointLimit else {
            let isCut = done.count < groups.count
            return Page(items: done, next: isCut ? cursor(groups[done.count - 1]) : next)
        }
        let group = groups[done.count]
        var scan = current ?? PointScan(group.indices, query.range)
        // One more than wanted tells whether there are more.
        try scan.advance(reader, limit: query.pointLimit + 1, for: StoreReader.stretch)
        guard scan.isDone else {
            work = .raw(done, scan)
            return nil
        }
        var answer = group.answer
        answer.points = scan.points
        if answer.points.count > query.pointLimit {
            let next = answer.points[query.pointLimit].at
            answer.next = next
            answer.points.removeSubrange(query.pointLimit...)
            // What else is of that moment comes with it, so that nothing comes twice.
            if let last = answer.points.lastIndex(where: { $0.at < next }) {
                answer.points.removeSubrange((last + 1)...)
            }
        }
        if !done.isEmpty, points + answer.points.count > query.pointLimit {
            return Page(items: done, next: cursor(groups[done.count - 1]))
        }
        done.append(answer)
        work = .raw(done, nil)
        return nil
    }

    // MARK: - Which groups

    private mutating func plan() throws(StoreError) {
        let all = try found()
        let step = query.step?.wholeMilliseconds ?? 0
        let bounds = try reader.bounds(query.range)
        var span = StepSpan(from: bounds?.lowerBound ?? 0, to: bounds?.upperBound ?? 0, length: max(step, 1))
        if step > 0, span.count > query.pointLimit {
            span = span.prefix(query.pointLimit)
            cut = Timestamp(span.to)
        }
        let segments = try reader.read { db in
            try History.segments(db, span.from, span.to, rolled: step % RollupBody.hour == 0).count
        }
        let most = step > 0 ? query.pointLimit / max(span.count, 1) : query.limit
        var (series, rows) = (0, 0)
        for group in all.prefix(min(query.limit, max(most, 1))) {
            let itsRows = Set(group.indices.map(Segment.bucket)).count * (segments + 1)
            try check(group, itsRows)
            series += group.indices.count
            rows += itsRows
            if !groups.isEmpty, series > Self.mostSeries || rows > Self.mostRows { break }
            groups.append(group)
        }
        if groups.count < all.count { next = groups.last.map(cursor) }
        let indices = groups.map(\.indices)
        switch query.function {
        case _ where step <= 0: work = .raw([], nil)
        case .first, .last: work = .ends(StepScan(span, groups: indices))
        case .avg, .min, .max, .sum, .count: work = .tallies(StepScan(span, groups: indices))
        }
    }

    private func check(_ group: Group, _ rows: Int) throws(StoreError) {
        guard group.indices.count > Self.mostSeriesOfGroup || rows > Self.mostRowsOfGroup else { return }
        let what = query.grouping.map { " of \($0.rawValue) \(group.name)" } ?? ""
        throw .tooMuch(
            "the \(group.indices.count) series\(what) in this time are more than one request may read; narrow 'from' "
                + "and 'to', or 'kind', 'area', 'device' or 'component'")
    }

    private func cursor(_ group: Group) -> String {
        Cursor(.readings, number: Int64(group.number), text: group.name).wrapped
    }

    /// The groups behind the cursor, at least one more than the page takes if there are.
    private func found() throws(StoreError) -> [Group] {
        let cursor: Cursor? =
            if let text = query.cursor { try Cursor(text, of: .readings) } else { nil }
        let directory = try reader.directory(query.filter)
        let last = Int32(clamping: cursor?.number ?? -1)
        guard let grouping = query.grouping else {
            var scan = SeriesDirectory.Scan(query.filter, after: last)
            let entries = directory.select(&scan, atMost: query.limit + 1)
            return directory.read { directory in entries.map { Self.group([$0], .none, directory) } }
        }
        var scan = SeriesDirectory.Scan(query.filter)
        let entries = directory.select(&scan, atMost: .max)
        let keys: [Int32] = directory.read { directory in
            entries.map { entry in
                switch grouping {
                case .device: entry.device
                case .area: directory.areaNumber(of: entry)
                case .kind: directory.kindNumber(of: entry)
                }
            }
        }
        var places: [Int32: Int] = [:]
        var members: [[SeriesDirectory.Entry]] = []
        for (entry, key) in zip(entries, keys) {
            if let place = places[key] {
                members[place].append(entry)
            } else {
                places[key] = members.count
                members.append([entry])
            }
        }
        if grouping == .device {
            members.removeAll { $0[0].series <= last }
            let page = members.prefix(query.limit + 1)
            return directory.read { directory in page.map { Self.group($0, grouping, directory) } }
        }
        return members.map { its in directory.read { Self.group(its, grouping, $0) } }
            .filter { cursor == nil || $0.name > cursor?.text ?? "" }.sorted { $0.name < $1.name }
    }

    private static func group(
        _ entries: [SeriesDirectory.Entry], _ grouping: SeriesQuery.Grouping?,
        _ directory: borrowing SeriesDirectory
    ) -> Group {
        let names = directory.names(entries[0])
        var answer = SeriesPoints(metric: names.metric, series: entries.count)
        var kinds: Set<Int32> = []
        for entry in entries { kinds.insert(directory.kindNumber(of: entry)) }
        answer.kinds = kinds.map { kind in directory.kindName(kind) }.sorted()
        var name = ""
        switch grouping {
        case nil:
            answer.device = names.device
            answer.component = names.component
            answer.area = names.area
        case .device:
            answer.device = names.device
            answer.area = names.area
            name = names.device
        case .area:
            answer.area = names.area
            name = names.area
        case .kind: name = names.kind
        }
        return Group(answer: answer, indices: entries.flatMap(\.indices), number: entries[0].series, name: name)
    }
}

extension StoreReader {
    /// One page of what a question about many series comes to, to be drawn with `advance()`.
    public func series(_ query: SeriesQuery) -> SeriesScan { SeriesScan(self, query) }

    /// The newest value of each series that has one, in the order in which they were first heard of; of an event the
    /// newer half.
    /// - Throws: `StoreError`, also `invalidCursor`.
    public func latest(_ filter: SeriesFilter, limit: Int, cursor: String?) throws(StoreError) -> Page<LatestReading> {
        var last: Int32 = -1
        if let cursor { last = Int32(clamping: try Cursor(cursor, of: .latest).number) }
        let directory = try directory(filter)
        var scan = SeriesDirectory.Scan(filter, after: last)
        var items: [LatestReading] = []
        while !scan.isDone, items.count < limit {
            // So many at a time: whoever writes waits for the same locks.
            let entries = directory.select(&scan, atMost: min(limit - items.count, 256))
            let names = directory.read { directory in entries.map { directory.names($0) } }
            let newest = try newest(entries)
            for (place, names) in names.enumerated() {
                guard let sample = newest[place] else { continue }
                items.append(
                    LatestReading(
                        device: names.device, kind: names.kind, area: names.area, component: names.component,
                        metric: names.metric, value: sample.value, at: Timestamp(sample.at), quality: sample.quality))
            }
            last = entries.last?.series ?? last
        }
        return Page(items: items, next: scan.isDone ? nil : Cursor(.latest, number: Int64(last)).wrapped)
    }

    private func newest(_ entries: [SeriesDirectory.Entry]) throws(StoreError) -> [Sample?] {
        let indices = entries.flatMap { [$0.series, $0.inactive] }
        let samples = try newest(indices)
        return entries.indices.map { place in
            // At the same moment, that it ended comes after that it began.
            [samples[2 * place], samples[2 * place + 1]].compactMap { $0 }.max { $0.at <= $1.at }
        }
    }
}
