import FireImport
import FireModel
import Testing

struct CSVTests {
    private let header = "ts,area,kind,device,component,metric,value\n"
    private let at: Int64 = 1_795_458_000_123

    @Test func readsWhatExportWrites() {
        let found = read(
            header + """
                1795458000123,320102,hydrant,h-1,,pressure,0.312
                1795458000124,320102,charger,c-1,port-3,state,"a,""b""
                c"
                1795458000125,320102,panel,p-1,,event.fire,true
                1795458000125,320102,panel,p-1,,event.fire,false

                """, .csv)
        #expect(found.refusals == [])
        #expect(
            found.rows == [
                Found(2, at, "320102/hydrant/h-1/-/pressure=0.312"),
                Found(3, at + 1, "320102/charger/c-1/port-3/state=\"a,\"b\"\nc\""),
                Found(5, at + 2, "320102/panel/p-1/-/event.fire=true"),
                Found(6, at + 2, "320102/panel/p-1/-/event.fire!=false"),
            ])
    }

    @Test func columnsComeInAnyOrderAndSomeMayBeAbsent() {
        let found = read("value,device,ts,metric\r\n1,h-1,1795458000123,pressure\r\n", .csv)
        #expect(found.rows == [Found(2, at, "-/-/h-1/-/pressure=1")])
        // A byte order mark, quotes around names, no line end at the end.
        let marked = read("\u{FEFF}\"ts\",device,metric,value\n1795458000123,h-1,pressure,1", .csv)
        #expect(marked.rows == [Found(2, at, "-/-/h-1/-/pressure=1")])
    }

    @Test(arguments: [
        ("", "there is no header"), ("\n\n", "there is no header"),
        ("ts,device,metric,wert\n", "column 'wert' is not known here; known are: ts, area, kind"),
        ("ts,device,metric\n", "column value is missing"),
        ("ts,ts,device,metric,value\n", "column 'ts' is there twice"),
        ("hydrant,device=h-1 pressure=1 1795458000123\n", "is not known here"),
    ])
    func headerThatCannotBeUsedIsAnError(text: String, expected: String) throws {
        let error = try #require(read(text, .csv).error)
        #expect(error.contains(expected), "\(error)")
    }

    @Test(arguments: [
        ("1795458000123,a,hydrant,h-1,,pressure", "6 fields"), ("1795458000123,a,hydrant,h-1,,pressure,1,", "8 fields"),
        ("x,a,hydrant,h-1,,pressure,1", "time 'x'"), (",a,hydrant,h-1,,pressure,1", "time ''"),
        ("1795458000,a,hydrant,h-1,,pressure,1", "time '1795458000'"),
        ("1500000000000,a,hydrant,h-1,,pressure,1", "time '1500000000000'"),
        ("1795600000000,a,hydrant,h-1,,pressure,1", "time '1795600000000'"),
        ("1795458000123,a,hydrant,h-1,,pressure,", "no value"),
        ("1795458000123,a,hydrant,h-1,,event.fire,maybe", "value 'maybe' of an event"),
        ("1795458000123,a,hydrant,h\"1,,pressure,1", "a quote behind 'h'"),
        ("1795458000123,a,hydrant,\"h-1\"x,,pressure,1", "'x' behind the quote"),
    ])
    func lineThatIsRefusedCostsItself(line: String, found: String) throws {
        let good = "1795458000123,a,hydrant,h-1,,pressure,1\n"
        let result = read(header + good + line + "\n" + good, .csv)
        #expect(result.rows.map(\.line) == [2, 4])
        let refusal = try #require(result.refusals.first)
        #expect(result.refused == 1)
        #expect(refusal.line == 3)
        #expect(refusal.found.hasPrefix(found), "\(refusal)")
        #expect(!refusal.expected.isEmpty)
        // Without --keep-going it ends there.
        let stopped = read(header + good + line + "\n" + good, .csv, keepsGoing: false)
        #expect(stopped.rows.map(\.line) == [2])
        #expect(stopped.refused == 1)
    }

    @Test func secondsAreNamed() throws {
        let refusal = try #require(
            read(header + "1795458000,a,hydrant,h-1,,pressure,1\n", .csv).refusals.first)
        #expect(refusal.expected.contains("looks like seconds"))
        let said = read(header + "1795458000,a,hydrant,h-1,,pressure,1\n", .csv, precision: .s)
        #expect(said.rows.map(\.at) == [1_795_458_000_000])
        let written = read(header + "2026-11-23T10:20:00.123Z,a,hydrant,h-1,,pressure,1\n", .csv)
        #expect(written.rows.map(\.at) == [Timestamp(rfc3339: "2026-11-23T10:20:00.123Z")?.milliseconds])
    }

    @Test(arguments: [
        ("a b,hydrant,h-1,,pressure", "area 'a b'"), ("a,hydrant,h/1,,pressure", "device 'h/1'"),
        ("a,hydrant,,,pressure", "device ''"), ("a,hydrant,h-1,,", "metric ''"),
        ("a,hydrant,h-1,\(String(repeating: "c", count: 65)),pressure", "component of 65 characters"),
        ("a,hydrant,h-1,,\(String(repeating: "m", count: 65))", "metric"),
    ])
    func namesAreJudged(name: String, found: String) {
        let row = read(header + "1795458000123,\(name),1\n", .csv).rows.first
        #expect(row?.text.contains("! \(found)") == true, "\(row?.text ?? "-")")
    }

    @Test func whatIsNotTextIsRefused() {
        let bytes = Array((header + "1795458000123,a,hydrant,h-1,,state,").utf8) + [0xFF, 0xFE, 0x0A]
        #expect(read(bytes, .csv).refusals.first?.found == "a value that is not UTF-8")
        let name = Array((header + "1795458000123,a,hydrant,h-1,").utf8) + [0xFF] + Array(",state,1\n".utf8)
        #expect(read(name, .csv).rows.first?.text.contains("! component") == true)
    }

    @Test func quoteThatIsNeverClosedEndsWithItsLine() {
        let good = "1795458000123,a,hydrant,h-1,,pressure,1\n"
        let long = String(repeating: "x", count: ImportReader.maximumRecord)
        let found = read(header + "1795458000123,a,hydrant,h-1,,state,\"\(long)\n" + good, .csv, piece: 10_000)
        #expect(found.refused == 1)
        #expect(found.rows.map(\.line) == [3])
        #expect(read(header + "1795458000123,a,hydrant,h-1,,state,\"x\n", .csv).refused == 1)
    }
}
