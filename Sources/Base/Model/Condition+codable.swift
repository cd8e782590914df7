extension Condition: Codable {
    /// The words of a rules file; lists where it allows a single name.
    private enum CodingKeys: String, CodingKey {
        case all, any, not, coincidence, silent
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self =
            switch container.allKeys.first {
            case .all: .all(try container.decode([Condition].self, forKey: .all))
            case .any: .any(try container.decode([Condition].self, forKey: .any))
            case .not: .not(try container.decode(Condition.self, forKey: .not))
            case .coincidence: .coincidence(try container.decode(Coincidence.self, forKey: .coincidence))
            case .silent: .silent(try container.decode(Silence.self, forKey: .silent))
            case nil: .term(try Term(from: decoder))
            }
    }

    public func encode(to encoder: any Encoder) throws {
        if case .term(let term) = self { return try term.encode(to: encoder) }
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .term: break
        case .all(let parts): try container.encode(parts, forKey: .all)
        case .any(let parts): try container.encode(parts, forKey: .any)
        case .not(let part): try container.encode(part, forKey: .not)
        case .coincidence(let it): try container.encode(it, forKey: .coincidence)
        case .silent(let it): try container.encode(it, forKey: .silent)
        }
    }
}

extension Condition.Term: Codable {
    private enum CodingKeys: String, CodingKey {
        case metrics, events
        case fn, over
        case above, below
        case atLeast = "at_least"
        case atMost = "at_most"
        case between, outside, equals
        case oneOf = "one_of"
        case changed, reported
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if container.contains(.events) {
            subject = .events(try container.decode([String].self, forKey: .events))
        } else {
            subject = .metrics(try container.decode([String].self, forKey: .metrics))
        }
        measure = try Self.measure(container)
        test = try Self.test(container)
    }

    private static func measure(_ container: KeyedDecodingContainer<CodingKeys>) throws -> Condition.Measure {
        guard container.contains(.fn) else { return .value }
        let name = try container.decode(String.self, forKey: .fn)
        let over = try container.decode(Duration.self, forKey: .over)
        guard let measure = Condition.Measure(name: name, over: over) else {
            throw DecodingError.dataCorruptedError(
                forKey: .fn, in: container, debugDescription: "no function '\(name)'")
        }
        return measure
    }

    private static func test(_ container: KeyedDecodingContainer<CodingKeys>) throws -> Condition.Test {
        for key in container.allKeys {
            switch key {
            case .metrics, .events, .fn, .over: continue
            case .above: return .above(try container.decode(Double.self, forKey: key))
            case .below: return .below(try container.decode(Double.self, forKey: key))
            case .atLeast: return .atLeast(try container.decode(Double.self, forKey: key))
            case .atMost: return .atMost(try container.decode(Double.self, forKey: key))
            case .between: return .between(try container.decode(ClosedRange<Double>.self, forKey: key))
            case .outside: return .outside(try container.decode(ClosedRange<Double>.self, forKey: key))
            case .equals: return .equals(try container.decode(Value.self, forKey: key))
            case .oneOf: return .oneOf(try container.decode([Value].self, forKey: key))
            case .changed: return .changed
            case .reported: return .reported
            }
        }
        throw DecodingError.dataCorrupted(
            DecodingError.Context(codingPath: container.codingPath, debugDescription: "a condition without a test"))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch subject {
        case .metrics(let names): try container.encode(names, forKey: .metrics)
        case .events(let names): try container.encode(names, forKey: .events)
        }
        if let name = measure.name {
            try container.encode(name, forKey: .fn)
            try container.encode(measure.window, forKey: .over)
        }
        switch test {
        case .above(let limit): try container.encode(limit, forKey: .above)
        case .below(let limit): try container.encode(limit, forKey: .below)
        case .atLeast(let limit): try container.encode(limit, forKey: .atLeast)
        case .atMost(let limit): try container.encode(limit, forKey: .atMost)
        case .between(let range): try container.encode(range, forKey: .between)
        case .outside(let range): try container.encode(range, forKey: .outside)
        case .equals(let value): try container.encode(value, forKey: .equals)
        case .oneOf(let values): try container.encode(values, forKey: .oneOf)
        case .changed: try container.encode(true, forKey: .changed)
        case .reported: try container.encode(true, forKey: .reported)
        }
    }
}

extension Condition.Measure {
    /// As `fn` in a rules file; `nil`: the value itself, which needs no word.
    public var name: String? {
        switch self {
        case .value: nil
        case .rise: "rise"
        case .fall: "fall"
        case .statistic(let statistic, _): statistic.rawValue
        case .flaps: "flaps"
        case .deviation: "deviation"
        }
    }

    /// As `over` in a rules file; of a deviation `learned`.
    public var window: Duration {
        switch self {
        case .value: .zero
        case .rise(let over), .fall(let over), .statistic(_, let over), .flaps(let over): over
        case .deviation(let learned): learned
        }
    }

    public init?(name: String, over: Duration) {
        switch name {
        case "rise": self = .rise(over: over)
        case "fall": self = .fall(over: over)
        case "flaps": self = .flaps(over: over)
        case "deviation": self = .deviation(learned: over)
        default:
            guard let statistic = Condition.Statistic(rawValue: name) else { return nil }
            self = .statistic(statistic, over: over)
        }
    }

    /// The words of `fn`.
    public static let names = ["rise", "fall"] + Condition.Statistic.allCases.map(\.rawValue) + ["flaps", "deviation"]
}
