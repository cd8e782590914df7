import FireMQTT
import FireModel
import Foundation
import Synchronization

/// Publishes to the broker of section `mqtt` with QoS 1, over a connection of its own. It is made for the first
/// message; a success is the broker's PUBACK.
///
/// One thread owns the client. What is to be sent waits for it in a list, bounded by the slots of the queues that send.
final class BrokerSender: Sender {
    private struct State {
        var jobs: [BrokerJob] = []
        var password: MQTTPassword?
        /// Of the thread, once there is one.
        var wakeUp: WakeUp?
        var isStopped = false
    }

    let address: BrokerAddress
    private let state: Mutex<State>
    private let end = AsyncStream<Void>.makeStream()

    init(_ address: BrokerAddress) {
        self.address = address
        state = Mutex(State(password: address.options.password))
    }

    /// The password file was read again.
    func renew(_ password: MQTTPassword?) { state.withLock { $0.password = password } }

    func send(_ message: Message, to endpoint: Endpoint, now: Timestamp) async -> Answer {
        let started = ContinuousClock.now
        guard let publishes = try? BrokerMessage.publishes(message, broker: address) else {
            let failure = Failure(reason: .unsendable, text: "the alarm of this delivery cannot be read")
            return Answer(failure: failure, took: .zero)
        }
        let job = BrokerJob(publishes)
        let outcome = await within(endpoint.timeout) {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    job.begin(continuation)
                    self.take(job)
                }
            } onCancel: {
                job.finish(.failed(.timeout(endpoint.timeout)))
                self.state.withLock { $0.wakeUp }?.wake()
            }
        }
        var answer = Answer(took: started.duration(to: .now))
        if case .failed(let failure) = outcome { answer.failure = failure }
        return answer
    }

    private func take(_ job: BrokerJob) {
        do {
            let (running, started) = try state.withLock { state in
                guard !state.isStopped else {
                    throw Failure(reason: .closed, text: "the gateway stops")
                }
                let running = state.wakeUp
                let wakeUp = try running ?? WakeUp()
                state.wakeUp = wakeUp
                state.jobs.append(job)
                return (running, wakeUp)
            }
            if let running { running.wake() } else { start(started) }
        } catch let failure as Failure {
            job.finish(.failed(failure))
        } catch {
            job.finish(.failed(Failure(reason: .other, text: "no connection can be made: \(error)")))
        }
    }

    private func start(_ wakeUp: WakeUp) {
        Thread { [self] in
            Thread.current.name = "mqtt-push"
            let loop = BrokerLoop(address, wakeUp)
            while let (jobs, password) = next() { loop.turn(jobs, password: password) }
            loop.close()
            end.continuation.finish()
        }.start()
    }

    /// `nil`: it is over.
    private func next() -> (jobs: [BrokerJob], password: MQTTPassword?)? {
        state.withLock { state in
            defer { state.jobs.removeAll() }
            if state.isStopped, state.jobs.isEmpty { return nil }
            return (state.jobs, state.password)
        }
    }

    func shutdown() async {
        let wakeUp = state.withLock { state in
            state.isStopped = true
            return state.wakeUp
        }
        guard let wakeUp else { return }
        wakeUp.wake()
        // It may be asking for an address, which nobody can call off.
        _ = await within(Self.goodbye) { for await _ in self.end.stream {} }
    }

    private static let goodbye = Duration.seconds(2)
}

/// One message under way. It is answered once: by the broker, by the end of the connection, or by its deadline.
final class BrokerJob: Sendable {
    enum Outcome: Sendable {
        case taken
        case failed(Failure)
    }

    private enum State {
        case waiting
        case begun(CheckedContinuation<Outcome, Never>)
        case finished(Outcome)
    }

    let publishes: [BrokerMessage.Publish]
    private let state = Mutex(State.waiting)

    init(_ publishes: [BrokerMessage.Publish]) { self.publishes = publishes }

    var isFinished: Bool { state.withLock { if case .finished = $0 { true } else { false } } }

    func begin(_ continuation: CheckedContinuation<Outcome, Never>) {
        let outcome = state.withLock { state -> Outcome? in
            if case .finished(let outcome) = state { return outcome }
            state = .begun(continuation)
            return nil
        }
        if let outcome { continuation.resume(returning: outcome) }
    }

    func finish(_ outcome: Outcome) {
        let continuation = state.withLock { state -> CheckedContinuation<Outcome, Never>? in
            defer { if case .finished = state {} else { state = .finished(outcome) } }
            if case .begun(let continuation) = state { return continuation }
            return nil
        }
        continuation?.resume(returning: outcome)
    }
}
