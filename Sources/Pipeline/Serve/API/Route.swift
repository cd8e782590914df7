import FireModel
import Hummingbird

/// One entry of the table that the router and `/openapi.json` are both made from.
struct Route: Sendable {
    var method: HTTPRequest.Method
    /// With `{id}` where a name varies.
    var path: String
    var summary: String
    /// `nil`: open to everybody, always.
    var scope: Scope?
    /// What `{id}` is.
    var id: String?
    var parameters: [any QueryParameter] = []
    /// Fields of the body; `nil`: none is read.
    var body: [any BodyFieldDescription]?
    /// Media types and text of a body that is taken as it comes, of any length; `nil`: it is not.
    var upload: (types: [String], text: String)?
    var answer: Described
    /// Statuses beyond those that every route of its kind can give, with their reason.
    var refusals: KeyValuePairs<Int, String> = [:]
    /// The shape of refusals that are not problems.
    var shapes: [Int: Schema] = [:]
    var weight = Weight.light
    var handle: @Sendable (Call) async throws -> Answer

    /// How much of the store it reads, and of memory it takes while it is being sent.
    enum Weight: Sendable {
        case light
        /// A page of a list.
        case list
        /// Large queries, of which only a few run at a time.
        case heavy
    }

    /// What success looks like.
    enum Described: Sendable {
        case json(Schema)
        /// In one of these media types.
        case text([String], String)
    }

    /// Whether a path of a request is this one, whatever the method.
    func matches(_ path: some StringProtocol) -> Bool {
        let ours = self.path.split(separator: "/")
        let theirs = path.split(separator: "/")
        return ours.count == theirs.count && zip(ours, theirs).allSatisfy { $0.first == "{" || $0 == $1 }
    }
}

/// What a route gives back; turned into HTTP in one place.
struct Answer: Sendable {
    enum Content: Sendable {
        case bytes([UInt8])
        case stream(@Sendable (inout PieceWriter) async throws -> Void)
    }

    var status: HTTPResponse.Status = .ok
    var type = "application/json; charset=utf-8"
    var content: Content
    var headers: HTTPFields = [:]

    static func json(status: HTTPResponse.Status = .ok, _ write: (inout JSONWriter) -> Void) -> Answer {
        var json = JSONWriter()
        write(&json)
        return Answer(status: status, content: .bytes(json.bytes))
    }

    static func page<Item>(
        _ page: Page<Item>, _ write: (Item, inout JSONWriter) -> Void
    ) -> Answer {
        json { json in
            json.object { json in
                json.key("items")
                json.array { json in for item in page.items { write(item, &json) } }
                json.field("next", page.next)
            }
        }
    }

    static func text(_ text: String, type: String) -> Answer { Answer(type: type, content: .bytes(Array(text.utf8))) }
}

/// One request, checked: who asks, and with what.
struct Call: Sendable {
    var id: String
    var query: [String: String]
    var body: [String: JSONValue]
    /// `nil` on open routes.
    var caller: Caller?
    var now: Timestamp
    /// Of a route that takes an upload.
    var upload: Upload?

    func value<Value>(_ parameter: Parameter<Value>) throws(Problem) -> Value? {
        guard let text = query[parameter.name] else {
            guard !parameter.isRequired else {
                throw Problem(
                    .badRequest, .invalidParameter,
                    "Parameter '\(parameter.name)' is missing, expected \(parameter.expected).")
            }
            return nil
        }
        guard let value = parameter.read(text, now) else {
            throw Problem(
                .badRequest, .invalidParameter,
                "Parameter '\(parameter.name)': came \(Problem.quoted(text)), expected \(parameter.expected).")
        }
        return value
    }

    func value<Value>(required parameter: Parameter<Value>) throws(Problem) -> Value {
        guard let value = try value(parameter.required) else {
            throw Problem(.badRequest, .invalidParameter, "Parameter '\(parameter.name)' is missing.")
        }
        return value
    }

    /// `from` and `to`, in order.
    func range() throws(Problem) -> TimeRange {
        let range = TimeRange(from: try value(Query.from), to: try value(Query.to))
        if let from = range.from, let to = range.to, from > to {
            throw Problem(
                .badRequest, .invalidParameter,
                "Parameter 'from' (\(from.rfc3339)) is later than 'to' (\(to.rfc3339)).")
        }
        return range
    }

    func field<Value>(_ field: BodyField<Value>) throws(Problem) -> Value? {
        guard let given = body[field.name] else {
            guard !field.isRequired else {
                throw Problem(
                    .badRequest, .invalidBody, "Field '\(field.name)' is missing, expected \(field.expected).")
            }
            return nil
        }
        guard let value = field.read(given) else {
            throw Problem(
                .badRequest, .invalidBody, "Field '\(field.name)': came \(given.shown), expected \(field.expected).")
        }
        return value
    }

    func field<Value>(required field: BodyField<Value>) throws(Problem) -> Value {
        guard let value = try self.field(field) else {
            throw Problem(.badRequest, .invalidBody, "Field '\(field.name)' is missing, expected \(field.expected).")
        }
        return value
    }
}
