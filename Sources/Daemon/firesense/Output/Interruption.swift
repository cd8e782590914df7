import Dispatch
import Glibc

/// Runs `body`; when somebody ends the program meanwhile (Ctrl-C, a stop, a terminal that is closed), `cleanUp` is run
/// before it goes.
func whileInterruptible<R>(
    cleaningUp cleanUp: @escaping @Sendable () -> Void, _ body: () async throws -> R
) async rethrows -> R {
    let sources = [SIGINT, SIGTERM, SIGHUP].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler {
            cleanUp()
            // The bar's line stays; what the shell says comes below it.
            Output.complain("")
            signal(number, SIG_DFL)
            kill(getpid(), number)
        }
        source.resume()
        return (number, source)
    }
    defer {
        for (number, source) in sources {
            source.cancel()
            signal(number, SIG_DFL)
        }
    }
    return try await body()
}
