import FireModel
import FireStore
import Testing

/// Opens the store on a disk and holds everything it tells against the ledger.
struct Examination {
    /// What is wrong, in words; empty: nothing.
    private(set) var complaints: [String] = []
    /// The store, open and loaded, to go on with; `nil`: it could not be opened.
    private(set) var runner: Runner?

    /// - Parameters:
    ///   - ledger: of the store that was written.
    ///   - calls: of its disk, behind which it was cut off.
    init(_ disk: Disk, _ ledger: Ledger, cutAt calls: Int64) {
        do {
            let writer = try StoreWriter(path: disk.path, settings: Workload.settings)
            let fleet = Fleet(catalogue: Workload.catalogue)
            let state = try writer.load(into: fleet)
            let findings = try StoreInspector.integrityCheck(path: disk.path)
            complaints += findings.map { "integrity: \($0)" }
            let found = try Found(StoreReader(path: disk.path), state, fleet)
            let (contents, missing) = ledger.contents(at: calls, marks: found.marks)
            complaints += missing
            complaints += found.marks.filter { $0.value > 1 }.map { "batch \($0.key) is there \($0.value) times" }
            complaints += contents.differences(from: found)
            var settled = ledger
            settled.settle(cutAt: calls, marks: found.marks)
            runner = Runner(disk, ledger: settled, contents: contents, firstNumber: Self.firstNumberBehind(found.marks))
            runner?.take(writer, fleet)
        } catch {
            complaints.append("the store does not open: \(error)")
        }
    }

    /// Numbers of another thousand: a batch that was lost is not taken for a new one.
    private static func firstNumberBehind(_ marks: [Int: Int]) -> Int { ((marks.keys.max() ?? 0) / 1000 + 1) * 1000 }
}

/// - Returns: Whether there was nothing to report.
func report(_ complaints: [String], _ label: String) -> Bool {
    if complaints.isEmpty { return true }
    Issue.record("\(label): \(complaints.prefix(4).map { String($0.prefix(600)) }.joined(separator: "\n"))")
    return false
}
