import FireModel
import Testing

@Suite struct ExportFormatTests {
    private func line(_ format: ExportFormat, component: String?, _ value: Value) -> String {
        let reading = ExportedReading(
            at: Timestamp(milliseconds: 1_795_429_200_123), area: "320102", kind: "charger", device: "c-1",
            component: component, metric: "state", value: value)
        var bytes: [UInt8] = []
        reading.write(format, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(arguments: [
        (nil, Value.number(0.1), "1795429200123,320102,charger,c-1,,state,0.1\n"),
        ("port-3", .boolean(true), "1795429200123,320102,charger,c-1,port-3,state,true\n"),
        (
            "a,b", .text("say \"hi\"\nthere"),
            "1795429200123,320102,charger,c-1,\"a,b\",state,\"say \"\"hi\"\"\nthere\"\n"
        ),
        ("1号", .number(42), "1795429200123,320102,charger,c-1,1号,state,42\n"),
    ])
    func csvIsQuotedWhereItMustBe(component: String?, value: Value, expected: String) {
        #expect(line(.csv, component: component, value) == expected)
    }

    @Test(arguments: [
        (nil, Value.number(0.1), "charger,area=320102,device=c-1 state=0.1 1795429200123\n"),
        ("port-3", .boolean(false), "charger,area=320102,device=c-1,component=port-3 state=false 1795429200123\n"),
        (
            "a b,c=d", .text(#"a "b" \c"#),
            #"charger,area=320102,device=c-1,component=a\ b\,c\=d state="a \"b\" \\c" 1795429200123"# + "\n"
        ),
        ("x\ny\\", .number(1), "charger,area=320102,device=c-1,component=x_y_ state=1 1795429200123\n"),
    ])
    func lineProtocolIsEscaped(component: String?, value: Value, expected: String) {
        #expect(line(.line, component: component, value) == expected)
    }

    @Test(
        arguments: [
            ("-24h", Sample.now.milliseconds - 86_400_000), ("-500ms", Sample.now.milliseconds - 500), ("0", 0),
            ("1795429200123", 1_795_429_200_123), ("2026-11-23T10:20:00Z", Sample.start.milliseconds),
            ("2026-11-23T18:20:00.000+08:00", Sample.start.milliseconds), ("253402300799999", 253_402_300_799_999),
        ] as [(String, Int64)])
    func momentsAreReadInTheirThreeSpellings(text: String, milliseconds: Int64) {
        #expect(Timestamp(firesense: text, now: Sample.now) == Timestamp(milliseconds: milliseconds))
    }

    @Test(arguments: [
        "", "-", "24h", "-24", "--1h", "1795429200", "+5", "yesterday", "253402300800000", "99999999999999999999",
        "-1y",
        "2026-11-23", "１２３",
    ])
    func otherSpellingsAreNot(text: String) {
        #expect(Timestamp(firesense: text, now: Sample.now) == nil)
    }
}
