import ArgumentParser
import FireAssembly
import FireModel
import FireSettings
import Foundation
import Glibc

extension Timestamp {
    static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// As an option spells it.
    static func argument(_ text: String) throws -> Timestamp {
        guard let time = Timestamp(firesense: text, now: .now) else {
            throw ValidationError(
                "'\(text)' is no time, expected RFC 3339, integer milliseconds since 1970, or relative like -24h")
        }
        return time
    }
}

extension Duration {
    /// As an option spells it.
    static func argument(_ text: String) throws -> Duration {
        guard let duration = Duration(firesense: text) else {
            throw ValidationError("'\(text)' is no duration, expected for example 10s, 5m, 25h or 90d")
        }
        return duration
    }
}

extension AlarmState: ExpressibleByArgument {}
extension AlarmSeverity: ExpressibleByArgument {}
extension AlarmCategory: ExpressibleByArgument {}
extension Verdict: ExpressibleByArgument {}
extension Delivery.State: ExpressibleByArgument {}
extension ExportFormat: ExpressibleByArgument {}
extension ImportPrecision: ExpressibleByArgument {}
extension ReadingQuery.Function: ExpressibleByArgument {}
extension SeriesQuery.Grouping: ExpressibleByArgument {}

/// Where a table is printed.
enum ListFormat: String, CaseIterable, ExpressibleByArgument { case table, json, csv }

/// `--from` and `--to`.
struct RangeOptions: ParsableArguments {
    @Option(help: "The first moment, inclusive.", transform: Timestamp.argument)
    var from: Timestamp?

    @Option(help: "The last moment, exclusive.", transform: Timestamp.argument)
    var to: Timestamp?

    func validate() throws {
        if let from, let to, to <= from { throw ValidationError("--to is not after --from") }
    }

    var range: TimeRange { TimeRange(from: from, to: to) }
}

/// `--config`.
struct ConfigurationOption: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The main configuration file.", valueName: "file"))
    var config: String?

    /// Reads it as the daemon would. A mistake in it keeps nobody from looking at data: it is told by `check`.
    ///
    /// - Throws: `Failure`, when it was asked for and is not there.
    func load() throws -> LoadedConfiguration {
        if let config, access(config, R_OK) != 0 {
            throw Failure("cannot read \(config): \(String(cString: strerror(errno)))")
        }
        return Daemon.load(path: config)
    }
}

/// `--limit` of a list.
struct LimitOption: ParsableArguments {
    @Option(help: "At most so many.")
    var limit = 100

    func validate() throws {
        guard (1...100_000).contains(limit) else { throw ValidationError("--limit is \(limit), expected 1 to 100000") }
    }
}

/// The name of an account; `nil`: it has none.
func userName(_ id: uid_t) -> String? {
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 16 * 1024)
    guard getpwuid_r(id, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name else {
        return nil
    }
    return String(cString: name)
}
