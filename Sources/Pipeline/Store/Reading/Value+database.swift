import FireModel
import Foundation
import GRDB

extension Value {
    /// As `Statement.bind` keeps it; `nil` for what no writer of ours has put there.
    init?(_ row: Row, _ column: Int) throws {
        switch (row[column] as DatabaseValue).storage {
        case .double(let x): self = .number(x)
        case .int64(let x): self = .boolean(x != 0)
        // GRDB ends a text at its first zero byte.
        case .string:
            self = .text(try row.withUnsafeData(atIndex: column) { String(decoding: $0 ?? Data(), as: UTF8.self) })
        case .blob(let x): self.init(nanPattern: x)
        case .null: return nil
        }
    }
}

extension Timestamp {
    init(_ milliseconds: Int64) { self.init(milliseconds: milliseconds) }
}
