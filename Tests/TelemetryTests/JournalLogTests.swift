import Logging
import Testing

@testable import FireTelemetry

@Suite struct JournalLogTests {
    let entries = Captured<[String: String]>()
    let lines = Captured<String>()

    func logger(taken: Bool = true) -> Logger {
        let (entries, lines) = (entries, lines)
        let handler = JournalLogHandler(
            label: "dispatch", threshold: LogThreshold(.info),
            sink: { fields in
                entries.keep(Dictionary(uniqueKeysWithValues: fields))
                return taken
            },
            fallback: { lines.keep($0) })
        return Logger(label: "dispatch") { _ in handler }
    }

    @Test func entryHasPriorityIdentifierAndOneFieldPerKey() throws {
        logger().error("webhook refused", metadata: [LogKey.endpoint: "duty room", LogKey.status: "503"])
        let entry = try #require(entries.items.first)
        #expect(entry["MESSAGE"] == #"webhook refused endpoint="duty room" status=503"#)
        #expect(entry["PRIORITY"] == "3")
        #expect(entry["SYSLOG_IDENTIFIER"] == "firesense")
        #expect(entry["FIRESENSE_ENDPOINT"] == "duty room")
        #expect(entry["FIRESENSE_STATUS"] == "503")
        #expect(entry["FIRESENSE_LOGGER"] == "dispatch")
        #expect(entry["CODE_FILE"]?.hasSuffix("JournalLogTests.swift") == true)
        #expect(lines.items.isEmpty)
    }

    @Test func refusedEntryGoesToStandardErrorWithPriority() {
        logger(taken: false).critical("store cannot be written", metadata: [LogKey.reason: "disk full"])
        #expect(lines.items == [#"<2>store cannot be written reason="disk full""# + "\n"])
    }

    @Test func fieldNamesAreValidForTheJournal() {
        #expect(JournalLogHandler.fieldName("ring-depth.x é") == "FIRESENSE_RING_DEPTH_X___")
        #expect(JournalLogHandler.fieldName(String(repeating: "a", count: 200)).count == 64)
    }

    @Test(arguments: [
        (LogFormat.auto, true, true), (.auto, false, false), (.journal, false, true), (.text, true, false),
    ])
    func formatChoosesTheHandler(format: LogFormat, standardErrorIsJournal: Bool, usesJournal: Bool) {
        let make = handlerFactory(
            format: format, threshold: LogThreshold(.info), standardErrorIsJournal: standardErrorIsJournal,
            journal: { _ in true })
        #expect((make("x", nil) is JournalLogHandler) == usesJournal)
    }
}
