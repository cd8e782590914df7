import FireModel

/// What came of the tests of some files.
public struct RuleTestReport: Sendable {
    public struct Case: Sendable {
        public var file: String
        public var test: RuleTest
        public var failures: [RuleTestFailure]
        /// How long it took.
        public var took: Duration
    }

    public private(set) var cases: [Case] = []

    public init() {}

    public var failed: [Case] { cases.filter { !$0.failures.isEmpty } }

    /// Runs the tests of a file whose name fits.
    public mutating func run(_ file: RuleTestFile, where isWanted: (String) -> Bool) {
        let clock = ContinuousClock()
        for test in file.tests where isWanted(test.name) {
            let began = clock.now
            let failures = RuleTestRun.failures(of: test, in: file)
            cases.append(Case(file: file.name, test: test, failures: failures, took: clock.now - began))
        }
    }

    // MARK: For people

    /// A line per test that failed, with what was expected beside what came; then the sum.
    ///
    /// - Parameter local: a time as people read it, in a time zone.
    public func text(local: (Timestamp, String) -> String) -> String {
        var text = ""
        for it in failed {
            text += "FAIL \(place(it.file, it.test.line)): \(it.test.name)\n"
            for failure in it.failures {
                let at = Times.offset(failure.at - it.test.start)
                text += "  \(place(it.file, failure.line)): \(failure.what) at \(at)"
                text += " (\(local(failure.at, it.test.timeZone)))\n"
                text += Self.lines(failure.differences).map { "    \($0)\n" }.joined()
            }
        }
        let files = Set(cases.map(\.file)).count
        text +=
            "\(cases.count - failed.count) of \(cases.count) tests passed, \(files) \(files == 1 ? "file" : "files")\n"
        return text
    }

    private func place(_ file: String, _ line: Int?) -> String { file + (line.map { ":\($0)" } ?? "") }

    static func lines(_ differences: [RuleTestFailure.Difference]) -> [String] {
        var lines: [String] = []
        var last: String?
        let values = differences.compactMap { difference -> (String, String)? in
            if case .value(_, let key, let expected, _) = difference { (key, expected) } else { nil }
        }
        let keys = values.map(\.0.count).max() ?? 0
        let expecteds = max(values.map(\.1.count).max() ?? 0, 8)
        for difference in differences {
            switch difference {
            case .value(let name, let key, let expected, let got):
                if name != last {
                    lines.append("\(name)")
                    lines.append("  \(pad("", keys))  \(pad("expected", expecteds))  got")
                }
                last = name
                lines.append("  \(pad(key, keys))  \(pad(expected, expecteds))  \(got)")
                continue
            case .missing(let text): lines.append("missing     \(text)")
            case .unexpected(let text): lines.append("unexpected  \(text)")
            case .remark(let text): lines.append(text)
            }
            last = nil
        }
        return lines
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    // MARK: For machines

    /// JUnit's XML, which every CI reads.
    public var junit: String {
        var xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        xml += "<testsuites tests=\"\(cases.count)\" failures=\"\(failed.count)\">\n"
        var files: [String] = []
        for it in cases where !files.contains(it.file) { files.append(it.file) }
        for file in files {
            let its = cases.filter { $0.file == file }
            xml += "  <testsuite name=\"\(escaped(file))\" tests=\"\(its.count)\""
            xml += " failures=\"\(its.count { !$0.failures.isEmpty })\">\n"
            for it in its {
                let seconds = Double(it.took.wholeMilliseconds) / 1000
                xml +=
                    "    <testcase classname=\"\(escaped(file))\" name=\"\(escaped(it.test.name))\" time=\"\(seconds)\""
                guard !it.failures.isEmpty else {
                    xml += "/>\n"
                    continue
                }
                xml += ">\n"
                for failure in it.failures {
                    let message = "\(failure.what) at \(Times.offset(failure.at - it.test.start))"
                    let lines = Self.lines(failure.differences).joined(separator: "\n")
                    xml += "      <failure message=\"\(escaped(message))\">"
                    xml += escaped("\(place(file, failure.line))\n\(lines)") + "</failure>\n"
                }
                xml += "    </testcase>\n"
            }
            xml += "  </testsuite>\n"
        }
        return xml + "</testsuites>\n"
    }

    private func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\n": escaped += "&#10;"
            // XML has no way to write other control characters.
            case _ where scalar.value < 0x20: escaped += "\u{FFFD}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
