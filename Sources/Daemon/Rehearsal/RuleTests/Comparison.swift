import FireModel

/// What came otherwise than a test expects.
public struct RuleTestFailure: Sendable {
    public enum Difference: Sendable, Equatable {
        /// Under the same key something else: expected, got.
        case value(of: String, key: String, expected: String, got: String)
        case missing(String)
        case unexpected(String)
        case remark(String)
    }

    /// In the file of the test.
    public var line: Int?
    public var at: Timestamp
    public var what: String
    public var differences: [Difference]
}

/// Expected alarms or notifications beside those that came.
struct Comparison {
    private let expected: [RuleTest.Expected]
    private let actual: [AlarmChange]
    private let times: Times

    init(_ expected: [RuleTest.Expected], _ actual: [AlarmChange], _ times: Times) {
        self.expected = expected
        self.actual = actual
        self.times = times
    }

    /// In whatever order. Alarms that have ended count where a `state` other than active is asked for.
    func ofAlarms() -> [RuleTestFailure.Difference] {
        var left = actual.filter { $0.alarm.state == .active }
        var ended = actual.filter { $0.alarm.state == .cleared }
        var differences: [RuleTestFailure.Difference] = []
        // What fits wholly first, so that it is not taken by one that fits half.
        var open: [RuleTest.Expected] = []
        for it in expected {
            if it.values[.state] == AlarmState.cleared.rawValue {
                if !take(it, from: &ended) { open.append(it) }
            } else if !take(it, from: &left) {
                open.append(it)
            }
        }
        for it in open {
            let wantsEnded = it.values[.state] == AlarmState.cleared.rawValue
            let candidates = wantsEnded ? ended : left
            guard let best = candidates.indices.min(by: { wrong(it, candidates[$0]) < wrong(it, candidates[$1]) }),
                hasName(of: it, candidates[best])
            else {
                differences.append(.missing(text(it)))
                continue
            }
            differences += compare(it, candidates[best])
            if wantsEnded { ended.remove(at: best) } else { left.remove(at: best) }
        }
        return differences + left.map { .unexpected(text($0)) }
    }

    /// One after the other, as endpoints are told.
    func inOrder() -> [RuleTestFailure.Difference] {
        var differences: [RuleTestFailure.Difference] = []
        for index in 0..<max(expected.count, actual.count) {
            if index >= actual.count {
                differences.append(.missing(text(expected[index])))
            } else if index >= expected.count {
                differences.append(.unexpected(text(actual[index])))
            } else {
                differences += compare(expected[index], actual[index])
            }
        }
        return differences
    }

    private func take(_ it: RuleTest.Expected, from actual: inout [AlarmChange]) -> Bool {
        guard let index = actual.firstIndex(where: { wrong(it, $0) == 0 }) else { return false }
        actual.remove(at: index)
        return true
    }

    /// How far it is from what is expected; another name is further than any other value.
    private func wrong(_ it: RuleTest.Expected, _ change: AlarmChange) -> Int {
        it.values.count { $0.key.text(of: change) != $0.value }
            + (hasName(of: it, change) ? 0 : AlarmKey.allCases.count)
    }

    private func hasName(of it: RuleTest.Expected, _ change: AlarmChange) -> Bool {
        AlarmKey.names.allSatisfy { key in it.values[key].map { $0 == key.text(of: change) } ?? true }
    }

    private func compare(_ it: RuleTest.Expected, _ change: AlarmChange) -> [RuleTestFailure.Difference] {
        AlarmKey.allCases.compactMap { key in
            guard let wanted = it.values[key], wanted != key.text(of: change) else { return nil }
            return .value(
                of: name(change), key: key.rawValue, expected: times.shown(wanted, key),
                got: times.shown(key.text(of: change), key))
        }
    }

    // MARK: In words

    private func name(_ change: AlarmChange) -> String {
        [change.alarm.rule, change.alarm.device.id, change.alarm.component, change.alarm.metric].compactMap(\.self)
            .joined(separator: " ")
    }

    private func text(_ it: RuleTest.Expected) -> String {
        let said = AlarmKey.allCases.compactMap { key in
            it.values[key].map { "\(key.rawValue): \(times.shown($0, key))" }
        }
        return said.isEmpty ? "one, whatever it is" : said.joined(separator: ", ")
    }

    private func text(_ change: AlarmChange) -> String {
        let keys: [AlarmKey] = [.type, .rule, .device, .component, .metric, .state, .severity, .value, .raisedAt]
        return keys.compactMap { key in
            key.text(of: change).map { "\(key.rawValue): \(times.shown($0, key))" }
        }.joined(separator: ", ")
    }
}

/// Moments of a test in words.
struct Times {
    private let start: Timestamp

    init(_ test: RuleTest) { start = test.start }

    func shown(_ text: String?, _ key: AlarmKey) -> String {
        guard let text else { return "none" }
        guard key.isTime, let milliseconds = Int64(text) else { return text }
        return Self.offset(Timestamp(milliseconds: milliseconds) - start)
    }

    /// `1h30m`
    static func offset(_ milliseconds: Int64) -> String {
        var rest = milliseconds.magnitude
        var text = ""
        for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)]
            as [(String, UInt64)]
        where rest >= length {
            text += "\(rest / length)\(unit)"
            rest %= length
        }
        return (milliseconds < 0 ? "-" : "") + (text.isEmpty ? "0" : text)
    }
}
