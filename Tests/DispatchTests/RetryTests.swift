import FireModel
import Testing

@testable import FireDispatch

@Suite struct RetryTests {
    let schedule = RetrySchedule()

    @Test func attemptsAreMadeAtTheTimesOfTheContract() {
        var at = Duration.zero
        var times = [at]
        for attempts in 1...14 {
            at += schedule.wait(after: attempts, isFire: false, retryAfter: nil, random: 0.5)
            times.append(at)
        }
        let seconds = times.map { Int(($0 / .seconds(1)).rounded()) }
        #expect(seconds == [0, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 5400, 9000, 12600])
    }

    @Test func jitterIsTenPerCentEitherWay() {
        func minutes(_ random: Double) -> Double {
            (schedule.wait(after: 20, isFire: false, retryAfter: nil, random: random) / .seconds(60)).rounded()
        }
        #expect(minutes(0) == 54)
        #expect(minutes(1) == 66)
    }

    @Test func fireNeverWaitsLongerThanAMinute() {
        for attempts in 1...200 {
            for random in [0.0, 0.5, 1] {
                let wait = schedule.wait(after: attempts, isFire: true, retryAfter: nil, random: random)
                #expect(wait <= .seconds(60))
                #expect(wait > .zero)
            }
        }
    }

    @Test func retryAfterIsObeyedUpToItsBound() {
        func wait(_ asked: Int, fire: Bool) -> Duration {
            schedule.wait(after: 1, isFire: fire, retryAfter: .seconds(asked), random: 0)
        }
        #expect(wait(30, fire: true) == .seconds(30))
        #expect(wait(300, fire: true) == .seconds(60))
        #expect(wait(300, fire: false) == .seconds(300))
        #expect(wait(86_400, fire: false) == .seconds(3600))
        // The schedule's own wait when that is longer.
        #expect(wait(0, fire: false) == .seconds(0.9))
    }

    @Test func scheduleRunsOutAfterThreeDaysOfHourlyAttempts() {
        let days = Duration.seconds(73 * 3600)
        #expect(!schedule.isExhausted(attempts: 83, age: days))
        #expect(schedule.isExhausted(attempts: 84, age: days))
        #expect(!schedule.isExhausted(attempts: 84, age: .seconds(3600)), "many early tries use up no days")
        #expect(!schedule.isExhausted(attempts: 3, age: days * 1000), "a clock that leaps ends nothing")
    }

    @Test(arguments: [
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    ])
    func dateFormsOfHTTPAreRead(text: String) {
        #expect(RetryAfter.time(text) == Timestamp(rfc3339: "1994-11-06T08:49:37Z"))
    }

    @Test func retryAfterIsReadInBothForms() {
        let now = Timestamp(milliseconds: 1_795_458_000_000)
        #expect(RetryAfter.wait("120", date: nil, now: now) == .seconds(120))
        #expect(RetryAfter.wait("Mon, 23 Nov 2026 18:20:30 GMT", date: nil, now: now) == .seconds(30))
        // By the receiver's own clock where it tells it.
        #expect(
            RetryAfter.wait(
                "Sun, 06 Nov 1994 08:49:37 GMT", date: "Sun, 06 Nov 1994 08:49:27 GMT", now: now) == .seconds(10))
        #expect(RetryAfter.wait("Sun, 06 Nov 1994 08:49:37 GMT", date: nil, now: now) == .zero)
        for text in ["", "soon", "-5", "1.5", "Mon, 32 Nov 2026 18:20:30 GMT"] {
            #expect(RetryAfter.wait(text, date: nil, now: now) == nil)
        }
        #expect(RetryAfter.wait("99999999999999999999999", date: nil, now: now) != nil)
    }
}
