import ArgumentParser
import FireModel
import FireStore
import Foundation

/// Measures the time-series store, and makes the same samples for others. `Tests/bench/store.py` puts it together.
@main
struct StoreBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store-bench",
        abstract: "The store's figures: bytes, writes, CPU and memory per reading and series.",
        subcommands: [Fill.self, Rows.self, Emit.self, Open.self])
}

struct FeedOptions: ParsableArguments {
    @Option(help: "How many devices; a twelfth each of a pattern of five kinds.")
    var devices = 240
    @Option(help: "Days of samples.")
    var days = 1.0
    @Option(help: "How many times shorter than usual the intervals of the devices are.")
    var pace: Int64 = 1
    @Option(help: "The last second of the feed, since 1970; absent: the last full hour.")
    var end: Int64?

    var feed: Feed { Feed(devices: devices, pace: pace) }

    var seconds: Range<Int64> {
        let end = end ?? Int64(Date().timeIntervalSince1970) / 3600 * 3600
        return end - Int64(days * 86_400)..<end
    }
}

/// `store-bench fill`
struct Fill: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Into our store, as the daemon does it.")

    @Argument(help: "The database; must not exist, unless something is to be appended.")
    var path: String
    @OptionGroup var options: FeedOptions
    @Flag(help: "To a database that is there.")
    var append = false
    @Option(help: "Readings a batch, whatever the time; absent: by time.")
    var batch: Int?
    @Option(help: "Milliseconds that readings wait for company.")
    var linger: Int64 = 2000
    @Option(help: "Minutes at the beginning that are not counted: all the fleet is to be known by then.")
    var warmUp: Int64 = 0
    @Flag(help: "Leave what is not sealed in the journal.")
    var unsealed = false

    func run() throws {
        let count = try fill()
        // Closed: the log is in the file.
        tell("on disk", Double(Measures.size(path)) / count, "bytes/reading")
    }

    /// - Returns: How many readings.
    private func fill() throws -> Double {
        guard FileManager.default.fileExists(atPath: path) == append else {
            throw ValidationError(append ? "\(path) does not exist" : "\(path) exists")
        }
        let before = Measures.resident()
        var settings = StoreSettings()
        if unsealed { settings.sealCount = .max }
        let store = try StoreWriter(path: path, settings: settings)
        let maintenance = try StoreMaintenance(path: path, every: .seconds(3600), counters: store.counters)
        let fleet = Fleet(catalogue: Catalogue(kinds: []))
        _ = try store.load(into: fleet)
        let known = try Int(StoreReader(beside: store).figures().readings)
        var filling = Filling(
            store: store, maintenance: maintenance, fleet: fleet, feed: options.feed, linger: linger, most: batch)
        let withFeed = Measures.resident()
        let seconds = options.seconds
        let warm = min(seconds.lowerBound + warmUp * 60, seconds.upperBound)
        try filling.run(seconds.lowerBound..<warm)
        let uncounted = filling.readings
        filling.forgetFigures()
        let written = Measures.bytesWritten()
        let start = ContinuousClock.now
        try filling.run(warm..<seconds.upperBound) { done in
            guard isatty(2) == 1 else { return }
            FileHandle.standardError.write(Data("\r  \(Int(done * 100)) %".utf8))
        }
        let count = Double(filling.readings)
        let (resident, steadily) = (Measures.resident(), Measures.bytesWritten() - written)
        let took = start.duration(to: .now) / .seconds(1)
        if !unsealed { try filling.finish(seconds.upperBound * 1000) }
        maintenance.stop()
        let figures = try StoreReader(beside: store).figures()
        tell("readings", count, "")
        tell("series", Double(figures.series), "")
        tell("readings a second of the feed", count / Double(seconds.upperBound - warm), "/s")
        tell("readings a batch", count / Double(max(filling.batches, 1)), "")
        tell("wall clock", took, "s")
        tell("CPU to append", filling.appending / count * 1e9, "ns/reading")
        tell("CPU to commit", filling.committing / count * 1e9, "ns/reading")
        tell(
            "of it write and sync", Measures.syncSeconds(beside: path) * Double(filling.batches) / count * 1e9,
            "ns/reading")
        tell("CPU of upkeep", filling.upkeep / count * 1e9, "ns/reading")
        tell("of it by commits", Double(filling.writtenByCommits) / count, "bytes/reading")
        tell("of it by upkeep", Double(filling.writtenByUpkeep) / count, "bytes/reading")
        tell("written while filling", Double(steadily) / count, "bytes/reading")
        tell("written in all", Double(Measures.bytesWritten() - written) / count, "bytes/reading")
        tell("memory before", Double(before), "bytes")
        tell("memory of the feed", Double(withFeed - before), "bytes")
        tell("memory when filled", Double(resident), "bytes")
        tell("log beside it", Double(Measures.size(path + "-wal")), "bytes")
        let all = known + uncounted + filling.readings
        guard figures.readings == Int64(all) else {
            throw ValidationError("\(all) readings went in, \(figures.readings) are there")
        }
        return Double(all)
    }
}

/// `store-bench open`
struct Open: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "What a start takes from a store.")

    @Argument(help: "The database.")
    var path: String

    func run() throws {
        let before = Measures.resident()
        let start = ContinuousClock.now
        let store = try StoreWriter(path: path, settings: StoreSettings())
        let fleet = Fleet(catalogue: Catalogue(kinds: []))
        var inputs = 0
        let state = try store.load(into: fleet) { _ in inputs += 1 }
        tell("opened in", start.duration(to: .now) / .seconds(1), "s")
        tell("inputs of the journal", Double(inputs), "")
        tell("newest values", Double(state.latest.count), "")
        let count = Double(max(fleet.series.count, 1))
        tell("memory", Double(Measures.resident() - before) / count, "bytes/series")
    }
}
