import FireModel
import FireNormalise
import FireRules
import FireSettings
import FireStore
import FireTelemetry
import Logging
import Testing

@testable import FireAssembly

/// A power cut costs nothing of what the rules were in the middle of.
@Suite struct ReplayTests {
    private let scratch: Scratch
    private let path: String
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    private let begin = Timestamp(milliseconds: 1_795_428_000_000)

    init() throws {
        scratch = try Scratch()
        path = try scratch.write(
            "firesense.yaml",
            """
            gateway: { id: box-1 }
            store: { path: \(scratch.path("firesense.sqlite")) }

            """)
    }

    /// As at a start; what was open before is gone, as after a power cut.
    private func open() throws -> Pipeline {
        let loaded = Daemon.load(path: path)
        return try Pipeline(
            opening: WorkerContext(
                gateway: AlarmDevice(id: "box-1", kind: Catalogue.gatewayKind, area: "_"),
                databasePath: loaded.configuration.store.path, storeSettings: StoreSettings(loaded.configuration.store),
                normaliseCounters: .init(), storeCounters: StoreCounters(), builtAfter: Version.builtAfter,
                onDamage: { Issue.record("damaged: \($0)") }, onMigration: { _ in }),
            loaded, live: nil, logger: logger, onUnknownMetric: { _, _ in })
    }

    private func seal(_ pipeline: Pipeline, live: Int64) throws {
        let store = try #require(pipeline.store)
        try store.commit(fleet: pipeline.fleet)
        _ = pipeline.engine.takeChanges()
        try store.beginSeal(
            now: begin,
            checkpoint: StoredCheckpoint(
                engine: pipeline.engine.checkpoint { store.last($0)?.at }, rules: pipeline.rules, live: live))
        while try store.retentionSlice(now: begin, clockIsTrusted: false) {}
    }

    /// A hydrant's pressure, as the worker takes it.
    private func measure(_ pipeline: Pipeline, _ pressure: Double, at time: Int64, live: Int64) throws {
        let store = try #require(pipeline.store)
        let fleet = pipeline.fleet
        let device = fleet.addDevice(id: "h-1", kind: fleet.kind("hydrant"), area: fleet.area("a"), at: begin)
        var reading = Reading(
            series: fleet.addSeries(device: device, component: -1, metric: fleet.metric("pressure")),
            at: begin + time, receivedAt: begin + time, value: .number(pressure), quality: [], backlog: false)
        store.note(live: live, steady: live)
        #expect(try store.admit(&reading, fleet: fleet) == .new)
        pipeline.engine.apply(reading, live: live, steady: live)
    }

    /// The shipped rule waits for two minutes; after 119 seconds the power fails.
    @Test(arguments: [false, true]) func minuteThatHasPassedIsNotWaitedForAgain(sealed: Bool) throws {
        do {
            let first = try open()
            #expect(first.live == 0)
            try seal(first, live: 0)
            try measure(first, 0.05, at: 0, live: 1000)
            if sealed { try seal(first, live: 1000) }
            first.store?.note(live: 120_000, steady: 120_000)
            try first.store?.commit(fleet: first.fleet)
        }
        let second = try open()
        #expect(second.live == 120_000)
        #expect(second.engine.nextDeadline == 121_000)
        #expect(!second.engine.hasChanges)
        second.engine.advance(live: 120_999, now: begin + 500_000)
        #expect(!second.engine.hasChanges)
        second.engine.advance(live: 121_000, now: begin + 500_000)
        let changes = second.engine.takeChanges()
        #expect(changes.map(\.kind) == [.raised])
        #expect(changes.first?.alarm.rule == "hydrant-pressure-low")
        #expect(changes.first?.alarm.raisedAt == begin + 120_000)
    }

    /// What the last run raised and an operator did stands, and is not told again.
    @Test func actsAreDoneAgainWithoutEffect() throws {
        var id = ""
        do {
            let first = try open()
            try seal(first, live: 0)
            try measure(first, 0.05, at: 0, live: 0)
            try measure(first, 0.05, at: 130_000, live: 130_000)
            let store = try #require(first.store)
            let raised = try #require(first.engine.takeChanges().first)
            id = raised.alarm.id
            try store.append(raised)
            let act = OperatorAct(deed: .acknowledge, by: "duty", note: "on my way")
            _ = try first.engine.act(act, on: raised.alarm, now: begin + 140_000)
            store.note(act: RecordedAct.json(act, on: raised.alarm, now: begin + 140_000))
            for change in first.engine.takeChanges() { try store.append(change) }
            try store.commit(fleet: first.fleet)
        }
        let second = try open()
        #expect(!second.engine.hasChanges)
        #expect(second.engine.isActive(id))
        try measure(second, 0.04, at: 150_000, live: 140_000)
        try measure(second, 0.3, at: 160_000, live: 150_000)
        try measure(second, 0.3, at: 260_000, live: 250_000)
        let ended = try #require(second.engine.takeChanges().last)
        #expect(ended.kind == .cleared && ended.alarm.id == id && ended.alarm.acknowledgedBy == "duty")
    }

    /// Five minutes without an acknowledgement: four have passed when the power fails, and half a minute until it is
    /// back.
    @Test(arguments: [false, true]) func escalationGoesOnWhereItWas(sealed: Bool) throws {
        do {
            let first = try open()
            var loaded = Daemon.load(path: path)
            for index in loaded.rules.indices where loaded.rules[index].id == "hydrant-pressure-low" {
                loaded.rules[index].escalation = [EscalationStep(after: .seconds(300), webhooks: ["chief"])]
            }
            try seal(first, live: 0)
            first.engine.adopt(loaded.rules)
            first.store?.note(rules: try RecordedRules(loaded).json())
            try measure(first, 0.05, at: 0, live: 0)
            try measure(first, 0.05, at: 130_000, live: 130_000)
            let store = try #require(first.store)
            #expect(first.engine.advance(live: 131_000, steady: 131_000, now: begin + 131_000))
            store.note(live: 131_000, steady: 131_000)
            store.note(timePassed: begin + 131_000)
            for change in first.engine.takeChanges() { try store.append(change) }
            let silence = Silence(
                id: "s", devices: ["h-2"], createdAt: begin, until: begin + 500_000, by: "duty", reason: "work")
            try first.engine.act(.silence(silence), steady: 370_000, now: begin + 370_000)
            store.note(live: 370_000, steady: 370_000)
            store.note(
                act: RecordedAnnunciation(annunciation: .silence(silence), now: (begin + 370_000).milliseconds).json)
            try store.note(.silence(silence), at: begin + 370_000)
            if sealed { rulesOfTheSeal(first, loaded) }
            if sealed { try seal(first, live: 370_000) }
            try store.commit(fleet: first.fleet)
        }
        // The files say nothing of escalation, but those are read by the next run only: here they are its rules.
        let second = try open()
        #expect(second.engine.silenceCount == 1)
        var rules = Daemon.load(path: path).rules
        for index in rules.indices where rules[index].id == "hydrant-pressure-low" {
            rules[index].escalation = [EscalationStep(after: .seconds(300), webhooks: ["chief"])]
        }
        second.engine.adopt(rules)
        let back = begin + 400_000
        second.engine.advance(live: 370_000, steady: 5000, now: back)
        #expect(second.engine.takeChanges().isEmpty)
        second.engine.advance(live: 370_000, steady: 5000 + 29_999, now: back + -3_600_000)
        #expect(second.engine.takeChanges().isEmpty)
        second.engine.advance(live: 370_000, steady: 5000 + 30_000, now: back + -3_600_000)
        let told = second.engine.takeChanges()
        #expect(told.map(\.kind) == [.escalated])
        #expect(told.first?.webhooks == ["chief"])
    }

    /// As a worker does that has these rules from its files.
    private func rulesOfTheSeal(_ pipeline: Pipeline, _ loaded: LoadedConfiguration) {
        if let rules = try? RecordedRules(loaded).json() { pipeline.rules = rules }
    }
}
