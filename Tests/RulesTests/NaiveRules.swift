import FireModel

@testable import FireRules

/// What rules mean, said the slow way: all readings are kept, and each time every condition is asked anew over all of
/// them. Devices whose clocks are right, and a gateway that is never down.
struct NaiveRules {
    struct Sample {
        var at: Int64
        var value: Value
    }

    struct Key: Hashable {
        var rule: String
        var device: String
        var metric: String?
    }

    struct Episode: Hashable, Comparable, CustomStringConvertible {
        var key: Key
        var raised: Int64
        var cleared: Int64?
        var description: String {
            "\(key.rule) \(key.device) \(key.metric ?? "-") \(raised)…\(cleared.map(String.init) ?? "")"
        }
        static func < (a: Episode, b: Episode) -> Bool { a.description < b.description }
    }

    /// What a condition came to at a moment.
    private struct Moment {
        var at: Int64
        var holds: Bool
        var clears: Bool
    }

    var area = "320102"
    private(set) var history: [String: [String: [Sample]]] = [:]

    mutating func add(_ device: String, _ metric: String, _ value: Value, at: Int64) {
        history[device, default: [:]][metric, default: []].append(Sample(at: at, value: value))
    }

    // MARK: - Episodes

    /// - Parameter moments: at which time alone may change something, ascending.
    func episodes(of rule: RuleDefinition, until end: Int64, moments: [Int64]) -> [Episode] {
        switch rule.when {
        case .term(let term):
            guard case .metrics(let names) = term.subject else { return [] }
            return history.keys.sorted().flatMap { device in
                names.flatMap { metric -> [Episode] in
                    let times = (history[device]?[metric] ?? []).map(\.at)
                    let its = timeline(rule, times, isDriven(rule.when) ? moments : []) { at in
                        answer(term, device, metric, at, clear: rule.clear?.term?.test)
                    }
                    return episodes(rule, Key(rule: rule.id, device: device, metric: metric), its, end)
                }
            }
        case .all, .any, .not:
            return history.keys.sorted().flatMap { device -> [Episode] in
                let times = (history[device] ?? [:]).filter { metrics(rule.when).contains($0.key) }
                    .flatMap { $0.value.map(\.at) }.sorted()
                let its = timeline(rule, times, isDriven(rule.when) ? moments : []) { at in
                    guard let holds = truth(rule.when, device, at) else { return nil }
                    return (holds, !holds)
                }
                return episodes(rule, Key(rule: rule.id, device: device, metric: nil), its, end)
            }
        case .silent(let silence):
            guard case .duration(let limit) = silence else { return [] }
            return history.keys.sorted().flatMap { device -> [Episode] in
                let heard = (history[device] ?? [:]).values.flatMap { $0.map(\.at) }.sorted()
                let wait = limit.wholeMilliseconds
                let its = zip(heard, heard.dropFirst() + [Int64.max]).flatMap { at, next -> [Moment] in
                    let heard = Moment(at: at, holds: false, clears: true)
                    guard next >= at + wait else { return [heard] }
                    return [heard, Moment(at: at + wait, holds: true, clears: false)]
                }
                return episodes(rule, Key(rule: rule.id, device: device, metric: nil), its, end)
            }
        case .coincidence(let it):
            var isOn = false
            let times = (moments + history.values.flatMap { $0.values.flatMap { $0.map(\.at) } }).sorted()
            let its = timeline(rule, [], Array(Set(times)).sorted()) { at in
                let spans = history.keys.map { device in span(of: it.of, device, until: at) }
                let recent = spans.count { $0.begun.map { $0 >= at - it.within.wholeMilliseconds } ?? false }
                let holding = spans.count { $0.isHolding }
                isOn = recent >= it.devices || (isOn && holding >= it.devices)
                return (isOn, !isOn)
            }
            return episodes(rule, Key(rule: rule.id, device: area, metric: nil), its, end)
        }
    }

    /// Samples count for `repeats`; at other moments only time may have changed something.
    private func timeline(
        _ rule: RuleDefinition, _ samples: [Int64], _ ticks: [Int64], _ ask: (Int64) -> (Bool, Bool)?
    ) -> [Moment] {
        var lasts: [Bool] = []
        var known: (Bool, Bool)?
        let sampled = Set(samples)
        let moments = Set(ticks)
        let boundaries = rule.schedule == nil ? [] : moments.isEmpty ? minutes(samples) : []
        func gated(_ at: Int64, _ holds: Bool, _ clears: Bool) -> Moment {
            guard let schedule = rule.schedule else { return Moment(at: at, holds: holds, clears: clears) }
            let minute = Int((at / 60_000 + 8 * 60) % 1440)
            let day = Int((at + 8 * 3_600_000) / 86_400_000)
            let isOn = schedule.active.contains { $0.contains(day: day, minute: minute) }
            return Moment(at: at, holds: holds && isOn, clears: clears)
        }
        return Array(sampled.union(moments).union(boundaries)).sorted().flatMap { at -> [Moment] in
            let isSample = sampled.contains(at)
            var its: [Moment] = []
            // The clock strikes before the reading of the same moment comes.
            if boundaries.contains(at), let (holds, clears) = known { its.append(gated(at, holds, clears)) }
            guard isSample || moments.contains(at) else { return its }
            known = ask(at) ?? (isSample ? (false, false) : known)
            guard var (holds, clears) = known else { return its }
            if let repeats = rule.repeats, isSample {
                lasts.append(holds)
                holds = lasts.suffix(repeats.of).count { $0 } >= repeats.count
                clears = clears && !holds
            }
            return its + [gated(at, holds, clears)]
        }
    }

    private func minutes(_ samples: [Int64]) -> [Int64] {
        guard let first = samples.first, let last = samples.last else { return [] }
        return stride(from: (first / 60_000 + 1) * 60_000, through: last + 3_600_000, by: 60_000).map { $0 }
    }

    private func episodes(_ rule: RuleDefinition, _ key: Key, _ moments: [Moment], _ end: Int64) -> [Episode] {
        let holdFor = rule.holdFor.wholeMilliseconds
        let clearFor = rule.clearFor.wholeMilliseconds
        var found: [Episode] = []
        var since: Int64?
        var ending: Int64?
        var isActive = false
        func pass(to at: Int64) {
            if !isActive, let start = since, at - start >= holdFor {
                found.append(Episode(key: key, raised: start + holdFor))
                (isActive, since) = (true, nil)
            } else if isActive, let start = ending, at - start >= clearFor {
                found[found.count - 1].cleared = start + clearFor
                (isActive, ending) = (false, nil)
            }
        }
        for moment in moments where moment.at <= end {
            pass(to: moment.at)
            if isActive {
                ending = moment.clears ? ending ?? moment.at : nil
            } else {
                since = moment.holds ? since ?? moment.at : nil
            }
            pass(to: moment.at)
        }
        pass(to: end)
        return found
    }

    // MARK: - Conditions

    /// Whether time alone changes it.
    private func isDriven(_ condition: Condition) -> Bool {
        switch condition {
        case .term(let term):
            switch term.measure {
            case .flaps, .statistic(.count, _): true
            default: false
            }
        case .all(let parts), .any(let parts): parts.contains(where: isDriven)
        case .not(let part): isDriven(part)
        case .silent, .coincidence: true
        }
    }

    private func metrics(_ condition: Condition) -> Set<String> {
        switch condition {
        case .term(let term):
            guard case .metrics(let names) = term.subject else { return [] }
            return Set(names)
        case .all(let parts), .any(let parts): return parts.reduce(into: []) { $0.formUnion(metrics($1)) }
        case .not(let part): return metrics(part)
        case .silent, .coincidence: return []
        }
    }

    /// `nil`: nothing was said yet.
    private func truth(_ condition: Condition, _ device: String, _ at: Int64) -> Bool? {
        switch condition {
        case .term(let term):
            guard case .metrics(let names) = term.subject else { return nil }
            let all = names.map { answer(term, device, $0, at, clear: nil)?.0 }
            return all.contains(true) ? true : all.contains(nil) ? nil : false
        case .all(let parts):
            let all = parts.map { truth($0, device, at) }
            return all.contains(false) ? false : all.contains(nil) ? nil : true
        case .any(let parts):
            let all = parts.map { truth($0, device, at) }
            return all.contains(true) ? true : all.contains(nil) ? nil : false
        case .not(let part): return truth(part, device, at).map { !$0 }
        case .silent, .coincidence: return nil
        }
    }

    /// When it last began on a device, and whether it goes on.
    private func span(of condition: Condition, _ device: String, until end: Int64) -> (begun: Int64?, isHolding: Bool) {
        let times = (history[device] ?? [:]).values.flatMap { $0.map(\.at) }.filter { $0 <= end }
        var begun: Int64?
        var isHolding = false
        for at in Array(Set(times)).sorted() {
            let holds = truth(condition, device, at) ?? false
            if holds, !isHolding { begun = at }
            isHolding = holds
        }
        return (begun, isHolding)
    }

    private func answer(
        _ term: Condition.Term, _ device: String, _ metric: String, _ at: Int64, clear: Condition.Test?
    ) -> (Bool, Bool)? {
        let all = (history[device]?[metric] ?? []).filter { $0.at <= at }
        guard let newest = all.last else { return nil }
        let window = term.measure.window.wholeMilliseconds
        let isDriven = isDriven(.term(term))
        // What time does not change is as it was with the newest reading.
        let reference = isDriven ? at : newest.at
        let inside = all.filter { $0.at >= reference - window }
        let numbers = inside.map { sample -> Double in
            switch sample.value {
            case .number(let x): x
            case .boolean(let x): x ? 1 : 0
            case .text: 0
            }
        }
        let measured: Value?
        switch term.measure {
        case .value:
            if term.test == .changed {
                guard all.count > 1 else { return (false, false) }
                let holds = all[all.count - 2].value != newest.value
                return (holds, !holds)
            }
            measured = newest.value
        case .rise: measured = numbers.min().flatMap { least in numbers.last.map { .number($0 - least) } }
        case .fall: measured = numbers.max().flatMap { most in numbers.last.map { .number(most - $0) } }
        case .statistic(let statistic, _):
            let sum = numbers.reduce(0, +)
            measured =
                switch statistic {
                case .avg: .number(sum / Double(numbers.count))
                case .sum: .number(sum)
                case .min: numbers.min().map { .number($0) }
                case .max: numbers.max().map { .number($0) }
                case .count: .number(Double(numbers.count))
                }
        case .flaps:
            let changes = zip(all, all.dropFirst()).filter { $0.value != $1.value }.map(\.1.at)
            measured = .number(Double(changes.count { $0 >= reference - window }))
        case .deviation:
            var baseline = Baseline(firstAt: all[0].at)
            var last: Double?
            for sample in all {
                guard case .number(let x) = sample.value else { continue }
                last = baseline.observe(x, at: sample.at, learned: window)
            }
            measured = last.map { .number($0) }
        }
        guard let measured else { return (false, false) }
        let holds = term.test.isFulfilled(by: measured)
        return (holds, !holds && (clear?.isFulfilled(by: measured) ?? true))
    }
}
