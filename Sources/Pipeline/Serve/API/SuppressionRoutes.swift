import FireModel
import Foundation
import Hummingbird

/// Maintenance silences (contract 5).
func silenceRoutes(_ gateway: Gateway, pageBytes: Int) -> [Route] {
    let desk = gateway.annunciation
    return [
        Route(
            method: .get, path: "/api/v1/silences", summary: "Silences in force, newest first. \(shorter)",
            scope: .read, parameters: Query.paging, answer: .json(.page(.reference("Silence"))), weight: .list
        ) { call in
            try await call.listing(bytes: pageBytes, step: 100) { limit, cursor in
                try await desk.silences(limit: limit, cursor: cursor)
            } _: {
                $0.writeJSON(to: &$1)
            }
        },
        Route(
            method: .post, path: "/api/v1/silences",
            summary: "Holds back notifications for a time, never of fire and of the gateway itself. What is still "
                + "active at the end is pushed then.", scope: .operate,
            body: [
                Field.silenceKind, Field.devices, Field.areas, Field.kinds, Field.rules, Field.categories,
                Field.components, Field.until, Field.by, Field.reason,
            ], answer: .json(.reference("Silence")), refusals: refusals
        ) { call in
            let by = try call.field(required: Field.by)
            let silence = Silence(
                id: UUID().uuidString.lowercased(), kind: try call.field(Field.silenceKind) ?? .shelved,
                devices: try call.field(Field.devices) ?? [], areas: try call.field(Field.areas) ?? [],
                kinds: try call.field(Field.kinds) ?? [], rules: try call.field(Field.rules) ?? [],
                categories: try call.field(Field.categories) ?? [], components: try call.field(Field.components) ?? [],
                createdAt: call.now, until: try call.end(within: Silence.longest),
                by: call.caller?.signature(for: by) ?? by, reason: try call.field(required: Field.reason))
            guard silence.hasMatcher else {
                throw Problem(
                    .badRequest, .invalidBody,
                    "A silence says which alarms it is for: at least one of devices, areas, kinds, rules, categories, "
                        + "components.")
            }
            if let never = silence.categories.first(where: { $0 == .fire || $0 == .system }) {
                throw Problem(
                    .badRequest, .invalidBody,
                    "Field 'categories': alarms of category \(never.rawValue) are always told.")
            }
            try await perform(.silence(silence), desk, "silence", call.id)
            return .json { silence.writeJSON(to: &$0) }
        },
        Route(
            method: .delete, path: "/api/v1/silences/{id}",
            summary: "Ends a silence before its time. What is still active is pushed.", scope: .operate,
            id: "The silence's id.", parameters: [Query.by], answer: .json(.reference("Ended")), refusals: endRefusals
        ) { call in
            let by = try call.doer()
            try await perform(.endSilence(call.id.lowercased(), by: by), desk, "silence", call.id)
            return ended(call.id.lowercased(), by)
        },
    ]
}

/// Drills (contract 5).
func drillRoutes(_ gateway: Gateway, pageBytes: Int) -> [Route] {
    let desk = gateway.annunciation
    return [
        Route(
            method: .get, path: "/api/v1/drills", summary: "Drills in force, newest first. \(shorter)",
            scope: .read, parameters: Query.paging, answer: .json(.page(.reference("Drill"))), weight: .list
        ) { call in
            try await call.listing(bytes: pageBytes, step: 100) { limit, cursor in
                try await desk.drills(limit: limit, cursor: cursor)
            } _: {
                $0.writeJSON(to: &$1)
            }
        },
        Route(
            method: .post, path: "/api/v1/drills",
            summary: "What these devices raise meanwhile is pushed as ever, marked `drill: true`.", scope: .operate,
            body: [Field.devices, Field.site, Field.components, Field.until, Field.by, Field.reason],
            answer: .json(.reference("Drill")), refusals: refusals
        ) { call in
            let by = try call.field(required: Field.by)
            guard try call.field(Field.site) == nil else {
                throw Problem(
                    .badRequest, .invalidBody, "Field 'site': no site of a device is known here; name the devices.")
            }
            let drill = Drill(
                id: UUID().uuidString.lowercased(), devices: try call.field(Field.devices) ?? [],
                components: try call.field(Field.components) ?? [], createdAt: call.now,
                until: try call.end(within: Drill.longest), by: call.caller?.signature(for: by) ?? by,
                reason: try call.field(required: Field.reason))
            guard !drill.devices.isEmpty else {
                throw Problem(
                    .badRequest, .invalidBody, "Field 'devices' is missing, expected the devices of the drill.")
            }
            try await perform(.drill(drill), desk, "drill", call.id)
            return .json { drill.writeJSON(to: &$0) }
        },
        Route(
            method: .delete, path: "/api/v1/drills/{id}",
            summary: "Ends a drill before its time.", scope: .operate,
            id: "The drill's id.", parameters: [Query.by], answer: .json(.reference("Ended")), refusals: endRefusals
        ) { call in
            let by = try call.doer()
            try await perform(.endDrill(call.id.lowercased(), by: by), desk, "drill", call.id)
            return ended(call.id.lowercased(), by)
        },
    ]
}

private let refusals: KeyValuePairs<Int, String> = [
    409: "Too many are in force.", 503: "The store cannot be written.",
]
private let endRefusals: KeyValuePairs<Int, String> = [
    404: "None with this id is in force.", 503: "The store cannot be written.",
]

private func ended(_ id: String, _ by: String) -> Answer {
    .json { json in
        json.object {
            $0.field("id", id)
            $0.field("ended_by", by)
        }
    }
}

private func perform(
    _ act: AnnunciationAct, _ desk: any AnnunciationDesk, _ what: String, _ id: String
) async throws(Problem) {
    do throws(AnnunciationError) {
        try await desk.act(act)
    } catch {
        switch error {
        case .unknown: throw Problem(.notFound, "There is no \(what) \(Problem.quoted(id)) in force.")
        case .tooMany(let most): throw Problem(.conflict, "\(most) are in force already; end one of them first.")
        case .storeNotWritable:
            throw .unavailable("The store cannot be written, so the \(what) could not be kept. See /readyz; try again.")
        }
    }
}

extension Call {
    /// Of a silence or drill, which must lie ahead and not too far.
    fileprivate func end(within longest: Int64) throws(Problem) -> Timestamp {
        let until =
            switch try field(required: Field.until) {
            case .at(let time): time
            case .after(let duration): now + duration.wholeMilliseconds
            }
        guard until > now, until - now <= longest else {
            throw Problem(
                .badRequest, .invalidBody,
                "Field 'until': came \(until.rfc3339), expected a time from now (\(now.rfc3339)) to "
                    + "\(Duration.milliseconds(longest).firesense) ahead.")
        }
        return until
    }

    /// Who ends it: by name, else by the token alone.
    fileprivate func doer() throws(Problem) -> String {
        if let by = try value(Query.by) { return caller?.signature(for: by) ?? by }
        return caller?.token ?? "operator"
    }
}

/// When something is to end.
enum EndTime: Sendable {
    case at(Timestamp)
    case after(Duration)
}

extension Query {
    static let by = Parameter<String>(
        name: "by", schema: .string.ofLength(1...200).saying("Who does it; absent: whose token it is."),
        expected: "the name of the person, 1–200 characters on one line",
        read: { text, _ in Field.by.read(.text(text)) })
}

extension Field {
    static let devices = list("devices", "Ids of devices.", "ids of 1–64 of 0-9A-Za-z_.:-") {
        Names.isIdentifier($0) ? $0 : nil
    }
    static let areas = list("areas", "Areas of devices.", "areas of 1–32 of 0-9A-Za-z_-") {
        Names.isArea($0) ? $0 : nil
    }
    static let kinds = list("kinds", "Kinds of devices.", "kinds of 1–64 of 0-9A-Za-z_.:-") {
        Names.isIdentifier($0) ? $0 : nil
    }
    static let rules = list("rules", "Ids of rules.", "ids of rules") { (1...128).contains($0.utf8.count) ? $0 : nil }
    static let components = list("components", "Components of devices.", "components of 1–64 characters") {
        (1...Limits.maximumName).contains($0.count) ? $0 : nil
    }
    static let categories = BodyField<[AlarmCategory]>(
        name: "categories", schema: .array(.words(AlarmCategory.self)).saying("Never fire or system."),
        expected: "a list of categories", read: { elements($0, AlarmCategory.init) })
    static let silenceKind = BodyField<Silence.Kind>(
        name: "kind", schema: .words(Silence.Kind.self).saying("`shelved` when absent."),
        expected: "shelved or out_of_service",
        read: { value in
            guard case .text(let word) = value else { return nil }
            return Silence.Kind(rawValue: word)
        })
    static let site = BodyField<String>(
        name: "site", schema: .string.ofLength(1...200).saying("Refused until devices have sites."),
        expected: "the name of a site",
        read: { value in
            guard case .text(let text) = value, !text.isEmpty else { return nil }
            return text
        })
    static let reason = BodyField<String>(
        name: "reason", schema: .string.ofLength(1...2048).saying("Why."), isRequired: true,
        expected: "text of 1 to 2048 bytes",
        read: { value in
            guard case .text(let text) = value, (1...2048).contains(text.utf8.count),
                !text.allSatisfy(\.isWhitespace)
            else { return nil }
            return text
        })
    static let until = BodyField<EndTime>(
        name: "until",
        schema: .either(
            .string.saying("RFC 3339, or how long from now, like `2h`."),
            .integer.saying("Milliseconds since 1970.")), isRequired: true,
        expected: "RFC 3339, integer milliseconds since 1970, or a duration from now like 2h",
        read: { value in
            switch value {
            case .number(let number):
                (0...1e15).contains(number) ? .at(Timestamp(milliseconds: Int64(number))) : nil
            case .text(let text):
                Timestamp(rfc3339: text).map { .at($0) } ?? Duration(firesense: text).map { .after($0) }
            default: nil
            }
        })

    private static func list(
        _ name: String, _ text: String, _ expected: String, _ read: @escaping @Sendable (String) -> String?
    ) -> BodyField<[String]> {
        BodyField(
            name: name, schema: .array(.string).saying("\(text) At most \(mostElements)."),
            expected: "a list of \(expected)", read: { elements($0, read) })
    }

    private static let mostElements = 1000

    private static func elements<Element>(_ value: JSONValue, _ read: (String) -> Element?) -> [Element]? {
        guard case .array(let values) = value, values.count <= mostElements else { return nil }
        var elements: [Element] = []
        for value in values {
            guard case .text(let text) = value, let element = read(text) else { return nil }
            elements.append(element)
        }
        return elements
    }
}
