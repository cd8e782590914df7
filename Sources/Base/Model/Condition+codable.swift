extension Condition: Codable {
    /// The words of a rules file; lists where it allows a single name.
    private enum CodingKeys: String, CodingKey {
        case metrics, events
        case above, below
        case atLeast = "at_least"
        case atMost = "at_most"
        case between, outside, equals
        case oneOf = "one_of"
        case reported
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if container.contains(.events) {
            subject = .events(try container.decode([String].self, forKey: .events))
        } else {
            subject = .metrics(try container.decode([String].self, forKey: .metrics))
        }
        test = try Self.test(container)
    }

    private static func test(_ container: KeyedDecodingContainer<CodingKeys>) throws -> Test {
        for key in container.allKeys {
            switch key {
            case .metrics, .events: continue
            case .above: return .above(try container.decode(Double.self, forKey: key))
            case .below: return .below(try container.decode(Double.self, forKey: key))
            case .atLeast: return .atLeast(try container.decode(Double.self, forKey: key))
            case .atMost: return .atMost(try container.decode(Double.self, forKey: key))
            case .between: return .between(try container.decode(ClosedRange<Double>.self, forKey: key))
            case .outside: return .outside(try container.decode(ClosedRange<Double>.self, forKey: key))
            case .equals: return .equals(try container.decode(Value.self, forKey: key))
            case .oneOf: return .oneOf(try container.decode([Value].self, forKey: key))
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
        switch test {
        case .above(let limit): try container.encode(limit, forKey: .above)
        case .below(let limit): try container.encode(limit, forKey: .below)
        case .atLeast(let limit): try container.encode(limit, forKey: .atLeast)
        case .atMost(let limit): try container.encode(limit, forKey: .atMost)
        case .between(let range): try container.encode(range, forKey: .between)
        case .outside(let range): try container.encode(range, forKey: .outside)
        case .equals(let value): try container.encode(value, forKey: .equals)
        case .oneOf(let values): try container.encode(values, forKey: .oneOf)
        case .reported: try container.encode(true, forKey: .reported)
        }
    }
}
