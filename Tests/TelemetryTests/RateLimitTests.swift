import FireTelemetry
import Testing

@Suite struct RateLimitTests {
    @Test func oneLinePerIntervalThatTellsWhatWasHeldBack() {
        let limit = RateLimit(every: .seconds(10))
        let start = ContinuousClock.now
        #expect(limit.pass(now: start) == 0)
        #expect(limit.pass(now: start + .seconds(1)) == nil)
        #expect(limit.pass(now: start + .milliseconds(9_999)) == nil)
        #expect(limit.pass(now: start + .seconds(10)) == 2)
        #expect(limit.pass(now: start + .seconds(20)) == 0)
    }
}
