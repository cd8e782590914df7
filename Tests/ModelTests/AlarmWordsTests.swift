import FireModel
import Testing

@Suite struct AlarmWordsTests {
    /// Distinct within each table: a word that stands for two things tells neither.
    private func check(_ titles: [Title]) {
        for title in titles {
            #expect(!title.zh.isEmpty && title.zh.unicodeScalars.allSatisfy { $0.properties.isIdeographic }, "\(title)")
            #expect(!title.en.isEmpty && title.en.unicodeScalars.allSatisfy(\.isASCII), "\(title)")
        }
        #expect(Set(titles.map(\.zh)).count == titles.count)
        #expect(Set(titles.map(\.en)).count == titles.count)
    }

    @Test func everyWordHasBothLanguages() {
        check(AlarmCategory.allCases.map(\.title))
        check(AlarmSeverity.allCases.map(\.title))
        check(AlarmState.allCases.map(\.title))
        check(Verdict.allCases.map(\.title))
        check(AlarmChange.Kind.allCases.map(\.title))
        check([ClearedReason.condition, .panelReset, .operatorReset, .verdict].map(\.title))
        check(["test", "self_test", "muted", "silence", "disabled", "fault"].map(AlarmWords.flag))
        check([AlarmWords.drill, AlarmWords.late, AlarmWords.reraised])
    }

    @Test func theWordsAreThoseOfTheTrade() {
        #expect(AlarmChange.Kind.acknowledged.title.zh == "接警")
        #expect(AlarmChange.Kind.verdict.title.zh == "核实")
        #expect(Verdict.trueFire.title.zh == "真实火警" && Verdict.trueAlarm.title.zh == "非火警属实")
        #expect(Verdict.falseAlarm.title.zh == "误报")
        #expect(AlarmWords.drill.zh == "演练" && AlarmWords.flag("silence").zh == "消音")
        #expect(AlarmCategory.duty.title.zh == "查岗" && AlarmCategory.preAlarm.title.zh == "预警")
    }

    @Test func aChangeIsKnownByItsEventType() {
        for kind in AlarmChange.Kind.allCases { #expect(AlarmChange.Kind(eventType: kind.eventType) == kind) }
        #expect(AlarmChange.Kind(eventType: "firesense.heartbeat") == nil)
    }
}
