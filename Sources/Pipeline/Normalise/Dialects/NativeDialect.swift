import FireJSON
import FireModel

/// The native form of contract 2: JSON telemetry, events and status.
struct NativeDialect: Dialect {
    let name = "native"
    private let parser: JSONParser

    init() throws(JSONError) { parser = try JSONParser(maximumDepth: Limits.maximumNesting) }

    func claims(_ topic: Topic) -> Bool { topic.source.map { $0.stream != .raw } ?? false }

    func read(_ payload: UnsafeRawBufferPointer, topic: Topic, into transcript: Transcript) {
        guard let stream = topic.source?.stream else { return }
        if stream == .status, let online = plainStatus(payload) {
            return transcript.status(online: online, transcript.receipt)
        }
        do throws(JSONError) {
            try parser.parse(padded: payload) { value in
                switch stream {
                case .telemetry: each(value, transcript) { readTelemetry($0, $1, transcript) }
                case .event: each(value, transcript) { readEvent($0, $1, transcript) }
                case .status: readStatus(value, transcript)
                case .raw: break
                }
            }
        } catch {
            transcript.refuse(.json, error.description)
        }
    }

    // MARK: - Arrays

    /// One object, or an array of up to 1,000 of them, each judged by itself.
    private func each(_ value: JSONValue, _ transcript: Transcript, _ body: (JSONValue, Path) -> Void) {
        switch value.kind {
        case .object: body(value, Path())
        case .array:
            guard value.count > 0 else {
                return transcript.refuse(.shape, "an empty array, expected at least one object")
            }
            transcript.markBacklog()
            var index = 0
            value.forEach { element in
                guard index < Limits.maximumElements else { return false }
                if element.kind == .object {
                    body(element, Path(element: index))
                } else {
                    transcript.fault(.shape, at: "[\(index)]", "found \(described(element)), expected an object")
                }
                index += 1
                return true
            }
            if value.count > Limits.maximumElements {
                transcript.fault(
                    .limit, at: "[\(Limits.maximumElements)]",
                    "\(value.count) elements, expected at most \(Limits.maximumElements): those from here on were not read"
                )
            }
        default: transcript.refuse(.shape, "found \(described(value)), expected a JSON object or an array of objects")
        }
    }

    // MARK: - Streams

    private func readTelemetry(_ element: JSONValue, _ path: Path, _ transcript: Transcript) {
        let moment = moment(element, path, transcript)
        let component = component(element, path, transcript)
        // Nobody can say when or where the rest of it was measured. A fire in it is one now, of the device.
        let onlyFire = moment == nil || component == nil
        guard let values = element["values"] else {
            return transcript.fault(.shape, at: path.field("values"), "missing, expected an object of metrics")
        }
        guard values.kind == .object else {
            return transcript.fault(
                .shape, at: path.field("values"), "found \(described(values)), expected an object of metrics")
        }
        guard values.count > 0 else {
            return transcript.fault(.shape, at: path.field("values"), "empty, expected at least one metric")
        }
        var index = 0
        values.forEach { member in
            guard index < Limits.maximumValuesPerElement else { return false }
            index += 1
            transcript.measure(
                member.key, component: component ?? -1, scalar(member), moment ?? transcript.receiptForRefused,
                onlyFire: onlyFire, at: path.value(member.key))
            return true
        }
        if values.count > Limits.maximumValuesPerElement {
            transcript.fault(
                .limit, at: path.field("values"),
                "\(values.count) metrics, expected at most \(Limits.maximumValuesPerElement): the rest was not read")
        }
        sequence(element, path, isEvent: false, transcript)
    }

    private func readEvent(_ element: JSONValue, _ path: Path, _ transcript: Transcript) {
        guard let name = element["event"] else {
            return transcript.fault(.shape, at: path.field("event"), "missing, expected the name of an event")
        }
        guard name.kind == .string, (1...Limits.maximumName).contains(name.text.count),
            name.text.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }), name.text.contains(where: { $0 != 0x20 })
        else {
            return transcript.fault(
                .shape, at: path.field("event"),
                "found \(described(name)), expected the name of an event, 1 to \(Limits.maximumName) printable characters"
            )
        }
        guard let moment = moment(element, path, transcript) else { return }
        let word = String(decoding: trimmed(name.text).map(lowered), as: UTF8.self)
        let raises = EventName(rawValue: word)?.raises ?? true
        let component = component(element, path, transcript)
        let active = active(element, path, raises: raises, transcript)
        let detail = detail(element, path, transcript)
        sequence(element, path, isEvent: true, transcript)
        // What begins on a component that cannot be read has begun on the device. What ends there has not ended on
        // all the others: a mistyped reset must not end every fire of a panel.
        guard let active, component != nil || (raises && active) else { return }
        transcript.event(
            word, component: component ?? -1, active: active, detail: detail, moment, at: path.field("event"))
    }

    /// `"fire "` is a fire.
    private func trimmed(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer.SubSequence {
        var inner = text[...]
        while inner.first == 0x20 { inner.removeFirst() }
        while inner.last == 0x20 { inner.removeLast() }
        return inner
    }

    private func readStatus(_ value: JSONValue, _ transcript: Transcript) {
        if value.kind == .string, let online = plainStatus(value.text) {
            return transcript.status(online: online, transcript.receipt)
        }
        guard value.kind == .object, let online = value["online"]?.boolean else {
            return transcript.refuse(
                .shape, "found \(described(value)), expected online, offline or {\"online\":true}")
        }
        guard let moment = moment(value, Path(), transcript) else { return }
        transcript.status(online: online, moment)
    }

    private func plainStatus(_ payload: UnsafeRawBufferPointer) -> Bool? {
        if equalsIgnoringCase(payload, "online") { return true }
        if equalsIgnoringCase(payload, "offline") { return false }
        return nil
    }

    // MARK: - Fields

    private func moment(_ element: JSONValue, _ path: Path, _ transcript: Transcript) -> Transcript.Moment? {
        guard let ts = element["ts"], ts.kind != .null else { return transcript.receipt }
        if let milliseconds = ts.integer {
            return transcript.judge(
                Timestamp(milliseconds: milliseconds), written: "\(milliseconds)", at: path.field("ts"))
        }
        if ts.kind == .string, ts.text.count <= 40,
            let time = Timestamp(rfc3339: String(decoding: ts.text, as: UTF8.self))
        {
            return transcript.judge(time, written: quoted(ts.text), at: path.field("ts"))
        }
        return transcript.unreadableTime(described(ts), at: path.field("ts"))
    }

    /// -1: the device itself; `nil`: a fault.
    private func component(_ element: JSONValue, _ path: Path, _ transcript: Transcript) -> Int32? {
        guard let name = element["component"], name.kind != .null else { return -1 }
        if name.kind == .string, (1...Limits.maximumText).contains(name.text.count),
            name.text.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        {
            let text = String(decoding: name.text, as: UTF8.self)
            if text.count <= Limits.maximumName, let known = transcript.component(text) { return known }
        }
        transcript.fault(
            .value, at: path.field("component"),
            "found \(described(name)), expected text of 1 to \(Limits.maximumName) characters")
        return nil
    }

    /// `nil`: a fault, in an event that raises nothing.
    private func active(_ element: JSONValue, _ path: Path, raises: Bool, _ transcript: Transcript) -> Bool? {
        guard let value = element["active"], value.kind != .null else { return true }
        if let truth = value.boolean { return truth }
        if value.number == 1 || equalsIgnoringCase(value.text, "on") { return true }
        if value.number == 0 || equalsIgnoringCase(value.text, "off") { return false }
        transcript.fault(
            .value, at: path.field("active"),
            "found \(described(value)), expected true or false" + (raises ? "; taken as true" : ""))
        return raises ? true : nil
    }

    private func detail(_ element: JSONValue, _ path: Path, _ transcript: Transcript) -> String? {
        guard let value = element["detail"], value.kind != .null else { return nil }
        guard value.kind == .string else {
            transcript.fault(.value, at: path.field("detail"), "found \(described(value)), expected text")
            return nil
        }
        guard value.text.count <= Limits.maximumText else {
            transcript.fault(
                .limit, at: path.field("detail"),
                "text of \(value.text.count) bytes, expected at most \(Limits.maximumText); it was cut")
            return String(decoding: value.text.prefix(Limits.maximumText), as: UTF8.self)
        }
        return String(decoding: value.text, as: UTF8.self)
    }

    private func sequence(_ element: JSONValue, _ path: Path, isEvent: Bool, _ transcript: Transcript) {
        guard let value = element["seq"], value.kind != .null else { return }
        guard let number = value.unsigned else {
            return transcript.fault(
                .value, at: path.field("seq"), "found \(described(value)), expected a whole number from 0 to 2^64-1")
        }
        transcript.sequence(number, isEvent: isEvent)
    }

    private func scalar(_ value: JSONValue) -> Transcript.Scalar {
        switch value.kind {
        case .number: .number(value.number ?? 0)
        case .boolean: .boolean(value.boolean ?? false)
        case .string: .text(value.text)
        case .null: .null
        case .badNumber, .array, .object: .unfit(described(value))
        }
    }

    private func described(_ value: JSONValue) -> String {
        switch value.kind {
        case .null: "null"
        case .boolean: value.boolean == true ? "true" : "false"
        case .number, .badNumber: String(decoding: value.text.prefix(40), as: UTF8.self)
        case .string: "the text \(quoted(value.text))"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// Where in the payload: `[17].values.pressure`. Made into text only for faults.
private struct Path {
    var element: Int?

    func field(_ name: String) -> String { element.map { "[\($0)].\(name)" } ?? name }

    func value(_ metric: UnsafeRawBufferPointer) -> String {
        field("values.\(String(decoding: metric.prefix(Limits.maximumName), as: UTF8.self))")
    }
}
