import FireModel

/// A batch of an import is judged beside the worker, by what is stored when it is looked at. What comes live from then
/// on, until the batch is written, is noted here; it came first.
struct ImportWatch {
    private var least = Int64.max
    private var most = Int64.min
    private(set) var seen: [Int32: [(at: Int64, value: Value)]] = [:]

    mutating func begin(_ span: ClosedRange<Int64>) {
        least = span.lowerBound
        most = span.upperBound
        seen.removeAll()
    }

    mutating func end() { self = ImportWatch() }

    @inline(__always) mutating func note(_ reading: Reading) {
        let at = reading.at.milliseconds
        guard at >= least, at <= most else { return }
        seen[reading.series, default: []].append((at, reading.value))
    }
}
