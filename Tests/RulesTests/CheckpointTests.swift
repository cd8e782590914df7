import FireModel
import FireSettings
import Testing

@testable import FireRules

/// What a checkpoint holds, and what comes back of it.
struct CheckpointTests {
    /// The power has failed: an engine with the same fleet and rules, from a checkpoint alone.
    private func restarted(_ bench: RuleBench, _ rules: [RuleDefinition], live: Int64? = nil) throws -> RuleBench {
        let bytes = bench.engine.checkpoint { _ in nil }
        let after = RuleBench(rules, fleetFrom: bench)
        try after.engine.restore(checkpoint: bytes, live: live ?? bench.live) { _ in nil }
        return after
    }

    private func size(_ bench: RuleBench) -> Int { bench.engine.checkpoint { _ in nil }.count }

    @Test func powerCutInMinuteNineOfTenResumesAtNine() throws {
        // Below 0.14 MPa for ten minutes is an alarm, say the shipped rules.
        let rules = Defaults.rules(for: Defaults.catalogue).rules
        let before = RuleBench(rules)
        before.read("h-1", "hydrant", "pressure", .number(0.12), at: 0)
        // Nine minutes pass, and the power fails.
        #expect(before.wait(9 * 60).isEmpty)
        let after = RuleBench(rules, fleetFrom: before)
        let bytes = before.engine.checkpoint { _ in nil }
        try after.engine.restore(checkpoint: bytes, live: before.live) { _ in nil }
        // It is away for an hour, which is not time in which the pressure was known to be low.
        after.lose(3600)
        #expect(after.engine.nextDeadline == 600_000)
        // A minute later it is an alarm, ten minutes after it began by the clock of the device, and no sooner.
        after.engine.advance(live: 10 * 60_000 - 1, now: after.now)
        #expect(after.engine.takeChanges().isEmpty)
        after.engine.advance(live: 10 * 60_000, now: after.now)
        let changes = after.engine.takeChanges()
        #expect(changes.map(\.alarm.rule) == ["hydrant-pressure-reduced"])
        #expect(changes.first?.alarm.raisedAt == RuleBench.start + 10 * 60_000)
        #expect(changes.first?.alarm.receivedAt == after.now)
        #expect(changes.first?.alarm.value == .number(0.12))
    }

    @Test func timeThatReadingsProvedIsKeptToo() throws {
        let rules: [RuleDefinition] = [.lowPressure()]
        let before = RuleBench(rules)
        before.read("h-1", "hydrant", "pressure", .number(0.09), at: -119)
        before.read("h-1", "hydrant", "pressure", .number(0.09), at: 0)
        let after = try restarted(before, rules)
        #expect(after.engine.nextDeadline == 1000)
    }

    /// Told again with the clocks they had, the inputs since measure what they measured; those of the next run do not
    /// take its steady clock for the same.
    @Test func steadyClockCountsUntilTheRunEnds() throws {
        let rules: [RuleDefinition] = [.lowPressure()]
        let before = RuleBench(rules)
        before.steady = 7000
        before.read("h-1", "hydrant", "pressure", .number(0.09), quality: .receiptTime)
        // A step of the wall clock, while it hears nothing for 90 s.
        before.disconnect(90)
        before.lose(3600)
        let again = try restarted(before, rules)
        again.steady = before.steady
        let next = try restarted(before, rules)
        next.engine.steadyClockBeganAnew()
        next.steady = 1_000_000
        next.lose(-3580)
        for bench in [before, again] {
            #expect(bench.read("h-1", "hydrant", "pressure", .number(0.09), quality: .receiptTime).isEmpty)
            #expect(bench.engine.nextDeadline == 30_000)
        }
        // By the wall clock now: 90 s and 20.
        #expect(next.read("h-1", "hydrant", "pressure", .number(0.09), quality: .receiptTime).isEmpty)
        #expect(next.engine.nextDeadline == 10_000)
    }

    @Test func whatIsHeldBackComesBack() throws {
        let before = RuleBench()
        for at in [0.0, 10] {
            let alarm = try #require(before.event("p-1", "fire", at: at).first?.alarm)
            _ = try before.act(.reset(force: true), on: alarm)
        }
        #expect(before.event("p-1", "fire", at: 20, quality: .retained, detail: "zone 4").isEmpty)
        before.wait(100)
        let after = try restarted(before, [])
        #expect(after.engine.nextDeadline == 300_000)
        after.engine.advance(live: 300_000, now: after.now)
        let alarm = try #require(after.engine.takeChanges().first?.alarm)
        #expect(alarm.raisedAt == RuleBench.start + 20_000)
        #expect(alarm.detail == "zone 4" && alarm.flags == ["retained"])
    }

    /// The five minutes are over, and what was held back begins to wait: nothing is raised yet, but it is an input.
    @Test func momentThatBringsNoChangeIsToldToo() throws {
        var rule = RuleDefinition.faultEvent
        rule.holdFor = .seconds(60)
        rule.latch = true
        let bench = RuleBench([rule])
        bench.event("p-1", "fault", at: 0)
        let first = try #require(bench.wait(60).first?.alarm)
        _ = try bench.act(.reset(force: true), on: first)
        bench.event("p-1", "fault", at: 70)
        let second = try #require(bench.wait(60).first?.alarm)
        _ = try bench.act(.reset(force: true), on: second)
        bench.event("p-1", "fault", at: 130)
        #expect(!bench.engine.advance(live: 359_999, now: bench.now))
        let after = try restarted(bench, [rule])
        for engine in [bench.engine, after.engine] {
            #expect(engine.advance(live: 361_000, now: bench.now))
            #expect(!engine.hasChanges && engine.nextDeadline == 421_000)
        }
    }

    @Test func whatWasActiveBeforeIsForgotten() throws {
        let used = RuleBench([.faultEvent])
        let bytes = used.engine.checkpoint { _ in nil }
        used.event("p-1", "fault", at: 0, component: "c-1")
        try used.engine.restore(checkpoint: bytes, live: 0) { _ in nil }
        #expect(used.read("p-1", "panel", "test", .boolean(true), at: 1, component: "c-1").isEmpty)
        #expect(used.engine.activeOn.isEmpty && used.engine.activeCounts().isEmpty)
        #expect(used.event("p-1", "fault", at: 2, component: "c-1").map(\.kind) == [.raised])
    }

    @Test func whatMemoryDecidedIsNotDecidedAgainAfterTheNextRestart() throws {
        let memory = RuleBench()
        let held = memory.event("p-1", "fire", at: 10) + memory.event("p-1", "reset", at: 20)
        let loaded = RuleBench(fleetFrom: memory)
        for change in held {
            loaded.engine.restore(change.alarm, ordinal: change.ordinal, live: 0, heldInput: change.inputAt)
        }
        let after = try restarted(loaded, [])
        #expect(after.event("p-1", "fire", at: 15).isEmpty)
        #expect(after.event("p-1", "fire", at: 5).map(\.kind) == [.raised])
    }

    @Test func alarmComesBackToTheLetter() throws {
        let before = RuleBench([.faultEvent])
        before.read("p-1", "panel", "test", .boolean(true), at: 0, component: "1-1-40-7")
        before.event("p-1", "fault", at: 0, component: "1-1-40-7", quality: .retained)
        let alarm = try #require(before.event("p-1", "fault", at: 5, component: "1-1-40-7").first?.alarm)
        let after = try restarted(before, [.faultEvent])
        #expect(after.engine.activeCounts() == before.engine.activeCounts())
        let again = try #require(after.event("p-1", "fault", at: 9, component: "1-1-40-7").first?.alarm)
        var wanted = alarm
        wanted.occurrences = 3
        wanted.lastOccurrenceAt = RuleBench.start + 9000
        #expect(again == wanted)
    }

    @Test func rulesMayHaveMoved() throws {
        let before = RuleBench([.lowPressure(), .faultEvent])
        before.event("p-1", "fault", at: 0)
        before.read("h-1", "hydrant", "pressure", .number(0.09), at: 0)
        let after = try restarted(before, [.faultEvent, .lowPressure()])
        #expect(after.wait(121).map(\.alarm.rule) == ["hydrant-pressure-low"])
        #expect(after.event("p-1", "fault", active: false, at: 130).map(\.kind) == [.cleared])
    }

    @Test func ruleThatIsGoneLeavesItsAlarmStanding() throws {
        let before = RuleBench([.lowPressure(), .faultEvent])
        let alarm = try #require(before.event("p-1", "fault", at: 0).first?.alarm)
        before.read("h-1", "hydrant", "pressure", .number(0.09), at: 0)
        let after = try restarted(before, [])
        #expect(after.engine.nextDeadline == nil)
        // Once more, now that no rule knows of it.
        let last = try restarted(after, [.faultEvent])
        #expect(last.engine.activeCounts()[.fault]?[.minor] == 1)
        #expect(try last.act(.reset(force: false), on: alarm).map(\.kind) == [.cleared])
        #expect(last.engine.states.allSatisfy { !$0.hasAlarm && $0.rule < 0 })
    }

    @Test func alarmWithoutItsRuleIsTakenUpOnceHoweverOftenItIsTold() throws {
        let first = RuleBench([.faultEvent])
        let alarm = try #require(first.event("p-1", "fault", at: 0).first?.alarm)
        let again = try #require(first.event("p-1", "fault", at: 5).first?.alarm)
        let second = RuleBench(restoring: [(alarm, 0), (again, 0)], fleetFrom: first)
        let third = try restarted(second, [])
        let ended = try third.act(.reset(force: true), on: alarm)
        #expect(ended.map(\.kind) == [.cleared] && ended.first?.alarm.occurrences == 2)
        #expect(third.engine.states.allSatisfy { !$0.hasAlarm })
    }

    @Test func storedAlarmsTakenUpAtAStartComeBack() throws {
        let first = RuleBench([.faultEvent])
        let standing = try #require(first.event("p-1", "fault", at: 0).first?.alarm)
        let smoke = try #require(first.read("s-1", "smoke", "smoke", .boolean(true), at: 0).first?.alarm)
        let forced = try #require(try first.act(.reset(force: true), on: smoke).first?.alarm)
        // As a store without checkpoints starts it, which knows the alarm but not its series.
        let second = RuleBench([.faultEvent], restoring: [(standing, 0), (forced, 0)])
        let third = RuleBench([.faultEvent], fleetFrom: first)
        third.engine.restore(forced, ordinal: 0, live: 0)
        #expect(try restarted(second, [.faultEvent]).engine.activeCounts()[.fault]?[.minor] == 1)
        let fourth = try restarted(third, [.faultEvent])
        let series = fourth.series("s-1", "smoke", "smoke")
        let at = RuleBench.start
        fourth.engine.seed(
            Reading(series: series, at: at, receivedAt: at, value: .boolean(true), quality: [], backlog: false), live: 0
        )
        #expect(fourth.engine.takeChanges().isEmpty)
        #expect(fourth.read("s-1", "smoke", "smoke", .boolean(true), at: 60).map(\.kind) == [.raised])
    }

    @Test func gatewaysOwnAlarmsAreNotInIt() throws {
        let bench = RuleBench()
        let empty = size(bench)
        bench.engine.systemReported(
            SystemCondition(rule: "store-not-writable", severity: .critical, title: Title(zh: "存储", en: "Store")),
            detail: nil, now: bench.now)
        #expect(size(bench) == empty)
        let bytes = bench.engine.checkpoint { _ in nil }
        try bench.engine.restore(checkpoint: bytes, live: 0) { _ in nil }
        #expect(bench.engine.isSystemActive(rule: "store-not-writable"))
    }

    @Test func resetEndsInTheSameOrder() throws {
        let rules = ["b", "a", "c"].map { id in
            RuleDefinition(
                id: id, kinds: [], category: .fault, severity: .minor, title: Title(zh: "", en: ""),
                when: Condition(subject: .metrics(["fault"]), test: .equals(.boolean(true))), latch: true)
        }
        let before = RuleBench(rules)
        before.read("p-1", "panel", "fault", .boolean(true), at: 0, component: "c")
        let after = try restarted(before, rules)
        #expect(after.event("p-1", "reset", at: 10).map(\.alarm.rule) == ["b", "a", "c"])
        #expect(before.event("p-1", "reset", at: 10).map(\.alarm.rule) == ["b", "a", "c"])
    }

    // MARK: - What is left out

    @Test func whatTheStoreCanTellIsNotInIt() throws {
        let bench = RuleBench([.lowPressure(clearFor: .zero), .faultEvent])
        let start = RuleBench.start
        var seen: [Int32: Timestamp] = [:]
        for device in 0..<200 {
            let series = bench.series("h-\(device)", "hydrant", "pressure")
            let at = Double(device)
            bench.read("h-\(device)", "hydrant", "pressure", .number(0.3), at: at, receivedAt: at)
            seen[series] = start + Int64(device) * 1000
        }
        // The beginning and the end of an event are two series in the store and one here.
        bench.event("p-1", "fault", at: 3, receivedAt: 3)
        bench.event("p-1", "fault", active: false, at: 5, receivedAt: 5)
        seen[bench.series("p-1", "panel", "event.fault")] = start + 3000
        let day = 86_400.0
        bench.event("p-1", "fault", active: false, at: 5 + day, receivedAt: 5 + day)
        seen[bench.series("p-1", "panel", "event.fault", inactive: true)] = start + 5000 + 86_400_000
        bench.wait(1)
        let bytes = bench.engine.checkpoint { seen[$0] }
        // A version, lists that are empty, when each device was last heard, what time it is, and a checksum: the alarm
        // ended a day ago.
        var annunciation = CheckpointWriter()
        bench.engine.writeAnnunciation(to: &annunciation)
        #expect(annunciation.bytes.count < 300)
        #expect(bytes.starts(with: [2, 0, 0, 0, 0, 0] + [0, 0, 0, 0, 0]))
        // Of a device no more than how long ago it was heard.
        #expect(bytes.count <= 20 + 2 * 201 + annunciation.bytes.count + 8)
        let after = RuleBench([.lowPressure(clearFor: .zero), .faultEvent], fleetFrom: bench)
        try after.engine.restore(checkpoint: bytes, live: 0) { seen[$0] }
        #expect(after.event("p-1", "fault", at: 4 + day, receivedAt: day).isEmpty)
        #expect(after.event("p-1", "fault", at: 6 + day, receivedAt: day).map(\.kind) == [.raised])
    }

    @Test func timesTheStoreCannotTellComeBack() throws {
        let before = RuleBench([.faultEvent])
        before.event("p-1", "fault", at: 0, component: "c")
        // The end is of another series, yet a beginning before it is late.
        before.event("p-1", "restored", at: 60, component: "c")
        let after = try restarted(before, [.faultEvent])
        #expect(after.event("p-1", "fault", at: 50, component: "c").isEmpty)
        #expect(after.event("p-1", "fault", at: 61, component: "c").map(\.kind) == [.raised])
    }

    @Test func whatIsOverLeavesNothingBehind() {
        let bench = RuleBench([.lowPressure(clearFor: .zero), .faultEvent])
        for round in 0..<3 {
            for device in 0..<50 {
                let at = Double(round * 1000)
                bench.read("h-\(device)", "hydrant", "pressure", .number(0.09), at: at)
                bench.read("h-\(device)", "hydrant", "pressure", .number(0.09), at: at + 130)
                bench.read("h-\(device)", "hydrant", "pressure", .number(0.3), at: at + 140)
                // One that did not last.
                bench.read("h-\(device)", "hydrant", "pressure", .number(0.09), at: at + 150)
                bench.read("h-\(device)", "hydrant", "pressure", .number(0.3), at: at + 160)
            }
        }
        #expect(bench.engine.nextDeadline == nil)
        // A raise is known for a day, lest another of its time take its name.
        let full = size(bench)
        for device in 0..<50 {
            bench.read("h-\(device)", "hydrant", "pressure", .number(0.3), at: 2131 + 86_400, receivedAt: 90_000)
        }
        bench.wait(1)
        #expect(size(bench) < full / 2)
        #expect(bench.engine.states.allSatisfy { $0.rule < 0 && !$0.hasAlarm })
        // The places are used again.
        bench.read("h-7", "hydrant", "pressure", .number(0.09), at: 90_001, receivedAt: 90_001)
        #expect(bench.engine.states.count == 50)
    }

    @Test func raiseOfAFireIsRememberedForGood() throws {
        let before = RuleBench()
        let first = try #require(before.event("p-1", "fire", at: 0).first?.alarm)
        before.event("p-1", "reset", at: 10)
        before.event("p-1", "fire", active: false, at: 20)
        let after = try restarted(before, [])
        // Told once more, and late by now, a fire still raises; it must not pass for the one that is over.
        let second = try #require(after.event("p-1", "fire", at: 0).first)
        #expect(second.alarm.late && second.ordinal == 1 && second.alarm.id != first.id)
    }

    // MARK: - What is refused

    @Test func laterVersionIsRefusedAsSuch() {
        let bench = RuleBench()
        #expect(throws: CheckpointError.unknownVersion(3)) {
            try bench.engine.restore(checkpoint: [3, 1, 1], live: 0) { _ in nil }
        }
        #expect(throws: CheckpointError.damaged(at: 0)) {
            try bench.engine.restore(checkpoint: [], live: 0) { _ in nil }
        }
    }

    @Test func clockThatHasGoneBackIsRefused() {
        let bench = RuleBench([.lowPressure()])
        bench.wait(100)
        bench.read("h-1", "hydrant", "pressure", .number(0.09), at: 0)
        #expect {
            _ = try restarted(bench, [.lowPressure()], live: 99_999)
        } throws: { error in
            if case .aheadOfClock = error as? CheckpointError { true } else { false }
        }
    }

    @Test func anotherFleetIsRefusedAndTheEngineIsAsItWas() throws {
        let one = RuleBench()
        one.event("p-1", "fire", at: 0)
        let other = RuleBench()
        other.event("p-2", "fire", at: 0)
        let bytes = one.engine.checkpoint { _ in nil }
        let before = other.engine.checkpoint { _ in nil }
        #expect {
            try other.engine.restore(checkpoint: bytes, live: 0) { _ in nil }
        } throws: { error in
            if case .foreign = error as? CheckpointError { true } else { false }
        }
        #expect(other.engine.checkpoint { _ in nil } == before)
        #expect(other.engine.activeCounts()[.fire]?[.critical] == 1)
    }
}
