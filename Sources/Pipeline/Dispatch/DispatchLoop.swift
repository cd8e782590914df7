import NIOCore
import NIOPosix

/// A thread on which deliveries are sent, the network's own: from the commit of a fire to its bytes on the wire there
/// is one change of threads. On a box whose cores are all busy each change costs milliseconds.
///
/// There are two: one for endpoints that work, and one for attempts at those that do not, lest fifty dead receivers
/// with hundreds of hanging connections keep a living one waiting. Nothing on them may block.
final class DispatchLoop: TaskExecutor {
    let group: MultiThreadedEventLoopGroup
    private let loop: any EventLoop

    init() {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        loop = group.next()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    /// After the last task on it has ended.
    func shutdown() async { try? await group.shutdownGracefully() }
}
