import ArgumentParser
import FireModel
import Foundation

/// `store-bench emit`: for stores that take InfluxDB's line protocol.
struct Emit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The samples as line protocol: a line a report, nanoseconds.")

    @OptionGroup var options: FeedOptions

    func run() throws {
        var feed = options.feed
        var text: [UInt8] = []
        text.reserveCapacity(5 << 20)
        var count = 0
        let output = FileHandle.standardOutput
        for second in options.seconds {
            feed.second(second) { report, device in
                text.append(contentsOf: device.kind.rawValue.utf8)
                text.append(contentsOf: ",area=32010\(report.device % 8),device=\(device.name)".utf8)
                if let component = report.measurement.component {
                    text.append(contentsOf: ",component=\(component)".utf8)
                }
                var separator: UInt8 = 0x20
                for entry in report.measurement.told {
                    text.append(separator)
                    separator = 0x2C
                    text.append(contentsOf: entry.metric.utf8)
                    text.append(0x3D)
                    switch entry.value {
                    case .number(let x): text.append(contentsOf: x.description.utf8)
                    case .boolean(let x): text.append(x ? 0x74 : 0x66)
                    case .text(let x): text.append(contentsOf: "\"\(x)\"".utf8)
                    }
                    count += 1
                }
                text.append(contentsOf: " \(report.at)000000\n".utf8)
            }
            if text.count >= 4 << 20 {
                try output.write(contentsOf: Data(text))
                text.removeAll(keepingCapacity: true)
            }
        }
        try output.write(contentsOf: Data(text))
        FileHandle.standardError.write(Data("\(count)\n".utf8))
    }
}
