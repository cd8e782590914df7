import FireModel
import Testing

@testable import FireStore

struct FormatTests {
    /// Doubles of every sort: what devices send, and every edge of the format.
    static func number(_ dice: inout Dice) -> Double {
        switch Int.random(in: 0..<12, using: &dice) {
        case 0: Double(bitPattern: dice.next())
        case 1:
            [0, -0.0, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, -.greatestFiniteMagnitude, .pi, 1e15, 1e16]
                .randomElement(using: &dice) ?? 0
        case 2: Double.random(in: -1...1, using: &dice)
        case 3: Double(Int64.random(in: .min ... .max, using: &dice))
        case 4: 9_007_199_254_740_992 + Double(Int.random(in: -2...2, using: &dice))
        case 5...8: Double(Int.random(in: 0..<1000, using: &dice)) / 1000
        default: Double(Int.random(in: -1_000_000...1_000_000, using: &dice)) / 100
        }
    }

    static func samples(_ dice: inout Dice, count: Int) -> [Sample] {
        let type = Int.random(in: 0..<6, using: &dice)
        let constant = Double(Int.random(in: 0..<100, using: &dice)) / 10
        var at = Int64.random(in: -5_000_000_000_000...5_000_000_000_000, using: &dice)
        let interval = Int64.random(in: 1...100_000, using: &dice)
        let hasMarks = Bool.random(using: &dice)
        return (0..<count).map { _ in
            at += Bool.random(using: &dice) ? interval : Int64.random(in: 1...interval * 3, using: &dice)
            let value: Value =
                switch type {
                case 0: .boolean(Int.random(in: 0..<9, using: &dice) == 0)
                case 1: .text(["", "充电中", "idle", "a\0b"].randomElement(using: &dice) ?? "")
                case 2: .number(constant)
                case 3:
                    [.boolean(true), .text("x"), .number(number(&dice))].randomElement(using: &dice) ?? .boolean(false)
                case 4: .number(Double(Int.random(in: 100..<200, using: &dice)) / 1000)
                default: .number(number(&dice))
                }
            return Sample(
                at: at, value: value,
                quality: hasMarks && Int.random(in: 0..<5, using: &dice) == 0 ? [.implausiblyHigh, .retained] : [],
                detail: hasMarks && Int.random(in: 0..<9, using: &dice) == 0 ? "二层 \(at)" : nil)
        }
    }

    static func chunk(_ dice: inout Dice) -> [ChunkBody.Series] {
        var series: [ChunkBody.Series] = []
        for place in 0..<UInt8(ChunkBody.width) where Bool.random(using: &dice) {
            var its = samples(&dice, count: Int.random(in: 1...60, using: &dice))
            // The metrics of a message share its time.
            if let before = series.last?.samples, Bool.random(using: &dice) {
                its = zip(before, its).map {
                    Sample(at: $0.at, value: $1.value, quality: $1.quality, detail: $1.detail)
                }
            }
            if !its.isEmpty { series.append(ChunkBody.Series(place: place, samples: its)) }
        }
        return series
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>) func chunkComesBackToTheBit(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        let codec = try FrameCodec()
        for _ in 0..<30 {
            let series = Self.chunk(&dice)
            let framed = try codec.seal(ChunkBody.encode(series), key: Int64(seed))
            let body = try codec.open(framed, key: Int64(seed))
            #expect(try ChunkBody.decode(body) == series)
            let wanted = UInt32(truncatingIfNeeded: dice.next())
            #expect(
                try ChunkBody.decode(body, wanted: wanted) == series.filter { wanted >> UInt32($0.place) & 1 == 1 })
        }
    }

    @Test func everyDoubleIsKept() {
        var dice = Dice(seed: 11)
        for _ in 0..<200_000 {
            let x = Self.number(&dice)
            for exponent in 0...Decimal.maximumExponent {
                guard let whole = Decimal.whole(x, exponent) else { continue }
                guard Decimal.value(whole, exponent).bitPattern != x.bitPattern else { continue }
                Issue.record("\(x) with \(exponent) places comes back as \(Decimal.value(whole, exponent))")
            }
        }
        #expect(Decimal.exponent(of: 0.312) == 3 && Decimal.exponent(of: 0.1 + 0.2) == nil)
        #expect(Decimal.whole(-0.0, 0) == nil && Decimal.whole(.nan, 0) == nil && Decimal.whole(.infinity, 0) == nil)
    }

    static func reading(_ dice: inout Dice, at: Int64) -> Reading {
        Reading(
            series: Int32.random(in: 0..<1000, using: &dice), at: Timestamp(milliseconds: at),
            receivedAt: Timestamp(milliseconds: at + Int64.random(in: 0..<100, using: &dice)),
            value: samples(&dice, count: 1)[0].value,
            quality: Quality(rawValue: UInt8.random(in: 0..<32, using: &dice)),
            backlog: Bool.random(using: &dice), detail: Int.random(in: 0..<9, using: &dice) == 0 ? "详情" : nil)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>) func journalTellsWhatItWasTold(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var writer = JournalBlockWriter()
        for _ in 0..<20 {
            writer.clear()
            #expect(writer.isEmpty)
            var told: [JournalInput] = []
            var live: Int64 = 0
            for _ in 0..<Int.random(in: 0..<200, using: &dice) {
                switch Int.random(in: 0..<20, using: &dice) {
                case 0:
                    live += Int64.random(in: 1..<1000, using: &dice)
                    writer.append(live: live, steady: live * 2)
                    writer.append(live: live, steady: live * 2)
                    told.append(.clocks(live: live, steady: live * 2))
                case 4:
                    writer.appendBeginning()
                    told.append(.began)
                case 1:
                    writer.append(timePassed: start + live)
                    told.append(.timePassed(now: start + live))
                case 2:
                    writer.append(act: [1, 2, 3])
                    told.append(.act([1, 2, 3]))
                case 3:
                    writer.append(rules: "规则")
                    told.append(.rules("规则"))
                default:
                    let reading = Self.reading(
                        &dice, at: start.milliseconds + Int64.random(in: -9999..<9999, using: &dice))
                    let isConflicting = Bool.random(using: &dice)
                    writer.append(reading, isConflicting: isConflicting, isRetry: !isConflicting)
                    told.append(.reading(reading, isConflicting: isConflicting, isRetry: !isConflicting))
                }
            }
            var reader = try JournalBlockReader(writer.body)
            var found: [JournalInput] = []
            while let input = try reader.next() { found.append(input) }
            #expect(found == told)
        }
    }

    /// However the parts of a history are put together, and whatever forms their values have.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func runsJoin(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        for _ in 0..<50 {
            let samples = Self.samples(&dice, count: Int.random(in: 0..<40, using: &dice))
            let cut = Int.random(in: 0...samples.count, using: &dice)
            let (early, late) = (Run(samples[..<cut]), Run(samples[cut...]))
            #expect(Run(joining: [early, late]).samples == samples)
            #expect(early.merged(with: late).samples == samples)
            #expect(late.merged(with: early).samples == samples)
            let halves = (0..<2).map { half in
                Run(samples.enumerated().filter { $0.offset % 2 == half }.map(\.element))
            }
            #expect(halves[0].merged(with: halves[1]).samples == samples)
            guard cut < samples.count else { continue }
            #expect(Run(samples).dropping(before: samples[cut].at).samples == Array(samples[cut...]))
            #expect(Run(samples).samples(from: samples[cut].at, to: .max) == Array(samples[cut...]))
        }
    }

    /// Values whose decimals do not fit each other, and decimals that no further place can be given to.
    @Test func columnsAgreeOnAForm() {
        let values: [Value] = [
            .number(1), .number(0.5), .number(-0.0), .number(9_007_199_254_740_991), .number(0.001), .boolean(true),
            .text("开"), .number(.infinity), .number(.leastNonzeroMagnitude),
        ]
        for a in values {
            for b in values {
                for c in values {
                    var (one, two) = (Column(), Column())
                    one.append(a)
                    two.append(b)
                    two.append(c)
                    one.append(contentsOf: two)
                    #expect((0..<one.count).map { one[$0] } == [a, b, c])
                    var body: [UInt8] = []
                    one.encode(into: &body)
                    var reader = ByteReader(body)
                    let back = try? Column(&reader, count: 3)
                    #expect(back.map { back in (0..<3).map { back[$0] } } == [a, b, c])
                }
            }
        }
    }

    @Test func lastValuesComeBack() throws {
        var dice = Dice(seed: 5)
        for _ in 0..<200 {
            let newest = (0..<UInt8.random(in: 0..<32, using: &dice)).map {
                (place: $0, sample: Self.samples(&dice, count: 1)[0])
            }
            let found = try LastBody.decode(LastBody.encode(newest))
            #expect(found.map(\.place) == newest.map(\.place) && found.map(\.sample) == newest.map(\.sample))
        }
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>) func rollUpsComeBackAndAddUp(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        let chunk = Self.chunk(&dice)
        let body = try #require(RollupBody.encode(chunk, sparse: true))
        let found = try RollupBody.decode(body)
        #expect(found.map(\.place) == chunk.map(\.place))
        for (a, b) in zip(found, chunk) {
            let hours = RollupBody.hours(of: b.run)
            #expect(a.hours.numbers == hours.map(\.number))
            for (index, hour) in hours.enumerated() {
                var tally = Tally()
                var ends = Ends()
                tally.add(a.hours, index, series: 0)
                ends.add(a.hours, index, series: 0)
                for function in ReadingQuery.Function.allCases {
                    #expect((tally.value(function) ?? ends.value(function)) == hour.rollup.value(function))
                }
            }
        }
        let wanted = UInt32.random(in: 0...(.max), using: &dice)
        let some = try RollupBody.decode(body, wanted: wanted)
        #expect(some.map(\.place) == chunk.map(\.place).filter { wanted >> UInt32($0) & 1 == 1 })
        let many = try RollupBody.encode(chunk, sparse: false).map { try RollupBody.decode($0).map(\.place) } ?? []
        #expect(many == chunk.filter { !RollupBody.isSparse($0.run.times) }.map(\.place))
    }

    /// Whatever a disk makes of a body: an error that says so, never a crash, never more memory than it is worth.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func damageIsNoticed(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        let codec = try FrameCodec()
        var writer = JournalBlockWriter()
        for at in 0..<50 as Range<Int64> {
            writer.append(Self.reading(&dice, at: at), isConflicting: false, isRetry: false)
        }
        writer.append(act: [1, 2, 3])
        let bodies = [
            ChunkBody.encode(Self.chunk(&dice)), writer.body, RollupBody.encode(Self.chunk(&dice), sparse: true) ?? [],
            LastBody.encode([(3, Sample(at: 5, value: .text("x")))]),
            StoredCheckpoint(engine: [1, 2, 3], rules: "r", live: 7).bytes,
        ]
        for body in bodies {
            let framed = try codec.seal(body, key: 9)
            for _ in 0..<40 {
                var damaged = framed
                switch Int.random(in: 0..<4, using: &dice) {
                case 0: damaged.removeLast(Int.random(in: 1...damaged.count, using: &dice))
                case 1: damaged.append(0)
                default:
                    damaged[Int.random(in: 0..<damaged.count, using: &dice)] ^=
                        1 << UInt8.random(in: 0..<8, using: &dice)
                }
                #expect(throws: FormatError.self) { try codec.open(damaged, key: 9) }
            }
            #expect(throws: FormatError.self) { try codec.open(framed, key: 10) }
            // And without the checksum's help.
            for _ in 0..<200 {
                var damaged = body
                for _ in 0...Int.random(in: 0..<3, using: &dice) where !damaged.isEmpty {
                    damaged[Int.random(in: 0..<damaged.count, using: &dice)] = UInt8.random(in: 0...255, using: &dice)
                }
                if Bool.random(using: &dice) { damaged.removeLast(Int.random(in: 0...damaged.count, using: &dice)) }
                decodeAll(damaged)
            }
        }
        for _ in 0..<300 {
            decodeAll((0..<Int.random(in: 0..<80, using: &dice)).map { _ in UInt8.random(in: 0...255, using: &dice) })
        }
    }

    private func decodeAll(_ body: [UInt8]) {
        _ = try? ChunkBody.decode(body, limit: 5000)
        _ = try? RollupBody.decode(body, limit: 5000)
        _ = try? LastBody.decode(body)
        _ = try? JournalPage.entries(body)
        _ = try? StoredCheckpoint(body)
        if var reader = try? JournalBlockReader(body) { while let input = try? reader.next() { _ = input } }
    }
}
