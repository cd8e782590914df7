import FireModel
import Foundation
import Testing

@testable import firesense_simulator

@Suite struct LedgerTests {
    @Test func aMessageIsOneLine() {
        let line = LedgerLine.message(
            topic: "fire/v1/320102/smoke/smoke-000001/telemetry", time: Timestamp(milliseconds: 1_795_458_000_123),
            sequence: 7, readings: 5, acknowledged: true)
        #expect(
            line.json
                == #"{"type":"message","topic":"fire/v1/320102/smoke/smoke-000001/telemetry","ts":1795458000123,"seq":7,"readings":5,"acknowledged":true}"#
        )
    }

    @Test func everyLineReachesTheFileFromEveryThread() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("ledger").path
        let ledger = try Ledger(path: path)
        _ = onThreads(
            (0..<4).map { thread in
                { @Sendable in
                    for sequence in 0..<500 {
                        ledger.write(
                            .message(
                                topic: "t/\(thread)", time: nil, sequence: UInt64(sequence), readings: 1,
                                acknowledged: false))
                    }
                }
            })
        try ledger.close()
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2000)
        #expect(Set(lines).count == 2000)
        for line in lines {
            #expect(try JSONSerialization.jsonObject(with: Data(line.utf8)) is [String: Any])
        }
    }

    @Test func aFileThatCannotBeMadeIsSaid() {
        #expect(throws: LedgerError.self) { try Ledger(path: "/nonexistent/folder/ledger") }
    }

    @Test func aFullDiskIsSaid() throws {
        let ledger = try Ledger(path: "/dev/full")
        ledger.write(.summary(sent: 1, acknowledged: 1, readings: 1))
        #expect(throws: LedgerError.self) { try ledger.close() }
    }
}
