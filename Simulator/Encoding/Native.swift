import FireDevices
import FireModel

/// The native form of contract 2, written here from the contract's words and not with the daemon's help, so
/// that the two cannot share a misunderstanding. One encoder per thread; its buffer is used again and again.
struct NativeEncoder {
    enum Stream: String, Sendable { case telemetry, event, status }

    private(set) var bytes: [UInt8] = []

    static func topic(area: String, kind: String, device: String, _ stream: Stream) -> String {
        "fire/v1/\(area)/\(kind)/\(device)/\(stream.rawValue)"
    }

    /// - Parameter size: bytes the payload shall have: as many metrics as fit, the rest in blanks. At least one
    ///   metric is sent. `nil`: the usual metrics.
    /// - Returns: the readings in it.
    mutating func telemetry(
        _ measurement: Measurement, at time: Timestamp?, sequence: UInt64?, size: Int? = nil
    ) -> Int {
        open(time, sequence, measurement.component)
        text("\"values\":{")
        // For `}}` at the end.
        let room = size.map { $0 - 2 }
        var count = 0
        for entry in measurement.values {
            if room == nil && count == measurement.usual { break }
            let mark = bytes.count
            if count > 0 { text(",") }
            quoted(entry.metric)
            text(":")
            value(entry.value)
            if let room, count > 0, bytes.count > room {
                bytes.removeLast(bytes.count - mark)
                break
            }
            count += 1
        }
        text("}")
        if let room, bytes.count <= room {
            bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: room + 1 - bytes.count))
        }
        text("}")
        return count
    }

    mutating func event(
        _ name: EventName, component: String?, active: Bool, detail: String?, at time: Timestamp?, sequence: UInt64?
    ) {
        open(time, sequence, component)
        text("\"event\":")
        quoted(name.rawValue)
        text(active ? ",\"active\":true" : ",\"active\":false")
        if let detail {
            text(",\"detail\":")
            quoted(detail)
        }
        text("}")
    }

    mutating func status(online: Bool) {
        bytes.removeAll(keepingCapacity: true)
        text(online ? "online" : "offline")
    }

    /// The fields that telemetry and events share, with the comma after them.
    private mutating func open(_ time: Timestamp?, _ sequence: UInt64?, _ component: String?) {
        bytes.removeAll(keepingCapacity: true)
        text("{")
        if let time { text("\"ts\":\(time.milliseconds),") }
        if let sequence { text("\"seq\":\(sequence),") }
        if let component {
            text("\"component\":")
            quoted(component)
            text(",")
        }
    }

    private mutating func value(_ value: Value) {
        switch value {
        case .number(let number): text(number.isFinite ? shortest(number) : "null")
        case .boolean(let flag): text(flag ? "true" : "false")
        case .text(let words): quoted(words)
        }
    }

    private mutating func quoted(_ words: String) {
        text("\"")
        for byte in words.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20: text("\\u00" + (byte < 0x10 ? "0" : "") + String(byte, radix: 16))
            default: bytes.append(byte)
            }
        }
        text("\"")
    }

    private mutating func text(_ words: String) { bytes.append(contentsOf: words.utf8) }
}
