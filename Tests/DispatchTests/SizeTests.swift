import FireModel
import Foundation
import Testing

@testable import FireDispatch

@Suite struct SizeTests {
    /// Everything as long as devices and the registry allow, in letters that are bytes many, and to be escaped in JSON.
    private func longAlarm(_ number: Int) -> Alarm {
        let long = String(repeating: "火\"", count: 512)
        var alarm = makeAlarm("alarm-\(number)", category: .fire, severity: .critical, component: long)
        alarm.detail = long
        alarm.componentName = long
        alarm.device.name = "设备\(number)" + long
        alarm.device.site = "小区\(number)" + long
        alarm.device.address = long
        alarm.device.owner = long
        alarm.title = Title(zh: "报警\(number)" + long, en: "Alarm \(number)" + long)
        return alarm
    }

    private func size(_ message: Message, _ format: Endpoint.Format) throws -> Int {
        format == .wecom ? try text(of: message, format).utf8.count : message.body.count
    }

    @Test(
        arguments: [(Endpoint.Format.wecom, 4096), (.dingtalk, 20_000), (.feishu, 20_000)], [1, 2, 10, 20, 100])
    func messagesStayBelowTheLimit(_ robot: (format: Endpoint.Format, limit: Int), _ count: Int) throws {
        let changes = (1...count).map { makeChange(of: longAlarm($0), id: "c\($0)") }
        for template in ["", "{headline}\n{detail}{detail}{detail}{detail}{detail}{detail}{detail}"] {
            let endpoint = makeEndpoint(robot.format, template: template)
            let message = try form.message(for: changes, to: endpoint, at: signingTime)
            #expect(try size(message, robot.format) <= robot.limit)
            #expect(message.changes.count == count)
            let text = try text(of: message, robot.format)
            #expect(!text.contains("\u{FFFD}"))
            let shown = (1...count).filter { text.contains("报警\($0)火") }
            if count <= robot.format.largestBatch {
                // None is left out: it would count as delivered, and nobody would have read of it.
                #expect(shown.count == count)
                // And each can be found, and has the keyword that a robot may ask for.
                #expect(!template.isEmpty || (1...count).allSatisfy { text.contains("FireSense gw-1 · alarm-\($0)") })
            } else {
                #expect(shown.count > 0)
                #expect(shown.count == count || text.contains("另有 \(count - shown.count) 条"))
            }
        }
    }

    @Test func shortTextsStayWholeBesideLongOnes() {
        let long = String(repeating: "长", count: 1000)
        let fitted = TextFitting.fit(["short", long, "also short", long], into: 1000, overhead: 2, note: 50)
        #expect(fitted.leftOut == 0)
        #expect(fitted.texts[0] == "short" && fitted.texts[2] == "also short")
        #expect(fitted.texts.map { $0.utf8.count + 2 }.reduce(0, +) <= 1000)
        #expect(fitted.texts[1].utf8.count > 450 && fitted.texts[3].hasSuffix("长…"))
    }

    @Test(arguments: 0...40)
    func cutsLieBetweenCharacters(_ bytes: Int) {
        let text = "火🔥e\u{301}👨‍👩‍👧报警"
        let cut = TextFitting.cut(text, to: bytes)
        #expect(cut.utf8.count <= bytes || cut == text)
        #expect(cut == text || cut.isEmpty || text.hasPrefix(cut.dropLast()))
        #expect(TextFitting.cut(text, to: text.utf8.count) == text)
    }

    @Test func anOrdinaryAlarmIsNeverCut() throws {
        for situation in Situation.allCases {
            let ending = "FireSense nanjing-xuanwu-01 · " + (try Alarm(snapshot: situation.change.snapshot)).id
            for format in [Endpoint.Format.wecom, .dingtalk, .feishu] {
                let message = try form.message(for: [situation.change], to: makeEndpoint(format), at: signingTime)
                #expect(try text(of: message, format).hasSuffix(ending))
            }
        }
    }
}
