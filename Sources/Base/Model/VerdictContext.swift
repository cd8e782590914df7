/// What the device said around an alarm that somebody judged: kept beside the verdict, so that it is there when the
/// readings are past their time, for people and for rules that are to do better.
public struct VerdictContext: Sendable, Equatable {
    public struct Series: Sendable, Equatable {
        /// `nil`: the device itself.
        public var component: String?
        public var metric: String
        /// Oldest first.
        public var points: [Point]
        public init(component: String?, metric: String, points: [Point]) {
            self.component = component
            self.metric = metric
            self.points = points
        }
    }

    public var alarm: String
    public var series: [Series]

    public init(alarm: String, series: [Series]) {
        self.alarm = alarm
        self.series = series
    }

    /// From the raise.
    public static let before = Duration.seconds(600)
    public static let after = Duration.seconds(120)
    /// Points of one metric; those nearest to the raise.
    public static let mostPoints = 200

    public var pointCount: Int { series.reduce(0) { $0 + $1.points.count } }
}

extension VerdictContext {
    /// As `context` of an alarm: per series its points as `[ms, value]`.
    public static func writeJSON(_ series: [Series], to json: inout JSONWriter) {
        json.array { json in
            for its in series {
                json.object { json in
                    json.field("component", its.component)
                    json.field("metric", its.metric)
                    json.key("points")
                    json.array { json in
                        for point in its.points {
                            json.array { json in
                                json.int(point.at.milliseconds)
                                json.value(point.value)
                            }
                        }
                    }
                }
            }
        }
    }
}

extension VerdictContext.Series: Decodable {
    private enum Key: String, CodingKey { case component, metric, points }

    public init(from decoder: any Decoder) throws {
        let it = try decoder.container(keyedBy: Key.self)
        component = try it.decodeIfPresent(String.self, forKey: .component)
        metric = try it.decode(String.self, forKey: .metric)
        var list = try it.nestedUnkeyedContainer(forKey: .points)
        points = []
        while !list.isAtEnd {
            var pair = try list.nestedUnkeyedContainer()
            let at = try pair.decode(Int64.self)
            points.append(Point(at: Timestamp(milliseconds: at), value: try pair.decode(Value.self)))
        }
    }
}
