import FireModel

/// A query parameter as the description and the check for unknown ones see it.
protocol QueryParameter: Sendable {
    var name: String { get }
    var schema: Schema { get }
    var isRequired: Bool { get }
    /// It may be given several times, which is the same as commas between.
    var isList: Bool { get }
}

/// A query parameter: its name, what it may be and how its text is read, said once for the reader, the
/// errors and `/openapi.json`.
struct Parameter<Value: Sendable>: QueryParameter {
    var name: String
    var schema: Schema
    var isRequired = false
    var isList = false
    /// For the error: what the text should have been.
    var expected: String
    /// `nil`: not readable. The time is now, for what is relative to it.
    var read: @Sendable (String, Timestamp) -> Value?

    var required: Parameter {
        var parameter = self
        parameter.isRequired = true
        return parameter
    }
}

/// Every query parameter there is.
enum Query {
    static let device = name("device", "The device's id.")
    static let kind = name("kind", "A kind of the catalogue.")
    static let metric = name("metric", "A metric, or `event.NAME`.")
    static let area = Parameter<String>(
        name: "area", schema: .string.ofLength(1...32).saying("The area part of the device's topics."),
        expected: "1–32 of 0-9A-Za-z_-", read: { text, _ in Names.isArea(text) ? text : nil })
    static let component = Parameter<String>(
        name: "component",
        schema: .string.ofLength(0...Limits.maximumName).saying(
            "Empty: the device itself. Absent: all, or for one series the device itself."),
        expected: "at most \(Limits.maximumName) characters",
        read: { text, _ in text.count <= Limits.maximumName ? text : nil })
    static let devices = Parameter<[String]>(
        name: "device",
        schema: .string.ofLength(1...8192).saying("Ids of devices: commas between, or given several times."),
        isList: true, expected: "ids of 1–64 of 0-9A-Za-z_.:-, commas between",
        read: { text, _ in
            let ids = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            return ids.allSatisfy(Names.isIdentifier) ? ids : nil
        })
    static let grouping = word(
        "by", SeriesQuery.Grouping.self, "What becomes one group; absent: each series by itself.")

    static let from = time("from", "The first moment, inclusive.")
    static let to = time("to", "The last moment, exclusive.")
    static let step = Parameter<Duration>(
        name: "step", schema: .string.saying("Width of an interval, like `5m`; absent: raw points."),
        expected: "a duration from 1s, like 10s, 5m, 25h, 90d",
        read: { text, _ in Duration(firesense: text).flatMap { $0 >= .seconds(1) ? $0 : nil } })
    static let function = word("fn", ReadingQuery.Function.self, "What an interval is summed up to; `avg` when absent.")

    static let state = word("state", AlarmState.self, "Only alarms in this state.")
    static let acknowledged = Parameter<Bool>(
        name: "acknowledged", schema: .boolean.saying("Only those acknowledged, or not."), expected: "true or false",
        read: { text, _ in Bool(text) })
    static let verdict = word("verdict", Verdict.self, "Only those with this verdict.")
    static let severity = word("severity", AlarmSeverity.self, "Only those of this severity.")
    static let category = word("category", AlarmCategory.self, "Only those of this category.")
    static let deviceState = word("state", DeviceFilter.State.self, "Only devices in this state.")
    static let deliveryState = word("state", Delivery.State.self, "Only deliveries in this state.")
    static let format = word("format", ExportFormat.self, "CSV or InfluxDB line protocol.").required

    static let rule = name("rule", "A rule's id.")
    static let reportGrouping = word("by", RuleReport.Grouping.self, "One line per rule, or per rule and device.")
    static let operators = Parameter<Int>(
        name: "operators", schema: .count(1...1000).saying("How many share the alarms; 1 when absent."),
        expected: "an integer from 1 to 1000",
        read: { text, _ in wholeNumber(text).flatMap { (1...1000).contains($0) ? Int($0) : nil } })

    static let precision = word(
        "precision", ImportPrecision.self, "Of times; else of CSV `ms`, and of line protocol what their digits say.")
    static let dryRun = flag("dry_run", "Only look: nothing is stored.")
    static let keepGoing = flag("keep_going", "Go on behind what is refused, instead of ending there.")

    static let limit = limit(most: 1000)
    /// A value is small, and whoever asks wants those of a whole fleet.
    static let latestLimit = limit(most: 20_000)
    static let cursor = Parameter<String>(
        name: "cursor", schema: .string.ofLength(1...200).saying("`next` of the page before."),
        expected: "`next` of the page before",
        read: { text, _ in (1...200).contains(text.utf8.count) ? text : nil })
    static let paging: [any QueryParameter] = [limit, cursor]

    private static func limit(most: Int64) -> Parameter<Int> {
        Parameter(
            name: "limit", schema: .count(1...most).saying("Items of a page; 100 when absent."),
            expected: "an integer from 1 to \(most)",
            read: { text, _ in wholeNumber(text).flatMap { (1...most).contains($0) ? Int($0) : nil } })
    }

    private static func flag(_ name: String, _ text: String) -> Parameter<Bool> {
        Parameter(
            name: name, schema: .boolean.saying(text), expected: "true or false", read: { text, _ in Bool(text) })
    }

    private static func name(_ name: String, _ text: String) -> Parameter<String> {
        Parameter(
            name: name, schema: .string.ofLength(1...64).saying(text), expected: "1–64 of 0-9A-Za-z_.:-",
            read: { text, _ in Names.isIdentifier(text) ? text : nil })
    }

    private static func time(_ name: String, _ text: String) -> Parameter<Timestamp> {
        Parameter(
            name: name,
            schema: .string.saying("\(text) RFC 3339, integer milliseconds since 1970, or relative: `-24h`."),
            expected: "RFC 3339, integer milliseconds since 1970, or relative to now like -24h",
            read: { text, now in Timestamp(firesense: text, now: now) })
    }

    private static func word<Word: CaseIterable & RawRepresentable<String> & Sendable>(
        _ name: String, _: Word.Type, _ text: String
    ) -> Parameter<Word> {
        let schema = Schema.words(Word.self)
        return Parameter(
            name: name, schema: schema.saying(text), expected: "one of \(schema.words.joined(separator: ", "))",
            read: { text, _ in Word(rawValue: text) })
    }
}

/// Digits and nothing else; `Int64` would take a sign.
func wholeNumber(_ text: String) -> Int64? {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int64(text) : nil
}

/// Takes a query apart: `a=1&b=%20`. Strict: every text percent-decodes to UTF-8, nothing but lists comes twice, and
/// `+` is a plus, because the sign of an RFC 3339 offset is meant by it and nothing here contains blanks.
func parseQuery(_ query: String?, known: [any QueryParameter]) throws(Problem) -> [String: String] {
    var found: [String: String] = [:]
    for pair in (query ?? "").split(separator: "&") {
        let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = percentDecoded(halves[0]), let value = percentDecoded(halves.count == 2 ? halves[1] : "")
        else {
            throw Problem(.badRequest, .invalidParameter, "The query is not percent-encoded UTF-8.")
        }
        guard let parameter = known.first(where: { $0.name == name }) else {
            let names = known.isEmpty ? "none" : known.map(\.name).joined(separator: ", ")
            throw Problem(
                .badRequest, .invalidParameter,
                "Parameter \(Problem.quoted(name)) is not known here; known are: \(names).")
        }
        if let earlier = found.updateValue(value, forKey: name) {
            guard parameter.isList else {
                throw Problem(.badRequest, .invalidParameter, "Parameter '\(name)' was given twice.")
            }
            found[name] = "\(earlier),\(value)"
        }
    }
    return found
}

/// `nil` where an escape is broken or the bytes are not UTF-8.
func percentDecoded(_ text: Substring) -> String? {
    guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        guard let digits = String(rest.prefix(2)), digits.utf8.count == 2, digits.allSatisfy(\.isHexDigit),
            let decoded = UInt8(digits, radix: 16)
        else { return nil }
        bytes.append(decoded)
        rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
}
