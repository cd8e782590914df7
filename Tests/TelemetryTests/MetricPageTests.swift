import FireTelemetry
import Testing

@Suite struct MetricPageTests {
    @Test func familyIsWrittenOnceWithAllItsSeries() {
        let page = MetricPage()
        let urgent = Counter()
        let bulk = Counter()
        page.register("messages_received_total", "Messages received.", [("lane", "urgent")], urgent)
        page.register("messages_received_total", "Messages received.", [("lane", "bulk")], bulk)
        urgent.increment()
        bulk.add(41)
        #expect(
            page.render() == """
                # HELP firesense_messages_received_total Messages received.
                # TYPE firesense_messages_received_total counter
                firesense_messages_received_total{lane="urgent"} 1
                firesense_messages_received_total{lane="bulk"} 41

                """)
    }

    @Test func histogramIsCumulative() {
        let page = MetricPage()
        let histogram = Histogram(bounds: [0.1, 1])
        page.register("commit_seconds", "Commits.", [], histogram)
        for seconds in [0.05, 0.5, 0.5, 2] { histogram.observe(seconds) }
        let text = page.render()
        #expect(text.contains("firesense_commit_seconds_bucket{le=\"0.1\"} 1\n"))
        #expect(text.contains("firesense_commit_seconds_bucket{le=\"1\"} 3\n"))
        #expect(text.contains("firesense_commit_seconds_bucket{le=\"+Inf\"} 4\n"))
        #expect(text.contains("firesense_commit_seconds_sum 3.05\n"))
        #expect(text.contains("firesense_commit_seconds_count 4\n"))
    }

    @Test func labelValuesAreEscaped() {
        let page = MetricPage()
        page.collect("deliveries_pending", "Waiting.") { [(labels: [("endpoint", "a\"b\\c\nd")], value: 2.5)] }
        #expect(page.render().hasSuffix(#"firesense_deliveries_pending{endpoint="a\"b\\c\nd"} 2.5"# + "\n"))
    }

    @Test func countersOfManyThreadsAddUp() async {
        let counter = Counter()
        let highest = Gauge()
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for step in 0..<10_000 {
                        counter.increment()
                        highest.raise(to: Double(task * 10_000 + step))
                    }
                }
            }
        }
        #expect(counter.value == 80_000)
        #expect(highest.value == 79_999)
    }
}
