import FireModel

extension Call {
    /// One page of a list whose items differ much in size: a device may have three latest values or hundreds. Read
    /// a few at a time, it ends early where it would hold more than `bytes`; `next` goes on from there.
    ///
    /// - Parameters:
    ///   - step: So many items at once are read, and may be more than `bytes`.
    ///   - limit: the parameter that says how many items.
    func listing<Item>(
        bytes: Int, step: Int, limit: Parameter<Int> = Query.limit,
        _ read: (_ limit: Int, _ cursor: String?) async throws -> Page<Item>,
        _ write: (Item, inout JSONWriter) -> Void
    ) async throws -> Answer {
        var left = try value(limit) ?? 100
        var next = try value(Query.cursor)
        var items = JSONWriter()
        repeat {
            let page = try await read(min(left, step), next)
            for item in page.items { write(item, &items) }
            left -= page.items.count
            next = page.next
        } while next != nil && left > 0 && items.bytes.count < bytes
        return .json { json in
            json.object { json in
                json.key("items")
                json.array { $0.verbatim(items) }
                json.field("next", next)
            }
        }
    }
}
