import FireModel
import Foundation
import Testing

struct TimestampTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (1_795_429_200_123, "2026-11-23T10:20:00.123Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"), (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
        ] as [(Int64, String)]) func isWrittenAsRFC3339(_ ms: Int64, _ text: String)
    {
        #expect(Timestamp(milliseconds: ms).rfc3339 == text)
        #expect(Timestamp(rfc3339: text)?.milliseconds == ms)
    }

    @Test(
        arguments: [
            ("2026-11-23T18:20:00+08:00", 1_795_429_200_000), ("2026-11-23t10:20:00z", 1_795_429_200_000),
            ("2026-11-23 10:20:00Z", 1_795_429_200_000), ("2026-11-23T10:20:00.1239999Z", 1_795_429_200_123),
            ("2026-11-23T10:20:00.5-00:30", 1_795_431_000_500), ("2016-12-31T23:59:60Z", 1_483_228_799_999),
        ] as [(String, Int64)]) func otherSpellingsAreRead(_ text: String, _ ms: Int64)
    {
        #expect(Timestamp(rfc3339: text)?.milliseconds == ms)
    }

    @Test(arguments: [
        "", "2026", "2026-11-23", "2026-11-23T10:20", "2026-11-23T10:20:00", "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-23T24:00:00Z", "2026-11-23T10:60:00Z", "2026-11-23T10:20:00.Z", "2026-11-23T10:20:00Zx",
        "2026-11-23T10:20:00+8:00", "２０26-11-23T10:20:00Z", "23.11.2026 10:20",
    ]) func whatIsNoTimeIsRefused(_ text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func agreesWithFoundationOverFourCenturies() {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let ms = Int64.random(in: -6_000_000_000_000...6_000_000_000_000, using: &random) / 1000 * 1000
            let text = Date(timeIntervalSince1970: Double(ms) / 1000).formatted(style)
            #expect(Timestamp(milliseconds: ms).rfc3339 == text)
            #expect(Timestamp(rfc3339: text)?.milliseconds == ms)
        }
    }
}

struct UnitsTests {
    @Test(
        arguments: [("500ms", 500), ("10s", 10_000), ("5m", 300_000), ("25h", 90_000_000), ("90d", 7_776_000_000)]
            as [(String, Int64)])
    func durationsAreRead(_ text: String, _ ms: Int64) {
        #expect(Duration(firesense: text)?.wholeMilliseconds == ms)
    }

    @Test(arguments: ["", "10", "s", "-5s", "1.5s", "5 s", "10S", "99999999999999999999d", "9999999d"])
    func whatIsNoDurationIsRefused(_ text: String) {
        #expect(Duration(firesense: text) == nil)
    }

    @Test(arguments: ["500ms", "90s", "2m", "25h", "90d", "0s"]) func durationsAreWrittenAsTheyAreSpelt(_ text: String)
    {
        #expect(Duration(firesense: text)?.firesense == text)
    }

    @Test func sizesAreRead() {
        #expect(ByteSize(firesense: "64MiB")?.bytes == 64 << 20)
        #expect(ByteSize(firesense: "0")?.bytes == 0)
        #expect(ByteSize(firesense: "64MB") == nil)
    }
}
