import FireModel
import Testing

@testable import FireIntake

private func settings(_ change: (inout IntakeSettings) -> Void = { _ in }) -> IntakeSettings {
    var settings = IntakeSettings(
        clientID: "c", gatewayID: "g", urgentKinds: ["smoke", "panel"], otherKinds: ["hydrant", "charger"])
    change(&settings)
    return settings
}

/// MQTT 5, section 4.7, written down a second time.
private func matches(_ filter: String, _ topic: String) -> Bool {
    let filter = filter.split(separator: "/", omittingEmptySubsequences: false)
    let topic = topic.split(separator: "/", omittingEmptySubsequences: false)
    for (index, level) in filter.enumerated() {
        if level == "#" { return true }
        guard index < topic.count, level == "+" || level == topic[index] else { return false }
    }
    return filter.count == topic.count
}

private func isCarried(_ subscriptions: Subscriptions, _ topic: String) -> Bool {
    Array(topic.utf8).withUnsafeBytes { subscriptions.isCarriedByUrgent($0) }
}

@Suite struct SubscriptionsTests {
    private let topics = ["320102", "320104", "x"].flatMap { area in
        ["smoke", "panel", "hydrant", "charger", "gateway", "newfangled"].flatMap { kind in
            ["telemetry", "event", "status", "raw", "other"].map { "fire/v1/\(area)/\(kind)/dev-1/\($0)" }
        }
    }

    @Test func urgentTakesEventsAndRawOfAllAndStatesOfUrgentKinds() {
        #expect(
            Set(Subscriptions(settings()).filters(.urgent)) == [
                "fire/v1/+/+/+/event", "fire/v1/+/+/+/raw", "fire/v1/+/smoke/+/telemetry", "fire/v1/+/smoke/+/status",
                "fire/v1/+/panel/+/telemetry", "fire/v1/+/panel/+/status",
            ])
    }

    @Test func bulkTakesTheOtherKindsOneByOneWithoutCatchAll() {
        let subscriptions = Subscriptions(settings { $0.catchAll = false })
        #expect(
            Set(subscriptions.filters(.bulk)) == [
                "fire/v1/+/hydrant/+/telemetry", "fire/v1/+/hydrant/+/status", "fire/v1/+/charger/+/telemetry",
                "fire/v1/+/charger/+/status",
            ])
    }

    @Test func areasNarrowBothLanes() {
        let subscriptions = Subscriptions(settings { $0.areas = ["320102", "320104"] })
        #expect(subscriptions.filters(.urgent).count == 12)
        #expect(subscriptions.filters(.urgent).contains("fire/v1/320104/+/+/event"))
        #expect(subscriptions.filters(.bulk) == ["fire/v1/320102/#", "fire/v1/320104/#"])
    }

    @Test(arguments: [[], ["320102"], ["320102", "320104", "320102"]], [true, false])
    func filtersOfOneSessionNeverOverlap(areas: [String], catchAll: Bool) {
        let subscriptions = Subscriptions(
            settings {
                $0.areas = areas
                $0.catchAll = catchAll
                $0.urgentKinds = ["smoke", "panel", "smoke"]
                $0.otherKinds = ["hydrant", "charger", "smoke"]
                $0.extraTopics = ["city/+/legacy", "city/#", "city/7/legacy"]
            })
        for lane in Lane.allCases {
            for topic in topics + ["city/7/legacy", "city"] {
                let count = subscriptions.filters(lane).count { matches($0, topic) }
                #expect(count <= 1, "\(topic) on \(lane)")
            }
        }
    }

    @Test func aWiderExtraTopicReplacesWhatItCovers() {
        #expect(Subscriptions(settings { $0.extraTopics = ["#"] }).filters(.bulk) == ["#"])
        #expect(
            Subscriptions(settings { $0.extraTopics = ["a/+", "a/b", "a/b/c"] }).filters(.bulk)
                == ["fire/v1/#", "a/+", "a/b/c"])
    }

    /// What bulk lets go is exactly what a filter of the urgent session matches: no message is lost between
    /// the two and none is handled twice.
    @Test(arguments: [[], ["320102"], ["320102", "320104"]])
    func bulkLetsGoOfExactlyWhatUrgentCarries(areas: [String]) {
        let subscriptions = Subscriptions(settings { $0.areas = areas })
        let urgent = subscriptions.filters(.urgent)
        let odd = [
            "", "fire", "fire/v1/", "fire/v1/a/smoke/d", "fire/v1/a/smoke/d/event/more", "fire/v1////event",
            "fire/v1/320102/smoke/d/telemetryx", "fire/v2/320102/smoke/d/event", "Fire/v1/320102/smoke/d/event",
            "fire/v1/320102/smok/d/telemetry", "fire/v1/320102/smokes/d/telemetry",
        ]
        for topic in topics + odd {
            #expect(isCarried(subscriptions, topic) == urgent.contains { matches($0, topic) }, "\(topic)")
        }
    }

    @Test(arguments: [
        ("fire/v1/a/hydrant/d/event", true), ("fire/v1/a/panel/d/raw", true), ("fire/v1/a/smoke/d/telemetry", false),
        ("fire/v1/a/smoke/d/status", false), ("event", false), ("x/event", true), ("", false),
    ])
    func eventsAndRawNeverWait(topic: String, isImmediate: Bool) {
        #expect(Array(topic.utf8).withUnsafeBytes { Subscriptions.isImmediate($0) } == isImmediate)
    }
}
