import FireModel
import Hummingbird

/// The ledger of deliveries, and sending some of them once more (contract 5).
func deliveryRoutes(_ gateway: Gateway, pageBytes: Int) -> [Route] {
    let deliveries = gateway.deliveries
    return [
        Route(
            method: .get, path: "/api/v1/deliveries",
            summary: "Deliveries with their attempts, newest first by `created_at`, which `from` and `to` also mean. "
                + shorter, scope: .read,
            parameters: [Query.deliveryState, Query.endpoint, Query.alarm, Query.from, Query.to] + Query.paging,
            answer: .json(.page(.reference("Delivery"))), weight: .list
        ) { call in
            var filter = DeliveryFilter()
            filter.state = try call.value(Query.deliveryState)
            filter.endpoint = try call.value(Query.endpoint)
            filter.alarm = try call.value(Query.alarm)
            filter.range = try call.range()
            return try await call.listing(bytes: pageBytes, step: 20) { limit, cursor in
                try await deliveries.deliveries(filter, limit: limit, cursor: cursor)
            } _: {
                $0.writeJSON(to: &$1)
            }
        },
        Route(
            method: .get, path: "/api/v1/deliveries/{id}",
            summary: "One delivery with every attempt that is kept, and what it tells.", scope: .read,
            id: "The delivery's id, the `webhook-id`.", answer: .json(.reference("DeliveryRecord")),
            refusals: [404: "No such delivery."]
        ) { call in
            guard let found = try await deliveries.delivery(call.id) else {
                throw Problem(.notFound, "There is no delivery \(Problem.quoted(call.id)).")
            }
            return .json { found.writeJSON(to: &$0) }
        },
        Route(
            method: .post, path: "/api/v1/deliveries/replay",
            summary: "Sends deliveries that are done with once more, under their old ids and with the header "
                + "`firesense-replay: true`, behind everything that was never sent. What is given narrows down "
                + "together; at least one is. Answers when what is marked is durable; repeated after a broken answer, "
                + "it leaves alone what waits already.", scope: .operate,
            body: [Field.deliveryIDs, Field.endpoint, Field.replayFrom, Field.replayTo, Field.deliveryState],
            answer: .json(.reference("ReplayOutcome")), refusals: [503: "The store cannot be written."]
        ) { call in
            let outcome = try await deliveries.replay(try await selection(call, gateway.endpoints))
            return .json { outcome.writeJSON(to: &$0) }
        },
    ]
}

private func selection(_ call: Call, _ endpoints: any EndpointDesk) async throws -> ReplaySelection {
    var selection = ReplaySelection()
    selection.ids = try call.field(Field.deliveryIDs) ?? []
    selection.filter.state = try call.field(Field.deliveryState)
    selection.filter.endpoint = try call.field(Field.endpoint)
    selection.filter.range = TimeRange(
        from: try call.field(Field.replayFrom)?.before(call.now), to: try call.field(Field.replayTo)?.before(call.now))
    guard selection.hasCriterion else {
        throw Problem(
            .badRequest, .invalidBody,
            "A replay says which deliveries it is for: at least one of ids, endpoint, from, to, state.")
    }
    if let from = selection.filter.range.from, let to = selection.filter.range.to, from >= to {
        throw Problem(
            .badRequest, .invalidBody, "Field 'from' (\(from.rfc3339)) is not before 'to' (\(to.rfc3339)).")
    }
    if let name = selection.filter.endpoint {
        let known = await endpoints.endpoints().map(\.name)
        guard known.contains(name) else {
            throw Problem(.badRequest, .invalidBody, "Field 'endpoint': \(unknownEndpoint(name, known))")
        }
    }
    return selection
}

/// A moment as a body spells it.
enum StatedMoment: Sendable {
    case at(Timestamp)
    case ago(Duration)

    func before(_ now: Timestamp) -> Timestamp {
        switch self {
        case .at(let time): time
        case .ago(let duration): now + -duration.wholeMilliseconds
        }
    }
}

extension Query {
    static let endpoint = Parameter<String>(
        name: "endpoint", schema: .string.ofLength(1...64).saying("An endpoint's name."),
        expected: "1–64 of 0-9A-Za-z_.:-", read: { text, _ in Names.isIdentifier(text) ? text : nil })
    static let alarm = Parameter<String>(
        name: "alarm", schema: .string.ofLength(1...64).saying("An alarm's id."), expected: "1–64 of 0-9A-Za-z_.:-",
        read: { text, _ in Names.isIdentifier(text) ? text.lowercased() : nil })
}

extension Field {
    static let deliveryIDs = BodyField<[String]>(
        name: "ids",
        schema: .array(.string).saying("Ids of deliveries, at most \(ReplaySelection.mostIDs)."),
        expected: "a list of 1 to \(ReplaySelection.mostIDs) ids of deliveries",
        read: { value in
            guard case .array(let values) = value, (1...ReplaySelection.mostIDs).contains(values.count) else {
                return nil
            }
            var ids: [String] = []
            for value in values {
                guard case .text(let id) = value, Names.isIdentifier(id) else { return nil }
                ids.append(id)
            }
            return ids
        })
    static let endpoint = BodyField<String>(
        name: "endpoint", schema: .string.ofLength(1...64).saying("An endpoint's name."),
        expected: "the name of an endpoint",
        read: { value in
            guard case .text(let name) = value, Names.isIdentifier(name) else { return nil }
            return name
        })
    static let deliveryState = BodyField<Delivery.State>(
        name: "state", schema: .words(Delivery.State.self).saying("Only those in this state, such as `dead`."),
        expected: "one of \(Delivery.State.allCases.map(\.rawValue).joined(separator: ", "))",
        read: { value in
            guard case .text(let word) = value else { return nil }
            return Delivery.State(rawValue: word)
        })
    static let replayFrom = moment("from", "Created from then on.")
    static let replayTo = moment("to", "Created before then.")

    private static func moment(_ name: String, _ text: String) -> BodyField<StatedMoment> {
        BodyField(
            name: name,
            schema: .either(
                .string.saying("\(text) RFC 3339, or relative: `-24h`."), .integer.saying("Milliseconds since 1970.")),
            expected: "RFC 3339, integer milliseconds since 1970, or relative to now like -24h",
            read: { value in
                switch value {
                case .number(let number):
                    (0...1e15).contains(number) && number.rounded() == number
                        ? Timestamp(firesense: "\(Int64(number))", now: Timestamp(milliseconds: 0)).map { .at($0) }
                        : nil
                case .text(let text):
                    text.first == "-"
                        ? Duration(firesense: text.dropFirst()).map { .ago($0) }
                        : Timestamp(firesense: text, now: Timestamp(milliseconds: 0)).map { .at($0) }
                default: nil
                }
            })
    }
}
