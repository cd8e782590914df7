import FireTelemetry
import Logging
import ServiceLifecycle

/// A service whose failure must not end the daemon: the HTTP interface on a port that is taken is tried
/// again, while fires go on coming in.
struct Persistent: Service {
    let name: String
    let service: any Service
    let logger: Logger

    private static let pause = Duration.seconds(5)

    func run() async throws {
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            do {
                return try await service.run()
            } catch {
                logger.error(
                    "service failed, tried again in 5 s",
                    metadata: [LogKey.key: "\(name)", LogKey.error: "\(error)"])
            }
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.pause) }
        }
        try? await gracefulShutdown()
    }
}
