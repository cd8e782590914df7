import FireModel
import Foundation
import Testing

@testable import firesense

@Suite struct CommandLineOutputTests {
    @Test func chineseTakesTwoColumns() {
        #expect(columns(of: "消火栓 a") == 8)
        #expect(columns(of: "e\u{301}") == 1)
    }

    @Test func columnsLineUp() {
        var table = Table([.text("title"), .number("value"), .text("id")])
        table.rows = [["消火栓压力低", "0.09", "a"], ["x", "12", "b"]]
        #expect(table.text == "TITLE         VALUE  ID\n消火栓压力低   0.09  a\nx                12  b\n")
    }

    @Test func csvIsQuotedWhereItMustBe() {
        var table = Table([.text("a"), .text("b")])
        table.rows = [["plain", "with, comma"], ["say \"no\"", "two\nlines"]]
        #expect(table.csv == "a,b\nplain,\"with, comma\"\n\"say \"\"no\"\"\",\"two\nlines\"\n")
    }

    @Test func whatDevicesSendCannotSteerTheTerminal() {
        #expect(printable("a\u{1B}[2Jb\u{202E}c\n") == "a\\u{1b}[2Jb\\u{202e}c\\u{a}")
        #expect(printable("火警 2°") == "火警 2°")
        // CSI in one character, whose bytes in UTF-8 are both above the controls of ASCII.
        #expect(printable("a\u{9B}2Jb") == "a\\u{9b}2Jb")
        let query = QueryResult(
            device: AlarmDevice(id: "d", kind: "hydrant", area: "320102"), component: nil, metric: "x\u{9B}2J",
            unit: "\u{1B}c", points: [Point(at: Timestamp(milliseconds: 0), value: .text("\u{9B}31m"))])
        let shown = query.text(.table, LocalTime(zone: "UTC"))
        #expect(!shown.unicodeScalars.contains { $0 != "\n" && $0.properties.generalCategory == .control })
    }

    @Test func deliveriesShowAllTheirAttempts() throws {
        let text = """
            {"id":"i","endpoint":"duty-room","alarm":"a","type":"firesense.alarm.raised","state":"pending",
            "created_at":"2026-11-23T10:20:00.000Z","next_attempt_at":null,"attempt_count":84,"attempts":[
            {"at":"2026-11-23T10:20:00.000Z","status":503,"error":"503","answer":null,"milliseconds":3}]}
            """
        let body = try JSONDecoder().decode(DeliveryBody.self, from: Data(text.utf8))
        let list = DeliveryList(deliveries: [body.summary])
        #expect(list.csv.split(separator: "\n").last?.contains(",a,84,503,503,") == true)
        #expect(list.table(LocalTime(zone: "UTC")).rows[0][4] == "84")
    }

    @Test func sparklineGoesFromLeastToGreatest() {
        #expect(Sparkline.text([0, 1, 2, 3, 4, 5, 6, 7], width: 64) == "▁▂▃▄▅▆▇█")
        #expect(Sparkline.text([3, 3, 3], width: 64) == "▁▁▁")
        #expect(Sparkline.text([], width: 64) == "")
        #expect(Sparkline.text([.infinity, .nan], width: 64) == "")
        #expect(Sparkline.text((0..<1000).map(Double.init), width: 8) == "▁▂▃▄▅▆▇█")
        #expect(Sparkline.text([-Double.greatestFiniteMagnitude, .greatestFiniteMagnitude], width: 2) == "▁█")
    }

    @Test func misspeltNamesFindTheirNeighbours() {
        let known = ["hydrant-000007", "hydrant-000008", "panel-1", "smoke-77"]
        #expect(Nearest.names(to: "hydrant-00007", among: known).first == "hydrant-000007")
        #expect(Nearest.names(to: "PANEL", among: known) == ["panel-1"])
        #expect(Nearest.names(to: "zzzzzz", among: known).isEmpty)
        #expect(Nearest.question("presure", among: ["pressure", "flow"]) == "did you mean pressure?")
        #expect(Nearest.question("zzz", among: ["pressure"]) == nil)
        #expect(Nearest.names(to: "", among: known).isEmpty)
    }

    @Test func timesCarryTheOffsetOfTheirZone() {
        let time = Timestamp(milliseconds: 1_795_429_200_123)
        #expect(LocalTime(zone: "Asia/Shanghai").text(time) == "2026-11-23T18:20:00.123+08:00")
        #expect(LocalTime(zone: "America/St_Johns").text(time) == "2026-11-23T06:50:00.123-03:30")
        #expect(LocalTime(zone: "UTC").text(time) == "2026-11-23T10:20:00.123Z")
        #expect(LocalTime(zone: "Nowhere/Nothing").text(time) == "2026-11-23T10:20:00.123Z")
        #expect(LocalTime(zone: "UTC").text(nil) == "")
    }

    @Test func progressShowsAShareOnlyWhenTheWholeIsKnown() {
        #expect(
            progressLine("exporting", 50, total: 200, elapsed: .seconds(3))
                == "exporting  [#####···············]  25 %  50  3s")
        #expect(progressLine("exporting", 50, total: nil, elapsed: .seconds(3)) == "exporting  50  3s")
        #expect(progressLine("exporting", 300, total: 200, elapsed: .zero).contains("100 %"))
    }

    @Test func titlesFollowTheLocale() {
        #expect(Language(environment: ["LANG": "zh_CN.UTF-8"]) == .zh)
        #expect(Language(environment: ["LC_ALL": "C", "LANG": "zh_CN.UTF-8"]) == .en)
        #expect(Language(environment: ["LC_ALL": "", "LC_MESSAGES": "zh_TW"]) == .zh)
        #expect(Language(environment: [:]) == .en)
    }

    private func result(_ points: [Point]) -> QueryResult {
        QueryResult(
            device: AlarmDevice(id: "hydrant-7", kind: "hydrant", area: "320102"), component: nil, metric: "pressure",
            unit: "MPa", points: points)
    }

    @Test func aQueryIsATableWithItsSummary() {
        let start = Timestamp(milliseconds: 1_795_429_200_000)
        let points = [0.1, 0.2, 0.4].enumerated().map {
            Point(at: start + Int64($0.offset) * 1000, value: .number($0.element))
        }
        let text = result(points).text(.table, LocalTime(zone: "UTC"))
        #expect(
            text == """
                time                      pressure MPa
                2026-11-23T10:20:00.000Z           0.1
                2026-11-23T10:20:01.000Z           0.2
                2026-11-23T10:20:02.000Z           0.4

                3 points, min 0.1 MPa, avg 0.233333 MPa, max 0.4 MPa
                ▁▃█

                """)
        #expect(result([]).text(.table, LocalTime(zone: "UTC")) == "no readings in this time\n")
    }

    @Test func aQueryForMachinesIsInTheFormsOfExportAndInterface() {
        let points = [Point(at: Timestamp(milliseconds: 5), value: .number(0.25))]
        let zone = LocalTime(zone: "Asia/Shanghai")
        #expect(
            result(points).text(.csv, zone)
                == "ts,area,kind,device,component,metric,value\n5,320102,hydrant,hydrant-7,,pressure,0.25\n")
        #expect(result(points).text(.line, zone) == "hydrant,area=320102,device=hydrant-7 pressure=0.25 5\n")
        #expect(result(points).text(.json, zone) == "{\"unit\":\"MPa\",\"points\":[[5,0.25]]}\n")
    }

    private func series(_ device: String?, _ area: String, _ numbers: [Double], component: String? = nil)
        -> SeriesPoints
    {
        var series = SeriesPoints(
            device: device, kinds: ["hydrant"], area: area, component: component, metric: "pressure", series: 3,
            points: numbers.enumerated().map {
                Point(at: Timestamp(milliseconds: Int64($0.offset) * 1000), value: .number($0.element))
            })
        series.unit = "MPa"
        return series
    }

    @Test func manySeriesAreARowEach() {
        let items = [
            series("h-2", "320102", [0.1, 0.2, 0.4]), series("h-1", "320102", []), series("火-3", "320102", [3]),
        ]
        #expect(
            SeriesResult(page: Page(items: items, next: nil), grouping: nil).text(.table) == """
                device  points  min       avg  max  last  curve
                h-1          0
                h-2          3  0.1  0.233333  0.4   0.4  ▁▃█
                火-3         1    3         3    3     3  ▁

                pressure MPa, 3 rows, 4 points

                """)
        let groups = [series(nil, "320102", [0.1, 1 / 3])]
        let result = SeriesResult(page: Page(items: groups, next: nil), grouping: .area)
        #expect(
            result.text(.table) == """
                area    series  points  min       avg       max      last  curve
                320102       3       2  0.1  0.216667  0.333333  0.333333  ▁█

                pressure MPa, 1 row, 2 points

                """)
        #expect(
            result.text(.csv)
                == "ts,area,kind,device,component,metric,value\n0,320102,hydrant,,,pressure,0.1\n"
                + "1000,320102,hydrant,,,pressure,0.3333333333333333\n")
        #expect(result.text(.line).hasPrefix("hydrant,area=320102 pressure=0.1 0\n"))
        #expect(result.text(.json).hasPrefix("{\"items\":[{\"device\":null,\"kind\":\"hydrant\","))
        #expect(SeriesResult(page: Page(items: [], next: nil), grouping: nil).text(.table) == "no series fit\n")
        let ports = [series("c-1", "x", [1], component: "port-2"), series("c-1", "x", [1], component: "\u{9B}2J")]
        let shown = SeriesResult(page: Page(items: ports, next: nil), grouping: nil).text(.table)
        #expect(shown.contains("component") && shown.contains("\\u{9b}2J"))
    }

    @Test func newestValuesShowTheirTimeAndMarks() {
        var reading = LatestReading(
            device: "h-1", kind: "hydrant", area: "x", component: nil, metric: "pressure", value: .number(0.3),
            at: Timestamp(milliseconds: 0), quality: [.clock])
        reading.unit = "MPa"
        let result = LatestResult(page: Page(items: [reading], next: nil))
        #expect(
            result.text(.table, LocalTime(zone: "UTC")) == """
                DEVICE  COMPONENT  METRIC    VALUE  UNIT  TIME                      MARKS
                h-1                pressure    0.3  MPa   1970-01-01T00:00:00.000Z  clock

                """)
        #expect(result.text(.csv, LocalTime(zone: "UTC")).hasSuffix("\n0,x,hydrant,h-1,,pressure,0.3\n"))
    }

    @Test func textsHaveNoSummaryAndBooleansHave() {
        let zone = LocalTime(zone: "UTC")
        let text = result([Point(at: Timestamp(milliseconds: 0), value: .text("charging"))]).text(.table, zone)
        #expect(text.hasSuffix("\n1 point\n"))
        let truth = result([Point(at: Timestamp(milliseconds: 0), value: .boolean(true))]).text(.table, zone)
        #expect(truth.contains("min 1 MPa, avg 1 MPa, max 1 MPa"))
    }

    @Test func alarmsAreListedWithTheirTitle() throws {
        var alarm = Alarm(
            id: "019aa6", gateway: "box", rule: "hydrant-pressure-low", category: .water, severity: .major,
            latched: false,
            device: AlarmDevice(id: "hydrant-7", kind: "hydrant", area: "320102"), component: nil, metric: "pressure",
            title: Title(zh: "消火栓压力低", en: "Hydrant pressure low"), raisedAt: Timestamp(milliseconds: 0),
            receivedAt: Timestamp(milliseconds: 1))
        alarm.value = .number(0.09)
        alarm.unit = "MPa"
        alarm.acknowledged = true
        let list = AlarmList(alarms: [alarm])
        let zone = LocalTime(zone: "UTC")
        #expect(list.table(zone, .zh).text.contains("消火栓压力低"))
        let row = try #require(list.table(zone, .en).rows.first)
        #expect(
            row == [
                "1970-01-01T00:00:00.001Z", "active, acknowledged", "major", "water", "hydrant-7", "",
                "Hydrant pressure low", "0.09 MPa", "019aa6",
            ])
        #expect(
            list.csv.split(separator: "\n").allSatisfy {
                $0.split(separator: ",", omittingEmptySubsequences: false).count == 22
            })
        #expect(
            Page(items: [alarm], next: "x").json { $0.writeJSON(to: &$1) }
                == "{\"items\":[\(alarm.json)],\"next\":\"x\"}\n")
    }

    @Test func payloadsAreShownAsTextOrDumped() {
        #expect(QuarantineList.payload(Array("{\"ts\":1}".utf8)) == "{\"ts\":1}")
        #expect(
            QuarantineList.payload([0x40, 0x40, 0x00, 0xFF])
                == "000000  40 40 00 ff                                      @@..")
        #expect(QuarantineList.payload(Array("a\u{1B}b".utf8)).hasPrefix("000000  61 1b 62"))
    }
}
