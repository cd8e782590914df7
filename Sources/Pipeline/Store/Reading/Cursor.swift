import Foundation

/// The place after the last item of a page: a number and a text that name it, wrapped so that nobody takes it
/// for something to compute with.
struct Cursor: Equatable {
    enum List: String { case alarms, deliveries, devices, drills, latest, quarantine, readings, silences }

    var list: List
    var number: Int64
    var text: String

    init(_ list: List, number: Int64 = 0, text: String = "") {
        self.list = list
        self.number = number
        self.text = text
    }

    init(_ wrapped: String, of list: List) throws(StoreError) {
        let standard = wrapped.replacing("-", with: "+").replacing("_", with: "/")
        let padding = String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: standard + padding), let plain = String(bytes: data, encoding: .utf8)
        else { throw .invalidCursor }
        let parts = plain.split(separator: "|", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == list.rawValue, let number = Int64(parts[1]) else { throw .invalidCursor }
        self.init(list, number: number, text: String(parts[2]))
    }

    var wrapped: String {
        Data("\(list.rawValue)|\(number)|\(text)".utf8).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
