import FireTelemetry
import Logging
import Testing

@Suite struct TextLogTests {
    let lines = Captured<String>()
    let threshold = LogThreshold(.info)

    func logger(_ lead: TextLogHandler.Lead = .priority) -> Logger {
        let lines = lines
        let handler = TextLogHandler(
            threshold: threshold, lead: lead, now: { .init(tv_sec: 1_795_458_000, tv_nsec: 123_456_789) },
            write: { lines.keep($0) })
        return Logger(label: "test") { _ in handler }
    }

    @Test func lineHasTimeLevelMessageAndSortedMetadata() {
        logger(.time).warning("webhook refused", metadata: [LogKey.status: "503", LogKey.endpoint: "duty-room"])
        #expect(lines.items == ["2026-11-23T18:20:00.123Z warning webhook refused endpoint=duty-room status=503\n"])
    }

    @Test(arguments: zip(Logger.Level.allCases, [7, 7, 6, 5, 4, 3, 2]))
    func levelBecomesSyslogPriority(level: Logger.Level, priority: Int) {
        threshold.level = .trace
        logger().log(level: level, "x")
        #expect(lines.items == ["<\(priority)>x\n"])
    }

    @Test(arguments: [
        ("plain-1.5", "plain-1.5"),
        ("消火栓", "消火栓"),
        ("", #""""#),
        ("two words", #""two words""#),
        (#"say "no""#, #""say \"no\"""#),
        ("a=b", #""a=b""#),
        (#"C:\x"#, #""C:\\x""#),
        ("x\nERROR forged", #""x\nERROR forged""#),
        ("red\u{1B}[31m", #""red\u{1b}[31m""#),
        ("\u{202E}gnp", #""\u{202e}gnp""#),
        ("a\u{2028}b", #""a\u{2028}b""#),
    ])
    func valueCannotBreakTheLine(value: String, shown: String) {
        logger().info("m", metadata: [LogKey.value: "\(value)"])
        #expect(lines.items == ["<6>m value=\(shown)\n"])
    }

    @Test func messageCannotBreakTheLine() {
        logger().info("one\ntwo\r\u{0}")
        #expect(lines.items == [#"<6>one\ntwo\r\u{0}"# + "\n"])
    }

    @Test func longValueIsCut() throws {
        logger().info("m", metadata: [LogKey.value: "\(String(repeating: "e\u{301}", count: 100_000))"])
        let line = try #require(lines.items.first)
        #expect(line.unicodeScalars.count < 1100)
        #expect(line.hasSuffix("…\n"))
    }

    @Test func nearestMetadataWins() {
        struct Refused: Error, CustomStringConvertible { var description: String { "refused" } }
        var logger = logger()
        logger[metadataKey: LogKey.lane] = "urgent"
        logger[metadataKey: LogKey.count] = "1"
        logger.error("m", error: Refused(), metadata: [LogKey.count: "2"])
        #expect(lines.items == ["<3>m count=2 error=refused lane=urgent\n"])
    }

    @Test func sharedLevelChangesForAllAtOnce() {
        let first = logger()
        let second = logger()
        first.debug("unheard")
        threshold.level = .debug
        first.debug("a")
        second.debug("b")
        threshold.level = .error
        first.warning("unheard")
        #expect(lines.items == ["<7>a\n", "<7>b\n"])
    }

    @Test func loggerMayHaveALevelOfItsOwn() {
        let first = logger()
        var second = first
        second.logLevel = .trace
        #expect(first.logLevel == .info)
        #expect(second.logLevel == .trace)
        threshold.level = .critical
        #expect(first.logLevel == .critical)
        #expect(second.logLevel == .trace)
    }
}
