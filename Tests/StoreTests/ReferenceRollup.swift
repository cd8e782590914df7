import FireModel

@testable import FireStore

/// What a step must come to, said the plain way.
extension Rollup {
    init(_ samples: some Sequence<Sample>) {
        self.init()
        for sample in samples { add(sample) }
    }

    /// `nil`: nothing there to answer with; texts have no mean.
    func value(_ function: ReadingQuery.Function) -> Value? {
        guard count > 0 else { return nil }
        return switch function {
        case .count: .number(Double(count))
        case .first: first.value
        case .last: last.value
        case .sum: numbers > 0 ? .number(sum.value) : nil
        case .avg: numbers > 0 ? .number(sum.value / Double(numbers)) : nil
        case .min: numbers > 0 ? .number(least) : nil
        case .max: numbers > 0 ? .number(most) : nil
        }
    }
}
