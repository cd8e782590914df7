import FireModel
import GRDB

extension Value {
    /// As `Statement.bind` keeps it; `nil` for what no writer of ours has put there.
    init?(_ stored: DatabaseValue) {
        switch stored.storage {
        case .double(let x): self = .number(x)
        case .int64(let x): self = .boolean(x != 0)
        case .string(let x): self = .text(x)
        case .blob(let x): self.init(nanPattern: x)
        case .null: return nil
        }
    }
}

extension Timestamp {
    init(_ milliseconds: Int64) { self.init(milliseconds: milliseconds) }
}
