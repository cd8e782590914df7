/// Decides when a burst ends: what was read since the last acknowledgement, to be committed together.
///
/// Routine telemetry may wait for company, as each commit costs a sync and wears the flash; but a burst
/// must not wait for messages that cannot come. A broker sends only so many before it sees an
/// acknowledgement, mosquitto 20 unless told otherwise, whatever receive maximum it was offered, and it
/// does not say how many. So the greatest number seen so far is remembered as `window`: below it the broker
/// can still send, and the burst lingers; there, silence may mean that it cannot, and the burst ends after
/// a short one. Now and then the silence is made longer, to learn whether there was more to come. And if
/// after each wait in vain the next message comes right upon the acknowledgement, the window is smaller.
struct Linger {
    typealias Instant = ContinuousClock.Instant

    enum Decision: Equatable {
        /// Nothing was read.
        case nothing
        case wait(until: Instant)
        case close(Reason)
    }

    enum Reason: Equatable {
        /// Bound of messages or bytes.
        case full
        /// Something that must not wait.
        case hurry
        /// The time is over.
        case time
        /// The broker may be unable to send more.
        case stalled
    }

    /// mosquitto's `max_inflight_messages` unless configured.
    static let usualWindow = 20
    /// Silence that ends a burst which may have filled the window: longer than a broker needs for its next
    /// message, short enough for 4,000 messages/s through a window of 20.
    static let probe = Duration.milliseconds(5)
    /// The longer silence, for learning.
    static let exploration = Duration.milliseconds(50)
    /// How long reading goes on after something urgent, to take along what waits: some hundred messages.
    static let hurryReading = Duration.milliseconds(10)

    let longest: Duration
    let maximumMessages: Int
    let maximumBytes: Int

    /// Messages the broker is known to send before an acknowledgement.
    private(set) var window = usualWindow
    private(set) var messages = 0
    private var bytes = 0
    /// Those of them that must be acknowledged: they count against the broker's window.
    private(set) var inWindow = 0
    private var first: Instant?
    private var last: Instant?
    private var hurriedAt: Instant?

    /// Bursts to go until the next longer silence, and how many there are between two.
    private var untilExploration = 0
    private var explorationInterval = 1

    /// A burst that waited in vain below the window, and how often the next message came at once after it.
    private var inVain: (count: Int, closedAt: Instant)?
    private var suspicion = (count: 0, times: 0)

    init(longest: Duration, maximumMessages: Int, maximumBytes: Int) {
        self.longest = longest
        self.maximumMessages = max(1, maximumMessages)
        self.maximumBytes = maximumBytes
    }

    var isEmpty: Bool { messages == 0 }

    /// The broker may have sent all it sends before an acknowledgement.
    var mayBeStalled: Bool { inWindow >= window }

    /// To be asked after each message: stop reading even if there is more. Looks at no clock.
    var isDue: Bool {
        guard let first, let last else { return false }
        return isFull || last >= first + longest || hurriedAt.map { last >= $0 + Self.hurryReading } ?? false
    }

    private var isFull: Bool { messages >= maximumMessages || bytes >= maximumBytes }

    /// - Parameter occupiesWindow: QoS 1; what needs no acknowledgement has no window.
    mutating func received(bytes size: Int, occupiesWindow: Bool, at now: Instant) {
        if first == nil {
            first = now
            judgeSuspicion(at: now)
        }
        if mayBeStalled, let last, now - last > Self.probe {
            // The longer silence has paid: the next burst may do the same.
            explorationInterval = 1
            untilExploration = 0
        }
        last = now
        messages += 1
        bytes += size
        if occupiesWindow {
            inWindow += 1
            window = max(window, inWindow)
        }
    }

    /// Something must not wait: end the burst as soon as what has already arrived is read.
    mutating func hurry(at now: Instant) { hurriedAt = hurriedAt ?? now }

    /// To be asked when nothing more is there to read, or when `isDue`.
    func decide(at now: Instant) -> Decision {
        guard let first, let last else { return .nothing }
        if isFull { return .close(.full) }
        if hurriedAt != nil { return .close(.hurry) }
        let end = first + longest
        if now >= end { return .close(.time) }
        guard mayBeStalled else { return .wait(until: end) }
        let patience = last + (untilExploration == 0 ? Self.exploration : Self.probe)
        return now >= patience ? .close(.stalled) : .wait(until: min(end, patience))
    }

    /// The burst is acknowledged.
    mutating func closed(_ reason: Reason, at now: Instant) {
        if reason == .stalled {
            if untilExploration == 0 {
                explorationInterval = min(explorationInterval * 2, 256)
                untilExploration = explorationInterval
            } else {
                untilExploration -= 1
            }
        }
        inVain = nil
        if reason == .time, let last, inWindow > 0, inWindow < window, now - last >= longest / 2 {
            inVain = (inWindow, now)
        }
        messages = 0
        bytes = 0
        inWindow = 0
        first = nil
        last = nil
        hurriedAt = nil
    }

    private mutating func judgeSuspicion(at now: Instant) {
        guard let inVain else { return }
        self.inVain = nil
        guard now - inVain.closedAt <= Self.exploration else {
            suspicion = (0, 0)
            return
        }
        suspicion = (inVain.count, suspicion.count == inVain.count ? suspicion.times + 1 : 1)
        if suspicion.times >= 2 {
            window = inVain.count
            suspicion = (0, 0)
        }
    }

    /// A new connection: nothing is read yet, and the broker may have been given another window.
    mutating func connected() {
        self = Linger(longest: longest, maximumMessages: maximumMessages, maximumBytes: maximumBytes)
    }
}
