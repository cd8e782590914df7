import FireModel
import Foundation

// What the HTTP interface answers, read back into the values it was written from.

struct PageBody<Item: Decodable>: Decodable {
    var items: [Item]
    var next: String?
}

struct ReadingsBody: Decodable {
    /// `[ms, value]`
    struct Pair: Decodable {
        var point: Point
        init(from decoder: any Decoder) throws {
            var pair = try decoder.unkeyedContainer()
            let milliseconds = try pair.decode(Int64.self)
            point = Point(at: Timestamp(milliseconds: milliseconds), value: try pair.decode(Value.self))
        }
    }
    var unit: String?
    var points: [Pair]
    var next: Int64?
}

struct SeriesBody: Decodable {
    var series: SeriesPoints

    private enum Key: String, CodingKey { case device, kind, area, component, metric, unit, series, points, next }

    init(from decoder: any Decoder) throws {
        let body = try decoder.container(keyedBy: Key.self)
        func text(_ key: Key) throws -> String? { try body.decodeIfPresent(String.self, forKey: key) }
        series = SeriesPoints(
            device: try text(.device), kinds: try text(.kind).map { [$0] } ?? [], area: try text(.area),
            component: try text(.component), metric: try body.decode(String.self, forKey: .metric),
            series: try body.decode(Int.self, forKey: .series),
            points: try body.decode([ReadingsBody.Pair].self, forKey: .points).map(\.point),
            next: try body.decodeIfPresent(Int64.self, forKey: .next).map { Timestamp(milliseconds: $0) })
        series.unit = try text(.unit)
    }
}

struct LatestBody: Decodable {
    var reading: LatestReading

    private enum Key: String, CodingKey { case device, kind, area, component, metric, value, unit, at, quality }

    init(from decoder: any Decoder) throws {
        let body = try decoder.container(keyedBy: Key.self)
        func text(_ key: Key) throws -> String { try body.decode(String.self, forKey: key) }
        reading = LatestReading(
            device: try text(.device), kind: try text(.kind), area: try text(.area),
            component: try body.decodeIfPresent(String.self, forKey: .component), metric: try text(.metric),
            value: try body.decode(Value.self, forKey: .value), at: try body.decode(Timestamp.self, forKey: .at),
            quality: Quality(words: try body.decode([String].self, forKey: .quality)))
        reading.unit = try body.decodeIfPresent(String.self, forKey: .unit)
    }
}

struct AlarmBody: Decodable {
    struct Item: Decodable {
        var change: String
        var revision: Int
        var at: Timestamp
        var cause: String
        var alarm: Alarm
    }
    var alarm: Alarm
    var history: [AlarmHistoryItem]

    private enum Key: String, CodingKey { case history }

    init(from decoder: any Decoder) throws {
        alarm = try Alarm(from: decoder)
        history = try decoder.container(keyedBy: Key.self).decode([Item].self, forKey: .history).compactMap { item in
            AlarmChange.Kind(rawValue: item.change).map {
                AlarmHistoryItem(
                    kind: $0, revision: item.revision, at: item.at, cause: item.cause, snapshot: item.alarm.json)
            }
        }
    }
}

struct DeviceBody: Decodable {
    struct Latest: Decodable {
        var component: String?
        var metric: String
        var value: Value
        var at: Timestamp
    }
    var summary: DeviceSummary

    private enum Key: String, CodingKey {
        case firstSeen = "first_seen"
        case lastSeen = "last_seen"
        case online, latest
    }

    init(from decoder: any Decoder) throws {
        let body = try decoder.container(keyedBy: Key.self)
        summary = DeviceSummary(
            device: try AlarmDevice(from: decoder), firstSeen: try body.decode(Timestamp.self, forKey: .firstSeen),
            lastSeen: try body.decode(Timestamp.self, forKey: .lastSeen),
            online: try body.decodeIfPresent(Bool.self, forKey: .online),
            latest: try body.decode([Latest].self, forKey: .latest).map {
                // The marks are not shown by any command.
                DeviceSummary.Latest(
                    component: $0.component, metric: $0.metric, value: $0.value, at: $0.at, quality: [])
            })
    }
}

struct DeliveryBody: Decodable {
    struct Attempt: Decodable {
        var at: Timestamp
        var status: Int?
        var error: String?
        var answer: String?
        var milliseconds: Int64
    }
    var summary: DeliverySummary

    private enum Key: String, CodingKey {
        case id, endpoint, alarm, type, state, attempts
        case createdAt = "created_at"
        case replayedAt = "replayed_at"
        case nextAttemptAt = "next_attempt_at"
        case attemptCount = "attempt_count"
    }

    init(from decoder: any Decoder) throws {
        let body = try decoder.container(keyedBy: Key.self)
        let attempts = try body.decode([Attempt].self, forKey: .attempts)
        let id = try body.decode(String.self, forKey: .id)
        let state = try body.decode(Delivery.State.self, forKey: .state)
        summary = DeliverySummary(
            id: id, endpoint: try body.decode(String.self, forKey: .endpoint),
            alarm: try body.decode(String.self, forKey: .alarm), type: try body.decode(String.self, forKey: .type),
            state: state, createdAt: try body.decode(Timestamp.self, forKey: .createdAt),
            replayedAt: try body.decodeIfPresent(Timestamp.self, forKey: .replayedAt),
            nextAttemptAt: try body.decodeIfPresent(Timestamp.self, forKey: .nextAttemptAt),
            attemptCount: try body.decodeIfPresent(Int.self, forKey: .attemptCount) ?? attempts.count,
            attempts: attempts.map {
                DeliveryAttempt(
                    delivery: id, at: $0.at, status: $0.status, error: $0.error, answer: $0.answer,
                    milliseconds: $0.milliseconds, state: state, nextDueAt: nil)
            })
    }
}

struct DeliveryRecordBody: Decodable {
    var record: DeliveryRecord

    private enum Key: String, CodingKey { case revision, device, time, data }

    init(from decoder: any Decoder) throws {
        let body = try decoder.container(keyedBy: Key.self)
        record = DeliveryRecord(
            summary: try DeliveryBody(from: decoder).summary, revision: try body.decode(Int.self, forKey: .revision),
            device: try body.decode(String.self, forKey: .device), time: try body.decode(Timestamp.self, forKey: .time),
            snapshot: try body.decodeIfPresent(Alarm.self, forKey: .data)?.json)
    }
}

struct QuarantineBody: Decodable {
    var item: QuarantineItem

    private enum Key: String, CodingKey {
        case id, topic, reason, lane
        case receivedAt = "received_at"
        case publishedLength = "published_length"
        case payload = "payload_base64"
    }

    init(from decoder: any Decoder) throws {
        let body = try decoder.container(keyedBy: Key.self)
        let payload = try body.decode(Data.self, forKey: .payload)
        let lane = try body.decodeIfPresent(String.self, forKey: .lane)
        item = QuarantineItem(
            id: try body.decode(Int64.self, forKey: .id),
            receivedAt: try body.decode(Timestamp.self, forKey: .receivedAt),
            topic: try body.decode(String.self, forKey: .topic), reason: try body.decode(String.self, forKey: .reason),
            payload: Array(payload),
            publishedLength: try body.decodeIfPresent(Int.self, forKey: .publishedLength) ?? payload.count,
            lane: lane == Lane.urgent.description ? .urgent : .bulk)
    }
}
