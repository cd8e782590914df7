import ArgumentParser
import FireModel
import FireRehearsal
import FireSettings
import Foundation

/// `firesense rules test`
struct RulesTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Unit tests of rules. 规则的单元测试。",
        discussion: """
            A file says which readings and events come in, what operators do, and which alarms and notifications are to \
            come of it, in the words of promtool. Touches neither the daemon nor its database. Without a file the tests \
            of the shipped rules are run.
            文件用 promtool 的写法说明输入的数据和事件、值班员的操作，以及应产生的报警和通知。不影响正在运行的程序和数据库。不给文件时运行自带规则的测试。

            Exit codes: 0 all passed, 1 a test failed, 2 a file cannot be used or no test was run.
            退出码：0 全部通过，1 有测试失败，2 文件有错或没有运行任何测试。
            """)

    @Argument(help: ArgumentHelp("Files of tests. 测试文件。", valueName: "file"))
    var files: [String] = []

    @Option(
        name: .customLong("run"),
        help: ArgumentHelp("Only tests whose name has a match. 只运行名称匹配的测试。", valueName: "regex"))
    var matching: String?

    @Option(help: ArgumentHelp("Write the results as JUnit XML as well. 同时写出 JUnit XML。", valueName: "file"))
    var junit: String?

    func validate() throws {
        if let matching { _ = try Self.expression(matching) }
    }

    func run() throws {
        let expression = try matching.map(Self.expression)
        var report = RuleTestReport()
        var isSound = true
        for source in try sources() {
            do throws(RuleTestProblems) {
                let file = try RuleTestFile(source)
                report.run(file) { name in expression.map { name.firstMatch(of: $0) != nil } ?? true }
            } catch {
                isSound = false
                for problem in error.problems { Output.complain(printable(problem.description)) }
            }
        }
        try Output.text(report.text { LocalTime(zone: $1).text($0) })
        if let junit {
            do {
                try Data(report.junit.utf8).write(to: URL(filePath: junit))
            } catch {
                throw Failure("cannot write \(junit): \(error.localizedDescription)")
            }
        }
        if !isSound || report.cases.isEmpty {
            if isSound { Output.complain("no test was run" + (matching.map { ", none has a match of '\($0)'" } ?? "")) }
            throw ExitCode(ExitStatus.wrongUsage)
        }
        if !report.failed.isEmpty { throw ExitCode(ExitStatus.failed) }
    }

    private func sources() throws -> [SourceFile] {
        guard !files.isEmpty else { return Defaults.ruleTests }
        return try files.map { path in
            do throws(Problem) {
                return try SourceFile(reading: path)
            } catch {
                throw Failure(printable(error.description), code: ExitStatus.wrongUsage)
            }
        }
    }

    private static func expression(_ text: String) throws -> Regex<AnyRegexOutput> {
        do {
            return try Regex(text)
        } catch {
            throw ValidationError("'\(text)' is no regular expression")
        }
    }
}
