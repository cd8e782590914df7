import Foundation

/// Runs what blocks on a thread of its own: the task pool, which also draws the progress bar, has as many threads as
/// there are cores.
func blocking<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    let result: Result<R, any Error> = await withCheckedContinuation { continuation in
        Thread { continuation.resume(returning: Result(catching: body)) }.start()
    }
    return try result.get()
}
