import FireModel

/// Identity of readings (contract 2): each (series, time) is stored once, in the heads or in a chunk.
///
/// Nearly everything is newer than what its series has, and known to be new by that alone. What is not is looked
/// for in the heads and then in the chunks whose span holds its time.
final class Readings {
    let heads: HeadStore
    private let segments: SegmentTable
    private let chunks: ChunkTable
    /// Series decoded lately: what comes late comes in crowds.
    private var recent: [RecentKey: [Sample]] = [:]
    /// Per series, where the last value without a time of its own was put: an array of a thousand of them in
    /// one message would otherwise look at each place a thousand times.
    private var lastPlaces: [Int32: (wanted: Int64, next: Int64)] = [:]

    private struct RecentKey: Hashable {
        var segment: Int64
        var series: Int32
    }

    /// Milliseconds a value without a time of its own may be moved: as many elements as a message has.
    static let reach = Int64(Limits.maximumElements)
    private static let maximumRecent = 512
    /// What came live while a batch of an import is on its way, of the time that it covers.
    var watch = ImportWatch()

    init(
        _ connection: Connection, heads: HeadStore, segments: SegmentTable, damaged: @escaping (String) -> Void
    ) throws(StoreError) {
        self.heads = heads
        self.segments = segments
        chunks = try ChunkTable(connection, level: 1, damaged: damaged)
    }

    func admit(_ reading: inout Reading) throws(StoreError) -> Admission {
        guard let known = try take(&reading) else { return .new }
        if known == reading.value { return .duplicate }
        return reading.quality.hasDeviceTime ? .conflicting : try admitNearby(&reading)
    }

    /// Told again, the values of one message find the places they were given the first time.
    private func admitNearby(_ reading: inout Reading) throws(StoreError) -> Admission {
        let wanted = reading.at.milliseconds
        var place = wanted &+ 1
        if let last = lastPlaces[reading.series], last.wanted == wanted { place = last.next }
        let limit = wanted &+ Self.reach
        while place < limit {
            reading.at = Timestamp(milliseconds: place)
            lastPlaces[reading.series] = (wanted, place &+ 1)
            guard let known = try take(&reading) else { return .new }
            if known == reading.value { return .duplicate }
            place &+= 1
        }
        reading.at = Timestamp(milliseconds: wanted)
        return .conflicting
    }

    private enum Standing: Sendable {
        case taken
        case known(Value)
        case older
    }

    /// Takes the reading if its place is free; else what is there.
    private func take(_ reading: inout Reading) throws(StoreError) -> Value? {
        let at = reading.at.milliseconds
        let standing = heads.withLock { state -> Standing in
            if at <= state.heads.lastTime(reading.series) {
                if let known = state.heads.value(reading.series, at: at) { return .known(known) }
                return .older
            }
            state.heads.append(reading)
            return .taken
        }
        switch standing {
        case .taken: break
        case .known(let value): return value
        case .older:
            if let value = try stored(reading.series, at) { return value }
            heads.withLock { $0.heads.append(reading) }
        }
        watch.note(reading)
        return nil
    }

    private func stored(_ series: Int32, _ time: Int64) throws(StoreError) -> Value? {
        for segment in segments.holding(time) {
            let samples = try samples(series, segment.id)
            let index = firstIndex(in: samples, notBefore: time)
            if index < samples.count, samples[index].at == time { return samples[index].value }
        }
        return nil
    }

    private func samples(_ series: Int32, _ segment: Int64) throws(StoreError) -> [Sample] {
        let key = RecentKey(segment: segment, series: series)
        if let known = recent[key] { return known }
        let row = Segment.row(segment, Segment.bucket(series))
        let mask: UInt32 = 1 << UInt32(series % ChunkBody.width)
        let samples = try chunks.read(row, wanted: mask).first?.samples ?? []
        if recent.count >= Self.maximumRecent { recent.removeAll() }
        recent[key] = samples
        return samples
    }

    func batchEnded() { lastPlaces.removeAll(keepingCapacity: true) }

    /// Segments have come or gone.
    func segmentsChanged() { recent.removeAll() }
}

extension Heads {
    mutating func append(_ reading: Reading) {
        append(
            series: reading.series, at: reading.at.milliseconds, value: reading.value, quality: reading.quality,
            detail: reading.detail)
    }
}
