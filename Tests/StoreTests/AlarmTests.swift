import FireModel
import Testing

@testable import FireStore

struct AlarmTests {
    @Test func alarmComesBackWithItsHistory() throws {
        let bench = try Bench()
        let writer = try bench.open()
        var it = alarm("a1", component: "端口-1")
        it.flags = ["test"]
        it.detail = "line\nbreak"
        try writer.append(change(.raised, it))
        it.occurrences = 2
        try writer.append(change(.occurrence, it, cause: "again"))
        it.revision = 2
        it.acknowledged = true
        it.acknowledgedBy = "王"
        try writer.append(change(.acknowledged, it, cause: "op", at: start + 5))
        try bench.commit()
        let found = try #require(try bench.reader().alarm("a1"))
        #expect(found.alarm == it)
        #expect(found.history.map(\.kind) == [.raised, .acknowledged])
        #expect(found.history.map(\.at) == [start, start + 5])
        #expect(found.history.last?.snapshot == it.json)
        #expect(try bench.reader().alarm("none") == nil)
    }

    @Test func changeToldTwiceIsWrittenOnce() throws {
        let bench = try Bench()
        let writer = try bench.open()
        try writer.append(change(.raised, alarm("a1")))
        try writer.append(change(.cleared, alarm("a1", state: .cleared, revision: 2), cause: "end"))
        try writer.append(change(.raised, alarm("a1")))
        try bench.commit()
        let found = try #require(try bench.reader().alarm("a1"))
        #expect(found.alarm.state == .cleared)
        #expect(found.history.count == 2)
    }

    @Test func startTakesTheActiveAlarmOfAKeyElseItsNewest() throws {
        let bench = try Bench()
        try bench.open().append(change(.raised, alarm("old", receivedAt: start, state: .cleared), ordinal: 1))
        try bench.open().append(change(.raised, alarm("new", receivedAt: start + 10, state: .cleared), ordinal: 2))
        try bench.open().append(change(.raised, alarm("active", component: "c", receivedAt: start), ordinal: 3))
        try bench.open().append(
            change(.raised, alarm("later", component: "c", receivedAt: start + 10, state: .cleared)))
        try bench.open().append(change(.raised, alarm("other", device: "h2", receivedAt: start)))
        try bench.commit()
        try bench.open().connection.execute("UPDATE alarm SET body = '{}' WHERE id = 'other'")
        let state = try bench.restart()
        #expect(Set(state.alarms.map(\.alarm.id)) == ["new", "active"])
        #expect(state.alarms.first { $0.alarm.id == "new" }?.ordinal == 2)
        #expect(
            state.alarms.first { $0.alarm.id == "active" }?.alarm == alarm("active", component: "c", receivedAt: start))
        #expect(state.unreadableAlarms == ["other"])
    }

    @Test func filtersAndPagesAgreeWithANaiveSearch() throws {
        let bench = try Bench()
        let writer = try bench.open()
        var dice = Dice(seed: 1)
        var all: [Alarm] = []
        for number in 0..<400 {
            var it = alarm(
                "id-\(number)", device: "h\(number % 5)",
                category: [.water, .fire, .fault].randomElement(using: &dice) ?? .gas,
                severity: [.critical, .minor].randomElement(using: &dice) ?? .info,
                receivedAt: start + Int64.random(in: 0..<100, using: &dice),
                state: Bool.random(using: &dice) ? .active : .cleared)
            it.acknowledged = Bool.random(using: &dice)
            it.verdict = [.drill, nil].randomElement(using: &dice) ?? nil
            it.device.area = number % 2 == 0 ? "320102" : "320105"
            it.device.kind = number % 3 == 0 ? "hydrant" : "smoke"
            try writer.append(change(.raised, it, cause: "\(number)"))
            all.append(it)
        }
        try bench.commit()
        let reader = try bench.reader()
        all.sort { ($0.receivedAt, $0.id) > ($1.receivedAt, $1.id) }
        for round in 0..<60 {
            var filter = AlarmFilter()
            if round % 2 == 0 { filter.state = round % 4 == 0 ? .active : .cleared }
            if round % 3 == 0 { filter.category = .fire }
            if round % 5 == 0 { filter.device = "h3" }
            if round % 7 == 0 { filter.acknowledged = round % 14 == 0 }
            if round % 11 == 0 { filter.verdict = .drill }
            if round % 13 == 0 { filter.severity = .minor }
            if round % 17 == 0 { filter.area = "320105" }
            if round % 19 == 0 { filter.kind = "smoke" }
            if round % 4 == 1 { filter.range = TimeRange(from: start + 20, to: start + 70) }
            let expected = all.filter { it in
                (filter.state.map { it.state == $0 } ?? true) && (filter.category.map { it.category == $0 } ?? true)
                    && (filter.device.map { it.device.id == $0 } ?? true)
                    && (filter.acknowledged.map { it.acknowledged == $0 } ?? true)
                    && (filter.verdict.map { it.verdict == $0 } ?? true)
                    && (filter.severity.map { it.severity == $0 } ?? true)
                    && (filter.area.map { it.device.area == $0 } ?? true)
                    && (filter.kind.map { it.device.kind == $0 } ?? true)
                    && (filter.range.from.map { it.receivedAt >= $0 } ?? true)
                    && (filter.range.to.map { it.receivedAt < $0 } ?? true)
            }
            var found: [Alarm] = []
            var cursor: String?
            repeat {
                let page = try reader.alarms(filter, limit: 37, cursor: cursor)
                #expect(page.items.count == 37 || page.next == nil)
                found += page.items
                cursor = page.next
            } while cursor != nil
            #expect(found == expected)
        }
        let counts = try reader.activeAlarmCounts()
        #expect(counts.reduce(0) { $0 + $1.count } == all.count { $0.state == .active })
    }

    @Test(arguments: ["", "nonsense", "ZGV2aWNlc3wwfGgx", "YWxhcm1zfHg_fA"]) func foreignCursorIsRefused(
        _ cursor: String
    ) throws {
        let reader = try Bench().reader()
        expectError({ $0 == .invalidCursor }) { _ = try reader.alarms(AlarmFilter(), limit: 1, cursor: cursor) }
    }
}
