import FireDevices
import FireModel
import Testing

@testable import firesense_simulator

@Suite struct FleetTests {
    @Test func devicesAreSharedEquallyAndTheFirstKindsTakeTheRest() {
        let plan = FleetPlan(area: "320102", seed: 1, count: 13)
        #expect(plan.shares.map(\.count) == [3, 3, 3, 2, 2])
        #expect(plan.count == 13)
    }

    @Test func namesHaveSixDigitsAndMoreWhereNeeded() {
        #expect(FleetPlan.name(.hydrant, 7) == "hydrant-000007")
        #expect(FleetPlan.name(.smoke, 1_234_567) == "smoke-1234567")
    }

    @Test func everyDeviceBelongsToOneConnection() {
        let plan = FleetPlan(area: "320102", seed: 1, count: 103)
        let ids = (0..<4).flatMap { plan.members(of: $0, among: 4).map(\.id) }
        #expect(ids.count == 103)
        #expect(Set(ids).count == 103)
        #expect(ids.contains("charger-000001"))
    }

    @Test func everyConnectionHasSomeOfEveryKind() {
        let plan = FleetPlan(area: "320102", seed: 1, count: 200)
        for connection in 0..<5 {
            #expect(Set(plan.members(of: connection, among: 5).map(\.kind)) == Set(Kind.allCases))
        }
    }

    @Test func aDeviceIsTheSameInAnyFleet() throws {
        let time = Timestamp(milliseconds: 1_795_400_000_000)
        func hydrant(_ plan: FleetPlan, _ connections: Int) throws -> Measurement {
            let members = (0..<connections).flatMap { plan.members(of: $0, among: connections) }
            var member = try #require(members.first { $0.id == "hydrant-000002" })
            return member.measure(at: time).0
        }
        let small = FleetPlan(area: "320102", seed: 9, count: 10)
        let large = FleetPlan(area: "320102", seed: 9, shares: [.init(kind: .hydrant, count: 500)])
        #expect(try hydrant(small, 1) == hydrant(large, 3))
    }

    @Test func timesOfADeviceAreUniqueAndRising() {
        var member = Member(kind: .hydrant, number: 1, area: "320102", seed: 1)
        let noon = Timestamp(milliseconds: 1_795_400_000_000)
        #expect(
            [noon, noon, noon + (-5), noon + 100].map { member.tick($0) } == [noon, noon + 1, noon + 2, noon + 100])
    }

    @Test func sequencesCountPerStream() {
        var member = Member(kind: .hydrant, number: 1, area: "320102", seed: 1)
        let noon = Timestamp(milliseconds: 1_795_400_000_000)
        #expect((0..<3).map { member.measure(at: noon + $0).sequence } == [1, 2, 3])
        #expect(member.nextEventSequence() == 1)
    }

    @Test func fireScriptFollowsFromSmokeAlarmToPanel() {
        let script = FireScript(at: .seconds(20), in: FleetPlan(area: "320102", seed: 1, count: 10))
        #expect(script.steps.map(\.device) == ["smoke-000001", "panel-000001", "panel-000001"])
        #expect(script.steps.map(\.event) == [.fire, .fire, .feedback])
        #expect(script.steps.map(\.after) == [.seconds(20), .seconds(21), .seconds(22)])
        #expect(script.steps.map(\.category) == [.fire, .fire, .linkage])
    }

    @Test func fireWithoutPanelIsTheSmokeAlarmAlone() {
        let plan = FleetPlan(area: "320102", seed: 1, shares: [.init(kind: .smoke, count: 1)])
        #expect(FireScript(at: .zero, in: plan).steps.map(\.device) == ["smoke-000001"])
    }

    @Test func kindsAreReadFromTheCommandLine() throws {
        let shares = try FleetPlan.shares(from: "hydrant=10,panel=2")
        #expect(shares == [.init(kind: .hydrant, count: 10), .init(kind: .panel, count: 2)])
        for wrong in ["", "hydrant", "hydrant=0", "hydrant=x", "boat=3", "smoke=1,smoke=2"] {
            #expect(throws: (any Error).self, "\(wrong)") { try FleetPlan.shares(from: wrong) }
        }
    }
}
