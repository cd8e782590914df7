import Hummingbird

/// The way of `firesense backup` to the database of a running daemon.
func backupRoutes(_ gateway: Gateway) -> [Route] {
    let backups = gateway.backups
    return [
        Route(
            method: .get, path: "/api/v1/backup",
            summary: "A copy of the database, for `firesense backup` on the gateway's own machine.", scope: .admin,
            answer: .text(
                ["application/octet-stream"],
                "Steps in which the file is written, for the program of the same version. An answer that breaks off is "
                    + "not complete."),
            refusals: [503: "The store is not open, or another backup is being made."]
        ) { call in
            // Whoever has no token and may do everything comes through the control socket.
            guard call.caller?.token == nil else {
                throw Problem(
                    .forbidden, .insufficientScope,
                    "A backup is made on the gateway's own machine, by 'firesense backup FILE' there.")
            }
            let next = try await backups.backup()
            return Answer(
                type: "application/octet-stream",
                content: .stream { writer in while let step = try await next() { try await writer.append(step) } })
        }
    ]
}
