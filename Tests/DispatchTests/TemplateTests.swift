import FireModel
import Testing

@testable import FireDispatch

@Suite struct TemplateTests {
    private func text(_ template: String, _ situation: Situation, _ language: Endpoint.Language = .zh) throws -> String
    {
        let message = try form.message(
            for: [situation.change], to: makeEndpoint(.text, language, template: template), at: signingTime)
        return String(decoding: message.body, as: UTF8.self)
    }

    @Test func placesAreFilled() throws {
        #expect(
            try text("{drill}{category}|{severity}|{state}|{type}|{title}|{name}|{address}|{site}|{area}", .drillRaised)
                == "【演练】火警|紧急|报警中|新报警|手动火灾报警|3号楼消防控制室|中央路1号|玄武湖小区|320102\n")
        #expect(
            try text("{value} {unit} < {limit} at {raised_at}, {device} ({kind})", .waterRaised, .en)
                == "0.09 MPa < 0.1 at 2026-11-24 02:20:00, hydrant-000007 (hydrant)\n")
        #expect(
            try text(
                "{verdict}/{verdict_cause}/{verdict_by}/{acknowledged_by}/{occurrences}/{gateway}/{id}", .fireVerdict)
                == "真实火警/电动自行车充电/李四/张三/1/nanjing-xuanwu-01/019aa600-0000-7000-8000-000000000001\n")
    }

    @Test func everyPlaceIsFilledSomewhere() throws {
        for place in TextTemplate.Place.allCases {
            let texts = try Situation.allCases.map { try text("<{\(place.rawValue)}>", $0) }
            // A place that is always empty would be left to the built-in text, or to nothing.
            let isFilled = texts.contains { $0.hasPrefix("<") && $0.hasSuffix(">\n") && $0.count > 3 }
            #expect(isFilled == ![.clearedBy, .verdictNote].contains(place), "\(place)")
        }
    }

    @Test func aLineWithoutAnythingIsLeftOut() throws {
        #expect(try text("{title}\n数值：{value} {unit}\n{{完}}", .system) == "推送失败\n{完}\n")
    }

    @Test func anEmptyTextIsNeverSent() throws {
        #expect(try text("{verdict}{cleared_by}", .fireRaised) == text("", .fireRaised))
        #expect(try text("  \n", .fireRaised) == text("", .fireRaised))
    }

    @Test func theZoneIsTheGateways() throws {
        let change = Situation.fireRaised.change
        func raised(_ zone: String) throws -> String {
            let message = try MessageForm(gateway: "g", timeZone: zone).message(
                for: [change], to: makeEndpoint(.text, template: "{raised_at}"), at: signingTime)
            return String(decoding: message.body, as: UTF8.self)
        }
        #expect(try raised("Asia/Shanghai") == "2026-11-24 02:20:00\n")
        #expect(try raised("Asia/Urumqi") == "2026-11-24 00:20:00\n")
        #expect(try raised("Nowhere/Land") == "2026-11-23 18:20:00 UTC\n")
    }
}
