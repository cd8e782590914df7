import FireTelemetry

/// What normalising counts. Everything that is dropped on the way has its number here.
public struct NormaliseCounters: Sendable {
    public let nullValues = Counter()
    public let sequenceGaps = Counter()
    public let sequenceRestarts = Counter()
    public let unknownMetrics = Counter()
    public let implausibleValues = Counter()
    public let ownTopics = Counter()
    public let retainedRepeats = Counter()

    public init() {}

    public func register(on page: MetricPage) {
        page.register("null_values_total", "Metrics reported as null: no value now.", [], nullValues)
        page.register("sequence_gaps_total", "Messages missing by the devices' own counters.", [], sequenceGaps)
        page.register("sequence_restarts_total", "Devices' own counters that ran backwards.", [], sequenceRestarts)
        page.register(
            "unknown_metrics_total", "Series of metrics that the catalogue does not know.", [], unknownMetrics)
        page.register(
            "implausible_values_total", "Values outside the plausible range of their metric.", [], implausibleValues)
        page.register("own_topics_total", "Messages on topics the daemon itself publishes to.", [], ownTopics)
        page.register("retained_repeats_total", "Retained messages that equal the one before.", [], retainedRepeats)
    }
}
