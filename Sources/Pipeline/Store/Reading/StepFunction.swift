import FireModel

/// One value per step of time: steps begin at multiples of their length since 1970, empty ones are left out.
///
/// `count` counts values of any type, `last` takes the newest; `avg`, `min` and `max` go over numbers, with
/// booleans as 0 and 1, and leave out a step that has neither.
struct StepFunction {
    private let function: ReadingQuery.Function
    private let step: Int64
    private var start: Int64?
    private var count = 0
    private var numbers = 0
    private var sum = 0.0
    private var least = Double.infinity
    private var most = -Double.infinity
    private var last: Value?
    private(set) var points: [Point] = []

    init(_ function: ReadingQuery.Function, step: Int64) {
        self.function = function
        self.step = step
    }

    /// Values come in order of time.
    mutating func add(_ at: Timestamp, _ value: Value) {
        let remainder = at.milliseconds % step
        let own = at.milliseconds - (remainder < 0 ? remainder + step : remainder)
        if own != start { finish() }
        start = own
        count += 1
        last = value
        guard let number = value.asNumber else { return }
        numbers += 1
        sum += number
        least = min(least, number)
        most = max(most, number)
    }

    /// The step in hand is complete.
    mutating func finish() {
        defer { self = StepFunction(function, step: step, points: points) }
        guard let start, let value else { return }
        points.append(Point(at: Timestamp(start), value: value))
    }

    private init(_ function: ReadingQuery.Function, step: Int64, points: [Point]) {
        self.init(function, step: step)
        self.points = points
    }

    private var value: Value? {
        switch function {
        case .count: .number(Double(count))
        case .last: last
        case .avg: numbers > 0 ? .number(sum / Double(numbers)) : nil
        case .min: numbers > 0 ? .number(least) : nil
        case .max: numbers > 0 ? .number(most) : nil
        }
    }
}

extension Value {
    fileprivate var asNumber: Double? {
        switch self {
        case .number(let x): x
        case .boolean(let x): x ? 1 : 0
        case .text: nil
        }
    }
}
