import FireModel

/// What a rule must remember of one series, or of one device or component, beside its alarm. Only rules that ask for
/// it have any.
struct Memory: Equatable, Sendable {
    enum Content: Equatable, Sendable {
        case last(Value)
        case window(SampleWindow)
        case flaps(FlapWindow)
        case baseline(Baseline)
        /// The last samples of `repeats`, the newest in the lowest bit.
        case repeats(UInt64)
        case tree(ConditionTree.Known)
        /// The condition of a coincidence holds here.
        case member(Bool)
        /// The condition holds while the rule's schedule has it off, with this value.
        case off(Value?)
    }

    /// What of the rule it belongs to.
    enum Slot {
        /// Of a tree the terms have 0 to 31.
        static let term: UInt8 = 0
        static let repeats: UInt8 = 32
        static let tree: UInt8 = 33
        static let member: UInt8 = 34
        static let off: UInt8 = 35
    }

    var rule: Int32
    var slot: UInt8
    /// Of the same place, -1: none.
    var next: Int32 = -1
    /// The place, as in `KeyState.series`.
    var place: Int32
    var content: Content
    /// Of the newest input: its time, and the counting clock then. For what time alone changes.
    var at: Int64 = 0
    var live: Int64 = 0
    /// The earliest expiry that is set, 0: none.
    var timerAt: Int64 = 0

    /// On the counting clock, when what it says changes although nothing comes.
    func expiry(_ term: CompiledTerm) -> Int64? {
        let oldest: Int64?
        switch (content, term.measure) {
        case (.flaps(let window), _): oldest = window.changes.first
        case (.window(let window), .statistic(.count, _)): oldest = window.kept.first?.at
        default: oldest = nil
        }
        return oldest.map { live + ($0 + term.window + 1 - at) }
    }
}

extension CompiledTerm {
    /// What is measured now that this value has come; `nil`: nothing to go by yet.
    func observe(_ value: Value, at: Int64, _ content: inout Memory.Content?) -> Value? {
        let oldest = at - window
        switch measure {
        case .value:
            guard test == .changed else { return value }
            defer { content = .last(value) }
            guard case .last(let last)? = content else { return nil }
            return .boolean(last != value)
        case .rise, .fall, .statistic:
            var samples = SampleWindow()
            if case .window(let known)? = content { samples = known }
            content = nil
            samples.add(SampleWindow.Sample(at: at, value: value.asMeasured), oldest: oldest, for: measure)
            content = .window(samples)
            return samples.value(measure).map { .number($0) }
        case .flaps:
            var flaps = FlapWindow(last: value)
            if case .flaps(let known)? = content { flaps = known }
            content = nil
            flaps.add(value, at: at, oldest: oldest)
            content = .flaps(flaps)
            return .number(Double(flaps.changes.count))
        case .deviation:
            var baseline = Baseline(firstAt: at)
            if case .baseline(let known)? = content { baseline = known }
            content = nil
            let deviation = baseline.observe(value.asMeasured, at: at, learned: window)
            content = .baseline(baseline)
            return deviation.map { .number($0) }
        }
    }

    /// What is measured when so much time has passed and nothing came.
    func passed(at: Int64, _ content: inout Memory.Content) -> Value? {
        switch content {
        case .flaps(var flaps):
            flaps.trim(oldest: at - window)
            content = .flaps(flaps)
            return .number(Double(flaps.changes.count))
        case .window(var samples):
            samples.trim(oldest: at - window)
            content = .window(samples)
            // An empty one has no mean, but it has a count.
            return .number(samples.value(measure) ?? 0)
        default: return nil
        }
    }

    /// - Parameter clear: of the same measure.
    func answer(_ measured: Value?, clear: Condition.Test?) -> Answer {
        guard let measured else { return .unknown }
        let holds = test == .changed ? measured == .boolean(true) : test.isFulfilled(by: measured)
        return Answer(holds: holds, clears: !holds && (clear?.isFulfilled(by: measured) ?? true))
    }
}

extension Value {
    /// Booleans count as 0 and 1; a text has only its being there.
    fileprivate var asMeasured: Double {
        switch self {
        case .number(let x): x
        case .boolean(let x): x ? 1 : 0
        case .text: 0
        }
    }
}
