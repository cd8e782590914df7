import FireModel
import Foundation
import Testing

@testable import FireDispatch

/// Whoever can name a component or send a detail must not be able to speak as the gateway.
@Suite struct HostileTextTests {
    private static let attacks = [
        "<@all>", "<at user_id=\"all\">所有人</at>", "[接警](http://evil.example)", "![x](http://evil.example/a.png)",
        "**真实火警**", "# 火警", "> 引用", "`code`", "<font color=\"warning\">红</font>", "a\n🔥【火警】假火警", "a\r\n### b",
        "a\u{2028}b\u{2029}c\u{85}d\u{0B}e", "\u{202E}txet\u{202C}", "www.evil.example", "https://evil.example/?a=1",
        "@13800000000", "&lt;@all&gt;", "---", "===", "- a", "\"}, {\"msgtype\":\"text\"", "\\", "\u{0}\u{1B}[31m",
        "~~x~~", "_x_", "|a|b|", "【演练】", "{title}", "}}{{",
    ]

    private func alarm(_ attack: String) -> Alarm {
        var alarm = makeAlarm(component: attack)
        alarm.detail = attack
        alarm.componentName = attack
        alarm.componentType = attack
        alarm.device.id = attack
        alarm.device.name = attack
        alarm.device.site = attack
        alarm.device.address = attack
        alarm.device.owner = attack
        alarm.flags = [attack]
        alarm.value = .text(attack)
        alarm.unit = attack
        alarm.title = Title(zh: attack, en: attack)
        alarm.acknowledged = true
        alarm.acknowledgedBy = attack
        alarm.acknowledgedNote = attack
        alarm.verdict = .falseAlarm
        alarm.verdictNote = attack
        return alarm
    }

    private func lines(_ alarm: Alarm, _ endpoint: Endpoint) throws -> [Substring] {
        let message = try form.message(for: [makeChange(of: alarm)], to: endpoint, at: signingTime)
        return try text(of: message, endpoint.format).split(
            omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    }

    @Test(arguments: attacks)
    func noChatFindsMarkupInTextOfOthers(_ attack: String) throws {
        for format in [Endpoint.Format.wecom, .dingtalk, .feishu] {
            for template in ["", "{title}\n{detail}\n{component} {name} {acknowledged_note} {value} {unit}\n{text}"] {
                let endpoint = makeEndpoint(format, template: template)
                let harmless = try lines(alarm("harmless"), endpoint)
                let lines = try lines(alarm(attack), endpoint)
                // Not one line more than with a harmless word in all its places.
                #expect(lines.count == harmless.count)
                let text = lines.map { line in
                    // Ours: the heading, and the two blanks of 钉钉.
                    let line = line.drop { $0 == " " }
                    return line.hasPrefix("### ") ? line.dropFirst(4) : line
                }.joined(separator: "\n")
                for markup in [
                    "<", ">", "[", "]", "*", "`", "#", "~", "|", "&", "@", "\\", "://", "www.", "evil.example",
                ] {
                    #expect(!text.contains(markup), "\(markup) of \(attack) in \(format)")
                }
                #expect(!lines.contains { $0.contains("【演练】") })
                #expect(!lines.contains { $0.hasPrefix("---") || $0.hasPrefix("===") || $0.hasPrefix("- ") })
                let controls = text.unicodeScalars.filter { scalar in
                    scalar != "\n" && [.control, .format].contains(scalar.properties.generalCategory)
                }
                #expect(controls.isEmpty)
            }
        }
    }

    @Test(arguments: attacks)
    func plainTextKeepsItsLines(_ attack: String) throws {
        let endpoint = makeEndpoint(.text)
        let lines = try lines(alarm(attack), endpoint)
        #expect(try lines.count == self.lines(alarm("harmless"), endpoint).count)
        #expect(!lines.contains { $0.contains("\u{1B}") || $0.contains("\u{202E}") || $0.contains("【演练】") })
    }

    @Test func whatIsHarmlessStaysAsItIs() {
        for text in ["3号楼 1层-7 (手报)", "pump_2", "-3.5", "0.09 MPa", "V1.2.3", "10:20:00", "张三：已派人，5分钟到", "a/b", "100%"]
        {
            #expect(ForeignText.chat(text) == text)
            #expect(ForeignText.line(text) == text)
        }
        #expect(ForeignText.line("<b> [x] @a") == "<b> [x] @a")
        #expect(ForeignText.chat("<b> [x] @a") == "＜b＞ ［x］ ＠a")
        #expect(ForeignText.chat("  a \t\n b  ") == "a b")
    }

    @Test func aTemplatesOwnMarkupStays() throws {
        let endpoint = makeEndpoint(.wecom, template: "**{title}** [地图](https://map.example/) <@wangwu> {detail}")
        let lines = try lines(alarm("*x*"), endpoint)
        #expect(lines == ["**＊x＊** [地图](https://map.example/) <@wangwu> ＊x＊"])
    }

    /// An escape `\uXXXX` is refused by 企业微信 with 40033.
    @Test(arguments: attacks)
    func bodiesAreJSONWithoutEscapesByNumber(_ attack: String) throws {
        for format in [Endpoint.Format.wecom, .dingtalk, .feishu] {
            let message = try form.message(
                for: [makeChange(of: alarm(attack))], to: makeEndpoint(format), at: signingTime)
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(message.body)) }
            #expect(!String(decoding: message.body, as: UTF8.self).contains("\\u"))
        }
    }
}
