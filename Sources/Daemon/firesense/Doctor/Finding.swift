import FireModel

/// One line of `doctor`.
struct Finding: Equatable, Sendable {
    enum Status: String, Sendable {
        case ok = "OK"
        case warn = "WARN"
        case fail = "FAIL"
    }

    var status: Status
    /// What was looked at.
    var check: String
    var text: String
    /// What to do about it.
    var remedy: String?

    static func ok(_ check: String, _ text: String) -> Finding { Finding(status: .ok, check: check, text: text) }
    static func warn(_ check: String, _ text: String, _ remedy: String?) -> Finding {
        Finding(status: .warn, check: check, text: text, remedy: remedy)
    }
    static func fail(_ check: String, _ text: String, _ remedy: String?) -> Finding {
        Finding(status: .fail, check: check, text: text, remedy: remedy)
    }

    /// `WARN  clock         not synchronised; …`
    var line: String {
        func padded(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }
        return padded(status.rawValue, 6) + padded(check, 20) + printable(text)
            + (remedy.map { "; \(printable($0))" } ?? "")
    }

    static func write(_ finding: Finding, to json: inout JSONWriter) {
        json.object {
            $0.field("status", finding.status.rawValue)
            $0.field("check", finding.check)
            $0.field("text", finding.text)
            $0.field("remedy", finding.remedy)
        }
    }
}
