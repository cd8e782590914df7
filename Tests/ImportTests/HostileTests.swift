import FireImport
import FireModel
import Foundation
import Testing

/// Whatever comes, and in whatever pieces: no crash, no endless loop, and the same result.
struct HostileTests {
    /// Of each test; more with `FIREIMPORT_ROUNDS`.
    private static let rounds = ProcessInfo.processInfo.environment["FIREIMPORT_ROUNDS"].flatMap { Int($0) } ?? 400

    private let files: [(ExportFormat, [UInt8])] = [
        (
            .csv,
            Array(
                """
                ts,area,kind,device,component,metric,value\r
                1795458000123,320102,hydrant,h-1,,pressure,0.312\r
                1795458000124,320102,charger,c-1,port-3,state,"a,""b""
                c"
                1795458000125,320102,panel,p-1,"火",event.fire,true
                1795458000125,320102,panel,p-1,,event.fire,false
                1795458000125,320102,panel,p-1,,height,-5e-324

                """.utf8)
        ),
        (
            .line,
            Array(
                #"""
                # comment
                charger,area=320102,device=c-1,component=port\ 3 current=1.92,count=12i,on=t,state="a \"b\" \\ c" 1795458000123
                panel,area=320102,device=p-1 event.fire=true 1795458000123456789
                hydrant,area=320102,device=h-1 pressure=inf 1795458000123

                """#.utf8)
        ),
    ]

    @Test func piecesDoNotMatter() {
        for (format, bytes) in files {
            let whole = read(bytes, format)
            #expect(whole.refused == 0 && whole.rows.count >= 5)
            for piece in 1...bytes.count { #expect(read(bytes, format, piece: piece) == whole, "\(piece)") }
            for limit in 1...3 { #expect(read(bytes, format, piece: 7, limit: limit).rows == whole.rows) }
        }
    }

    @Test func everyTruncationIsRead() {
        for (format, bytes) in files {
            let whole = read(bytes, format)
            for end in bytes.indices {
                let found = read(Array(bytes[..<end]), format)
                #expect(found.refused <= 2)
                // What was whole is there; the longest record has two lines.
                #expect(found.rows.count >= whole.rows.count { $0.line < lineOf(end, bytes) - 1 } || found.error != nil)
            }
        }
    }

    private func lineOf(_ end: Int, _ bytes: [UInt8]) -> Int { 1 + bytes[..<end].count { $0 == 0x0A } }

    @Test(arguments: 1...4 as ClosedRange<UInt64>) func changedBytesAreSurvived(seed: UInt64) {
        var dice = Dice(seed: seed)
        let alphabet = Array("\"\\,=\n\r #0.e-x火".utf8) + [0, 0x7F, 0x80, 0xFF]
        for _ in 0..<Self.rounds {
            for (format, bytes) in files {
                var changed = bytes
                for _ in 0..<Int.random(in: 1...6, using: &dice) {
                    let place = Int.random(in: 0..<changed.count, using: &dice)
                    switch Int.random(in: 0..<3, using: &dice) {
                    case 0: changed[place] = alphabet.randomElement(using: &dice) ?? 0
                    case 1: changed.remove(at: place)
                    default: changed.insert(alphabet.randomElement(using: &dice) ?? 0, at: place)
                    }
                }
                let whole = read(changed, format)
                let pieces = read(changed, format, piece: Int.random(in: 1...40, using: &dice))
                #expect(pieces == whole, "\(String(decoding: changed, as: UTF8.self).debugDescription)")
                #expect(whole.refusals.allSatisfy { $0.line >= 1 && !$0.found.isEmpty && !$0.expected.isEmpty })
            }
        }
    }

    @Test(arguments: ExportFormat.allCases) func noiseIsSurvived(format: ExportFormat) {
        var dice = Dice(seed: 9)
        let header = format == .csv ? Array(format.header.utf8) : []
        for _ in 0..<Self.rounds {
            // Short enough for every refusal to be told.
            let noise = (0..<Int.random(in: 0..<100, using: &dice)).map { _ in
                Bool.random(using: &dice)
                    ? UInt8.random(in: 0...255, using: &dice)
                    : Array("\",=\\\n 1x".utf8).randomElement(using: &dice) ?? 0
            }
            let whole = read(header + noise, format)
            #expect(read(header + noise, format, piece: 13) == whole)
        }
    }

    /// Whatever `export` writes, import reads, to the bit.
    @Test(arguments: ExportFormat.allCases) func exportIsReadBackToTheBit(format: ExportFormat) throws {
        var dice = Dice(seed: 5)
        let specials: [Double] = [
            0, -0.0, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -.leastNormalMagnitude,
            1e15,
            1e22, 1e23, 9_007_199_254_740_992, 0.1 + 0.2, 123_456_789.123456789, 1e300, 4.35,
        ]
        let texts = [
            "", "a,b", "\"", "a\nb", "a\r\nb", "火灾 🔥", " x ", "true", "12", "1e5", "nan", "\\", "\\\"", "a=b", "#",
        ]
        for round in 0..<3000 {
            let value: Value =
                switch Int.random(in: 0..<4, using: &dice) {
                case 0: .number(Double(bitPattern: dice.next()))
                case 1: .number(specials.randomElement(using: &dice) ?? 0)
                case 2: .boolean(Bool.random(using: &dice))
                default: .text(texts.randomElement(using: &dice) ?? "")
                }
            if case .number(let number) = value, number.isNaN { continue }
            let component = [nil, "port-3", "火", "a b", "a,b=c", "x\\y", "\"q\""].randomElement(using: &dice) ?? nil
            let reading = ExportedReading(
                at: Timestamp(milliseconds: 1_795_458_000_000 + Int64(round)), area: "320102", kind: "charger",
                device: "c-1", component: component, metric: "state", value: value)
            var bytes = Array(format.header.utf8)
            reading.write(format, to: &bytes)
            var reader = ImportReader(ImportOptions(format), now: now)
            var lines = ImportLines()
            reader.feed(bytes)
            _ = try reader.read(isLast: true, limit: 10, into: &lines)
            let row = try #require(lines.rows.first, "\(String(decoding: bytes, as: UTF8.self)) \(lines.refusals)")
            let name = reader.names[Int(row.name)]
            #expect(name.area == "320102" && name.kind == "charger" && name.device == "c-1" && name.metric == "state")
            #expect(name.component == component)
            #expect(row.at == reading.at.milliseconds)
            let type: Metric.ValueType =
                switch value {
                case .number: .number
                case .boolean: .boolean
                case .text: .text
                }
            #expect(ImportedValue.value(row.value, as: type) == value)
            // Also where nobody knows what the metric is.
            #expect(ImportedValue.value(row.value, as: nil) == value, "\(String(decoding: bytes, as: UTF8.self))")
        }
    }
}
