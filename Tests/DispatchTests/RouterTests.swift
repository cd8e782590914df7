import FireModel
import Testing

@testable import FireDispatch

@Suite struct RouterTests {
    let now = Timestamp(milliseconds: 1_795_458_001_000)

    private func router(_ endpoints: Endpoint..., matched: [String: Set<String>] = [:]) -> Router {
        Router(gatewayID: "gw-1", endpoints: endpoints, matched: matched)
    }

    private func endpoint(_ name: String = "duty-room", _ change: (inout Endpoint) -> Void = { _ in }) -> Endpoint {
        var endpoint = Endpoint(name: name, url: "http://127.0.0.1/")
        change(&endpoint)
        return endpoint
    }

    @Test func emptyListsMatchEverything() {
        var router = router(endpoint())
        let deliveries = router.deliveries(for: makeChange(makeAlarm()), now: now)
        #expect(deliveries.count == 1)
        #expect(deliveries[0].type == "firesense.alarm.raised")
        #expect(deliveries[0].device == "hydrant-000007")
        #expect(deliveries[0].snapshot == makeAlarm().json)
        #expect(deliveries[0].receivedAt == makeAlarm().receivedAt)
        #expect(deliveries[0].isActive)
        #expect(!deliveries[0].isFire)
    }

    @Test func listsAndEachOther() {
        let one = endpoint {
            $0.select.categories = [.water, .gas]
            $0.select.severities = [.critical]
        }
        var router = router(one)
        #expect(router.deliveries(for: makeChange(makeAlarm(severity: .major)), now: now).isEmpty)
        #expect(router.deliveries(for: makeChange(makeAlarm("b", severity: .critical)), now: now).count == 1)
        #expect(
            router.deliveries(for: makeChange(makeAlarm("c", category: .fault, severity: .critical)), now: now).isEmpty)
    }

    @Test func fireGoesEverywhereUnlessExcluded() {
        let narrow = endpoint("narrow") { $0.select.areas = ["999999"] }
        let none = endpoint("none") { $0.excludeFire = true }
        var router = router(narrow, none)
        let deliveries = router.deliveries(for: makeChange(makeAlarm(category: .fire, severity: .critical)), now: now)
        #expect(deliveries.map(\.endpoint) == ["narrow"])
        #expect(deliveries.allSatisfy { $0.isFire })
    }

    @Test func alarmThatMatchesLaterIsFirstSentAsRaised() {
        var router = router(endpoint { $0.select.severities = [.critical] })
        #expect(router.deliveries(for: makeChange(makeAlarm(severity: .major)), now: now).isEmpty)
        let escalated = router.deliveries(for: makeChange(makeAlarm(severity: .critical), .escalated, at: 5), now: now)
        #expect(escalated.map(\.type) == ["firesense.alarm.raised"])
        let updated = router.deliveries(for: makeChange(makeAlarm(severity: .critical), .updated, at: 6), now: now)
        #expect(updated.map(\.type) == ["firesense.alarm.updated"])
    }

    @Test func onceMatchedAllItsChangesAreSent() {
        var router = router(endpoint { $0.select.severities = [.critical] })
        _ = router.deliveries(for: makeChange(makeAlarm(severity: .critical)), now: now)
        let cleared = router.deliveries(for: makeChange(makeAlarm(severity: .minor), .cleared, at: 9), now: now)
        #expect(cleared.map(\.type) == ["firesense.alarm.cleared"])
        #expect(!cleared[0].isActive)
        var verdict = makeAlarm(severity: .minor)
        verdict.state = .cleared
        #expect(
            router.deliveries(for: makeChange(verdict, .verdict, at: 10), now: now).map(\.type) == [
                "firesense.alarm.verdict"
            ])
    }

    @Test func endOfAnAlarmNeverToldIsToldAfterItsRaise() {
        var router = router(endpoint())
        let deliveries = router.deliveries(for: makeChange(makeAlarm(), .cleared, at: 3), now: now)
        #expect(deliveries.map(\.type) == ["firesense.alarm.raised", "firesense.alarm.cleared"])
        #expect(Set(deliveries.map(\.id)).count == 2)
    }

    @Test func verdictOnWhatIsOverRaisesNothing() {
        var router = router(endpoint())
        var alarm = makeAlarm()
        alarm.state = .cleared
        #expect(
            router.deliveries(for: makeChange(alarm, .verdict), now: now).map(\.type) == ["firesense.alarm.verdict"])
    }

    @Test func occurrencesAreNotPushed() {
        var router = router(endpoint())
        #expect(router.deliveries(for: makeChange(makeAlarm(), .occurrence), now: now).isEmpty)
    }

    @Test(arguments: ["webhook-failing", "webhook-gone", "delivery-dead"])
    func troubleOfAnEndpointIsNotSentToIt(rule: String) {
        var router = router(endpoint("a"), endpoint("b"))
        let alarm = makeAlarm(category: .system, rule: rule, component: "a", kind: "gateway")
        #expect(router.deliveries(for: makeChange(alarm), now: now).map(\.endpoint) == ["b"])
    }

    @Test func matchesOfTheOutboxAreTakenUp() {
        let one = endpoint { $0.select.severities = [.critical] }
        var router = router(one, matched: ["x": ["duty-room"]])
        #expect(
            router.deliveries(for: makeChange(makeAlarm("x", severity: .info), .updated), now: now).map(\.type) == [
                "firesense.alarm.updated"
            ])
    }

    @Test func newNameGetsOnlyLaterChangesAndARemovedOneIsForgotten() {
        var router = router(endpoint("a"))
        _ = router.deliveries(for: makeChange(makeAlarm()), now: now)
        router.adopt(endpoints: [endpoint("b")])
        #expect(router.deliveries(for: makeChange(makeAlarm(), .updated, at: 1), now: now).map(\.endpoint) == ["b"])
        router.adopt(endpoints: [endpoint("a"), endpoint("b")])
        let types = router.deliveries(for: makeChange(makeAlarm(), .updated, at: 2), now: now).map {
            "\($0.endpoint) \($0.type)"
        }
        #expect(types == ["a firesense.alarm.raised", "b firesense.alarm.updated"])
    }

    @Test func clearedAlarmsAreRememberedUpToABound() {
        var router = router(endpoint { $0.select.severities = [.critical] })
        for number in 0...Router.rememberedCleared {
            let alarm = makeAlarm("\(number)", severity: .critical)
            _ = router.deliveries(for: makeChange(alarm), now: now)
            _ = router.deliveries(for: makeChange(alarm, .cleared, at: 1), now: now)
        }
        func verdict(on id: String) -> Int {
            var alarm = makeAlarm(id, severity: .info)
            alarm.state = .cleared
            return router.deliveries(for: makeChange(alarm, .verdict, at: 2), now: now).count
        }
        #expect(verdict(on: "0") == 0)
        #expect(verdict(on: "1") == 1)
        #expect(verdict(on: "\(Router.rememberedCleared)") == 1)
    }

    @Test func idIsTheSameForTheSameChangeAndAnotherForAnother() {
        func id(
            _ alarm: String = "a", _ type: String = "t", _ at: Int64 = 1, _ cause: String = "c",
            _ endpoint: String = "e"
        ) -> String {
            WebhookID.id(alarm: alarm, type: type, at: Timestamp(milliseconds: at), cause: cause, endpoint: endpoint)
        }
        #expect(id() == id())
        let all = [
            id(), id("b"), id("a", "u"), id("a", "t", 2), id("a", "t", 1, "d"), id("a", "t", 1, "c", "f"), id("at", ""),
        ]
        #expect(Set(all).count == all.count)
        for id in all {
            #expect(id.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
        }
    }
}

/// What is held back (contract 5, silences), and who is told beside those that match.
@Suite struct HeldBackRouterTests {
    private let now = Timestamp(milliseconds: 1_795_458_001_000)

    private func router(_ endpoints: String..., areas: [String] = []) -> Router {
        Router(
            gatewayID: "gw-1",
            endpoints: endpoints.map {
                var endpoint = Endpoint(name: $0, url: "http://127.0.0.1/")
                if $0 == "chief" { endpoint.select.categories = [.gas] }
                return endpoint
            }, matched: [:])
    }

    private func types(_ router: inout Router, _ kind: AlarmChange.Kind, _ alarm: Alarm) -> [String] {
        router.deliveries(for: makeChange(alarm, kind, at: Int64(alarm.revision)), now: now).map {
            String($0.type.dropFirst("firesense.alarm.".count))
        }
    }

    @Test func whoWasNotToldIsToldAtTheEnd() {
        var router = router("duty-room")
        var alarm = makeAlarm()
        alarm.suppressed = ["shelved"]
        for kind in [AlarmChange.Kind.raised, .updated, .acknowledged, .verdict, .escalated] {
            #expect(types(&router, kind, alarm) == [], "\(kind)")
        }
        alarm.suppressed = []
        #expect(types(&router, .updated, alarm) == ["raised"])
        #expect(types(&router, .cleared, alarm) == ["cleared"])
    }

    @Test func whatEndsUntoldStaysUntold() {
        var router = router("duty-room")
        var alarm = makeAlarm()
        alarm.suppressed = ["chattering"]
        #expect(types(&router, .raised, alarm) == [])
        #expect(types(&router, .cleared, alarm) == [])
        alarm.state = .cleared
        #expect(types(&router, .verdict, alarm) == [])
    }

    @Test func whoKnowsOfItIsToldOfItsEnd() {
        var router = router("duty-room")
        var alarm = makeAlarm()
        #expect(types(&router, .raised, alarm) == ["raised"])
        alarm.suppressed = ["inhibited"]
        #expect(types(&router, .updated, alarm) == [])
        #expect(types(&router, .escalated, alarm) == [])
        #expect(types(&router, .acknowledged, alarm) == ["acknowledged"])
        #expect(types(&router, .verdict, alarm) == ["verdict"])
        #expect(types(&router, .cleared, alarm) == ["cleared"])
    }

    @Test(arguments: [AlarmCategory.fire, .system]) func theseAreAlwaysTold(_ category: AlarmCategory) {
        var router = router("duty-room")
        var alarm = makeAlarm(category: category)
        alarm.suppressed = Suppression.allCases.map(\.rawValue)
        #expect(types(&router, .raised, alarm) == ["raised"])
        #expect(types(&router, .updated, alarm) == ["updated"])
    }

    @Test func escalationTellsOthersAndThenAllOfIt() {
        var router = router("duty-room", "chief")
        let alarm = makeAlarm()
        #expect(types(&router, .raised, alarm) == ["raised"])
        var change = makeChange(alarm, .escalated, at: 5)
        change.webhooks = ["chief", "nobody"]
        let told = router.deliveries(for: change, now: now)
        #expect(told.map(\.endpoint) == ["duty-room", "chief"])
        #expect(told.map(\.type) == ["firesense.alarm.escalated", "firesense.alarm.raised"])
        #expect(types(&router, .cleared, alarm) == ["cleared", "cleared"])
    }
}
