import FireModel

/// The id that begins with what was typed, as nobody types 36 characters.
///
/// - Throws: `Failure`, when there is none, or more than one.
func wholeID(_ typed: String, _ data: any GatewayData) async throws -> String {
    let beginning = typed.lowercased()
    if beginning.utf8.count >= wholeLength { return beginning }
    guard !beginning.isEmpty else { throw Failure("the id is empty") }
    var found: [String] = []
    try await withProgress("looking for the alarm") { progress in
        var cursor: String?
        repeat {
            let page = try await data.alarms(AlarmFilter(), limit: 1000, cursor: cursor)
            found += page.items.map(\.id).filter { $0.hasPrefix(beginning) }
            progress.add(page.items.count)
            cursor = page.next
        } while cursor != nil && found.count < 2
    }
    guard let id = found.first else { throw unknownAlarm(typed) }
    guard found.count == 1 else {
        throw Failure(
            "more than one alarm begins with '\(printable(typed))'",
            remedy: "type more: \(found.prefix(2).joined(separator: ", "))")
    }
    return id
}

func unknownAlarm(_ id: String) -> Failure {
    Failure("there is no alarm '\(printable(id))'", remedy: "see firesense alarms list")
}

/// Characters of a UUID.
private let wholeLength = 36
