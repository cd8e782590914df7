/// Runs `body` for at most `limit`, then calls it off and takes what it returns all the same: what came in time
/// counts. `body` must end soon when it is called off.
func within<R: Sendable>(_ limit: Duration, _ body: @escaping @Sendable () async -> R) async -> R? {
    await withTaskGroup(of: R?.self) { group in
        group.addTask { await body() }
        group.addTask {
            try? await Task.sleep(for: limit, clock: .continuous)
            return nil
        }
        let first = await group.next() ?? nil
        group.cancelAll()
        if let first { return first }
        return await group.next() ?? nil
    }
}
