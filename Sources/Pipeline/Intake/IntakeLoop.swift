import FireMQTT
import FireModel
import FireRing
import FireTelemetry
import Glibc
import Logging

/// What the thread of a session does: keeps a connection in the wanted mode, reads bursts, and
/// acknowledges each one when it is committed (design 2).
///
/// The one rule everything here serves: the library queues a PUBACK before it hands a message over, and
/// whatever we write goes through the same queue. So nothing is written while a message is read and not
/// committed, be it SUBSCRIBE, PINGREQ or our own status; `linger.isEmpty` says whether one is. Whoever
/// cannot wait for the commit abandons the connection with its queue, and the broker sends again.
final class IntakeLoop {
    private var settings: IntakeSettings
    private let handover: Handover
    private let counters: IntakeCounters
    private let cover: UrgentCover
    private let board: IntakeBoard
    private let logger: Logger
    private let subscriptions: Subscriptions
    private let presence: GatewayPresence
    private let connectionLog: ConnectionLog

    private var backoff = Backoff()
    private var takeover = TakeoverWatch()
    private var random = SystemRandomNumberGenerator()
    /// The broker knows the persistent session: it queues while we are away.
    private var isRegistered = false
    private var connections = 0
    /// Nothing that reaches the session now was published before this; `nil`: it may be older than this process.
    private var reachesBackTo: ContinuousClock.Instant?

    // Of the present connection.
    private var mode = IntakeMode.persistent
    /// Only to make the broker know the persistent session, in which everything waits while we do not read it.
    private var isRegistering = false
    /// `handover.epoch` as it began.
    private var epoch: UInt64 = 0
    private var linger: Linger
    private var backlog = Backlog(sessionPresent: false, connectedAt: .now)
    /// `status.isDraining` as last shown.
    private var showsDraining = false
    private var nextMisc = ContinuousClock.now
    private var sessionPresent = false
    /// SUBSCRIBE packets without an answer.
    private var unanswered = 0
    /// Native filters that the broker does not grant as asked, and why.
    private var ungranted: [(filter: String, reason: String)] = []
    private var nextSubscribe = ContinuousClock.now
    /// `status.isConnected` as last shown.
    private var isEstablished = false
    /// Messages are neither kept nor acknowledged: the connection will be abandoned, or was only made to register.
    private var isDiscarding = false
    private var discarded = 0
    private var pushedSinceWake = false
    /// The last message pushed that the broker waits to have acknowledged; `nil`: none in this burst.
    private var unsettled: UInt64?
    private var isRingFull = false
    /// The last status under way.
    private var farewell: UInt16?

    /// For poll, kept to allocate nothing.
    private var descriptors = [pollfd(), pollfd()]

    /// Of the last message pushed; rises over all connections and modes.
    private var sequence: UInt64 = 0

    init(
        _ settings: IntakeSettings, handover: Handover, counters: IntakeCounters, cover: UrgentCover,
        board: IntakeBoard, logger: Logger
    ) {
        self.settings = settings
        self.handover = handover
        self.counters = counters
        self.cover = cover
        self.board = board
        self.logger = logger
        subscriptions = Subscriptions(settings)
        presence = GatewayPresence(settings)
        connectionLog = ConnectionLog(logger)
        linger = Linger(
            // Well below the keep-alive time, as no PINGREQ can leave meanwhile.
            longest: min(settings.linger, settings.keepAlive / 2),
            // Half of each: the broker goes on sending while a burst is committed, and the ring is never full.
            maximumMessages: min(settings.receiveMaximum / 2, handover.ring.slots / 2),
            maximumBytes: handover.ring.bytes / 2)
    }

    // MARK: Connections

    func run() {
        if handover.lane == .bulk, settings.catchAll { waitForUrgent() }
        while !isStopping {
            mode = board.mode.load(ordering: .acquiring)
            isRegistering = mode != .persistent && !isRegistered
            if mode == .parked && isRegistered {
                waitForOrders(until: nil)
            } else {
                connection()
            }
        }
    }

    /// What the broker has kept for bulk comes in its first moments, and with it urgent topics without a time of
    /// their own: before it is known whether the urgent session has them, they would be taken twice.
    private func waitForUrgent() {
        let deadline = ContinuousClock.now + connectTimeout
        while !isStopping, ContinuousClock.now < deadline, cover.isAwaited(by: handover.intakeWaiter) {
            handover.intakeWaiter.wait(until: deadline)
        }
    }

    private var isStopping: Bool { board.isStopping.load(ordering: .acquiring) }

    /// Nobody wants this connection otherwise.
    private var goesOn: Bool { !isStopping && board.mode.load(ordering: .relaxed) == mode }

    /// The time given for stopping is over, the mode has changed, or what was read is given up: then nobody
    /// will commit it, whether we are stopping or not.
    private var mustLeave: Bool {
        if isGivenUp || board.mode.load(ordering: .relaxed) != mode { return true }
        return board.stopDeadline.map { ContinuousClock.now >= $0 } ?? false
    }

    /// The worker has thrown away messages of this connection, so that `committed` says nothing about them. A
    /// mode that was changed and changed back would not tell.
    private var isGivenUp: Bool { mode == .persistent && handover.epoch.load(ordering: .acquiring) != epoch }

    /// The session that the broker keeps, and not the clean one.
    private var isPersistent: Bool { mode != .rescue || isRegistering }

    private var options: MQTTOptions {
        settings.password = board.password.withLock { $0 }
        return settings.options(handover.lane, isPersistent ? .persistent : .rescue)
    }

    /// One connection, from the attempt to its end and the pause after it.
    private func connection() {
        var connectedAt: ContinuousClock.Instant?
        do throws(MQTTError) {
            let client = try MQTTClient(options)
            // Destroys the queue of acknowledgements with it.
            defer { client.abandon() }
            client.delegate = self
            reset()
            guard try connect(client) else { return }
            connectedAt = .now
            defer { disconnected() }
            if isRegistering {
                try register(client)
            } else {
                try open(client)
                try serve(client)
                if isStopping { try finish(client) }
                backoff.connectionEnded(after: connectedAt.map { .now - $0 } ?? .zero)
            }
        } catch {
            failed(error, lifetime: connectedAt.map { .now - $0 })
        }
    }

    private func reset() {
        linger.connected()
        isDiscarding = isRegistering
        epoch = handover.epoch.load(ordering: .acquiring)
        discarded = 0
        pushedSinceWake = false
        unsettled = nil
        isRingFull = false
        farewell = nil
        unanswered = 0
        ungranted = []
        isEstablished = false
    }

    /// `false`: no longer wanted.
    private func connect(_ client: MQTTClient) throws(MQTTError) -> Bool {
        try client.connect(host: settings.host, port: settings.port)
        let deadline = ContinuousClock.now + connectTimeout
        while true {
            if client.wantsWrite { try client.loopWrite() }
            try client.loopRead()
            if client.isConnected { return true }
            guard goesOn else { return false }
            guard ContinuousClock.now < deadline else { throw .noAnswer(client.peer, within: connectTimeout) }
            // That TCP is connected shows in being writable. Afterwards only what the broker says counts; a TLS
            // handshake would be writable all the time and has to be looked after now and then.
            let isConnecting = isConnecting(client)
            sleep(client, writing: isConnecting, until: min(deadline, .now + .milliseconds(isConnecting ? 1000 : 20)))
        }
    }

    func mqttConnected(sessionPresent: Bool) {
        self.sessionPresent = sessionPresent
        let now = ContinuousClock.now
        backlog = Backlog(sessionPresent: sessionPresent, connectedAt: now)
        guard isPersistent else { return }
        if !sessionPresent {
            reachesBackTo = now
            if handover.lane == .urgent { cover.lost() } else if isRegistered { cover.doubt() }
        }
        isRegistered = sessionPresent
    }

    /// Accepted, and every subscription granted: from now on nothing that is published passes us by.
    private func established() {
        guard !isEstablished else { return }
        connectionLog.connected(
            to: "\(settings.host):\(settings.port)", mode: isRegistering ? "registering" : "\(mode)",
            sessionPresent: sessionPresent)
        // Only to register, and gone again.
        if isRegistering { return }
        isEstablished = true
        connections += 1
        if connections > 1 { counters.reconnects.increment() }
        counters.connected.set(1)
        showsDraining = backlog.isDraining
        board.update {
            $0.isConnected = true
            $0.isDraining = showsDraining
            $0.since = wallClock()
            $0.sessionPresent = sessionPresent
            $0.lastError = nil
            $0.wasEverConnected = true
        }
    }

    private func disconnected() {
        if isRegistering { return }
        counters.connected.set(0)
        board.update {
            $0.isConnected = false
            $0.isDraining = false
            $0.since = wallClock()
        }
    }

    private func failed(_ error: MQTTError, lifetime: Duration?) {
        board.update { $0.lastError = error.description }
        if handover.lane == .urgent { cover.settle() }
        // The broker may have been started anew without what it had kept: have the session registered again.
        if mode == .rescue, lifetime != nil { isRegistered = false }
        backoff.connectionEnded(after: lifetime ?? .zero)
        let verdict = takeover.ended(error, after: lifetime)
        var pause = backoff.next(using: &random)
        if verdict == .no {
            connectionLog.failed(error, wasConnected: lifetime != nil)
        } else {
            pause = TakeoverWatch.pause
            connectionLog.takenOver(clientID: options.clientID, verdict)
        }
        waitForOrders(until: .now + pause)
    }

    /// Until `deadline`, a changed mode or password, or the order to stop.
    private func waitForOrders(until deadline: ContinuousClock.Instant?) {
        let renewals = board.renewals.load(ordering: .acquiring)
        while goesOn, board.renewals.load(ordering: .acquiring) == renewals {
            if let deadline, ContinuousClock.now >= deadline { return }
            handover.intakeWaiter.wait(until: deadline)
        }
    }

    // MARK: Subscriptions and presence

    private func open(_ client: MQTTClient) throws(MQTTError) {
        board.update { $0.refusedFilters = [] }
        let all = subscriptions.filters(handover.lane)
        let filters = all.filter(MQTTClient.isFilter)
        for filter in all where !MQTTClient.isFilter(filter) { refused(filter, reason: "not a topic filter") }
        try subscribe(client, filters)
        if handover.lane == .urgent, !isRegistering {
            try client.publish(presence.topic, presence.online, qos: 1, isRetained: true)
        }
        if unanswered == 0 { answered() }
    }

    private func subscribe(_ client: MQTTClient, _ filters: [String]) throws(MQTTError) {
        // In packets of a size every broker takes.
        for start in stride(from: 0, to: filters.count, by: 64) {
            let part = Array(filters[start..<min(start + 64, filters.count)])
            try client.subscribe(part, qos: isPersistent ? 1 : 0)
            unanswered += 1
        }
    }

    /// Once more, while connected: when the access rules of the broker may have been mended, and when the bulk
    /// session has reason to doubt that the broker still knows this one.
    private func subscribeAgain(_ client: MQTTClient, at now: ContinuousClock.Instant) throws(MQTTError) {
        guard unanswered == 0 else { return }
        if !ungranted.isEmpty, now >= nextSubscribe {
            let filters = ungranted.map(\.filter)
            ungranted = []
            board.update { status in status.refusedFilters.removeAll(where: filters.contains) }
            try subscribe(client, filters)
        } else if handover.lane == .urgent, isPersistent, cover.wantsProof {
            try subscribe(client, subscriptions.filters(.urgent).filter(MQTTClient.isFilter))
        }
    }

    func mqttSubscribed(_ answers: [MQTTSubscription]) {
        unanswered -= 1
        for answer in answers {
            if answer.isRefused {
                refused(answer.filter, reason: answer.reason)
            } else if isPersistent, answer.code < 1 {
                // Without acknowledgements nothing waits for us at the broker.
                refused(answer.filter, reason: "granted with QoS 0 only")
            }
        }
        if unanswered == 0 { answered() }
    }

    private func refused(_ filter: String, reason: String) {
        board.update { $0.refusedFilters.append(filter) }
        connectionLog.refused(filter, reason: reason)
        if subscriptions.isNative(filter) { ungranted.append((filter, reason)) }
    }

    /// Every SUBSCRIBE is answered. Without a native filter the lane counts as not connected, although what
    /// the others bring is taken: a fire may pass us by.
    private func answered() {
        if isPersistent {
            isRegistered = true
            if handover.lane == .urgent, ungranted.isEmpty {
                cover.confirmed(sessionPresent: sessionPresent, at: .now)
            } else if handover.lane == .urgent {
                cover.lost()
                cover.settle()
            }
        }
        guard let first = ungranted.first else { return established() }
        nextSubscribe = .now + Self.subscribePause
        let others = ungranted.count > 1 ? " and \(ungranted.count - 1) more" : ""
        isEstablished = false
        counters.connected.set(0)
        board.update {
            if $0.isConnected { $0.since = wallClock() }
            $0.isConnected = false
            $0.lastError =
                "the broker does not grant the subscription \(first.filter)\(others): \(first.reason); "
                + "let the user of mqtt.username read it in the broker's access rules"
        }
    }

    /// Longer than a message is on its way from the broker to us.
    private static let transit = Duration.seconds(1)

    /// Between two requests for filters that were not granted.
    private static let subscribePause = Duration.seconds(10)

    /// For a session that the broker does not know yet and nobody may read: makes the broker know it, so that it
    /// queues from now on, and leaves again. Reads no more than the answers; what comes between them stays
    /// unacknowledged, as nothing is written once a message was read.
    private func register(_ client: MQTTClient) throws(MQTTError) {
        // Messages are proof of subscriptions. Without them filters are asked for also where the broker has kept
        // the session: it may be one from before a kind was added.
        isRegistered = discarded > 0
        if isRegistered { return }
        try open(client)
        let deadline = ContinuousClock.now + connectTimeout
        while unanswered > 0 && goesOn {
            isRegistered = discarded > 0
            guard ContinuousClock.now < deadline else { throw .noAnswer(client.peer, within: connectTimeout) }
            if discarded == 0 && client.wantsWrite { try client.loopWrite() }
            while try client.loopRead() && unanswered > 0 {}
            if unanswered > 0 { sleep(client, writing: discarded == 0 && client.wantsWrite, until: deadline) }
        }
    }

    // MARK: Bursts

    private func serve(_ client: MQTTClient) throws(MQTTError) {
        while goesOn {
            if linger.isEmpty { try write(client) }
            try read(client)
            if isDiscarding { return }
            let now = ContinuousClock.now
            switch decide(at: now) {
            case .nothing:
                if isRingFull {
                    handover.intakeWaiter.wait(until: now + .milliseconds(10))
                } else {
                    let deadline = noteSilence(at: now, until: nextMisc)
                    // All that was published until a moment ago is read and acknowledged.
                    let before = now - Self.transit
                    if !backlog.isDraining { reachesBackTo = max(reachesBackTo ?? before, before) }
                    sleep(client, writing: client.wantsWrite, until: deadline)
                }
            case .wait(let end):
                sleep(client, writing: false, until: noteSilence(at: now, until: end))
            case .close(let reason):
                guard close(reason) else { return }
                try write(client)
            }
        }
    }

    private func read(_ client: MQTTClient) throws(MQTTError) {
        repeat {
            if handover.hurry.load(ordering: .relaxed) { linger.hurry(at: .now) }
            isRingFull = !handover.ring.hasRoom(for: Handover.largestMessage)
            if isRingFull {
                counters.ringFullWaits.increment()
                linger.hurry(at: .now)
                break
            }
            guard try client.loopRead() else { break }
        } while !linger.isDue && !isDiscarding
        if pushedSinceWake { wakeWorker() }
    }

    private func wakeWorker() {
        pushedSinceWake = false
        handover.workerWaiter.wake()
    }

    private func decide(at now: ContinuousClock.Instant) -> Linger.Decision {
        if linger.isEmpty { return .nothing }
        // Nothing to acknowledge, or committed already, in the company of the other lane or for an alarm:
        // no reason to wait.
        if mode == .rescue || isCommitted { return .close(.hurry) }
        return linger.decide(at: now)
    }

    /// Everything read is durable, or was let go. Acquire: pairs with the release in `Handover.commit`.
    private var isCommitted: Bool { unsettled.map { handover.committed.load(ordering: .acquiring) >= $0 } ?? true }

    /// Ends the burst: has it committed and waits for that, except where nothing will be acknowledged.
    /// `false`: it was not committed and we cannot wait longer, or it was thrown away; it must not be acknowledged.
    private func close(_ reason: Linger.Reason) -> Bool {
        // Release: pairs with the acquire in `Handover.wantedSequence`.
        handover.wanted.store(sequence, ordering: .releasing)
        if mode != .rescue {
            while !isCommitted {
                handover.workerWaiter.wake()
                if mustLeave { return false }
                // A store that is retried may take long. Nothing is read or written meanwhile, not even a
                // PINGREQ, which would take the acknowledgements along; the broker may end the connection.
                let second = ContinuousClock.now + .seconds(1)
                handover.intakeWaiter.wait(until: board.stopDeadline.map { min($0, second) } ?? second)
            }
            // Asked after `committed`, which may have risen over what was given up.
            if isGivenUp { return false }
            counters.messagesAcknowledged.add(UInt64(linger.inWindow))
        }
        unsettled = nil
        handover.hurry.store(false, ordering: .relaxed)
        let now = ContinuousClock.now
        linger.closed(reason, at: now)
        backlog.closed(reason, at: now)
        noteBacklog()
        return true
    }

    /// The socket is empty. While a backlog is drained, sleep is cut short to notice the end of it.
    private func noteSilence(
        at now: ContinuousClock.Instant, until deadline: ContinuousClock.Instant
    ) -> ContinuousClock.Instant {
        backlog.empty(at: now, mayBeStalled: linger.mayBeStalled)
        noteBacklog()
        return backlog.isDraining ? min(deadline, now + Backlog.silence) : deadline
    }

    private func noteBacklog() {
        guard showsDraining, !backlog.isDraining else { return }
        showsDraining = false
        board.update { $0.isDraining = false }
    }

    /// Only with everything committed that was read.
    private func write(_ client: MQTTClient) throws(MQTTError) {
        let now = ContinuousClock.now
        if now >= nextMisc {
            nextMisc = now + .seconds(1)
            try client.loopMisc()
            try subscribeAgain(client, at: now)
        }
        if client.wantsWrite { try client.loopWrite() }
    }

    // MARK: Messages

    func mqttReceived(_ message: MQTTMessage) {
        guard !isDiscarding else {
            discarded += 1
            return
        }
        let now = ContinuousClock.now
        counters.messagesReceived.increment()
        counters.bytesReceived.add(UInt64(message.topic.count + message.payload.count))
        backlog.received(at: now)
        let needsAcknowledgement = message.qos > 0
        if handover.lane == .bulk, settings.catchAll, subscriptions.isCarriedByUrgent(message.topic),
            cover.holds(since: reachesBackTo)
        {
            counters.messagesLetGo.increment()
            linger.received(bytes: 0, occupiesWindow: needsAcknowledgement, at: now)
            return
        }
        guard push(message) else { return }
        linger.received(
            bytes: message.topic.count + message.payload.count, occupiesWindow: needsAcknowledgement, at: now)
        if Subscriptions.isImmediate(message.topic) {
            linger.hurry(at: now)
            wakeWorker()
        }
    }

    /// `false`: there was no room until we had to leave; nothing of this connection will be acknowledged.
    private func push(_ message: MQTTMessage) -> Bool {
        var flags: MessageHeader.Flags = []
        if message.isRetained { flags.insert(.retained) }
        if message.isDuplicate { flags.insert(.duplicate) }
        if backlog.isDraining { flags.insert(.backlog) }
        var payload = message.payload
        if payload.count > Limits.maximumPayload {
            counters.payloadsCut.increment()
            payload = UnsafeRawBufferPointer(rebasing: payload[..<Limits.maximumPayload])
        }
        let header = MessageHeader(
            receivedAt: wallClock(), sequence: sequence + 1, publishedLength: UInt32(clamping: message.payload.count),
            topicLength: UInt16(clamping: message.topic.count), packetID: message.packetID, lane: handover.lane,
            flags: flags)
        // There was room for one message of any size before the library was called; under TLS it may read
        // several packets at once.
        while !handover.ring.tryPush(header, message.topic, payload) {
            counters.ringFullWaits.increment()
            if mustLeave {
                isDiscarding = true
                return false
            }
            wakeWorker()
            handover.intakeWaiter.wait(until: .now + .milliseconds(10))
        }
        sequence += 1
        unsettled = sequence
        pushedSinceWake = true
        return true
    }

    // MARK: Stopping

    /// The order to stop has come: commit and acknowledge what was read, say goodbye.
    private func finish(_ client: MQTTClient) throws(MQTTError) {
        guard !isDiscarding, linger.isEmpty || close(.hurry), let deadline = board.stopDeadline else { return }
        isDiscarding = true
        if handover.lane == .urgent {
            farewell = try client.publish(presence.topic, presence.offline, qos: 1, isRetained: true)
            // Its acknowledgement says that the broker has had ours as well.
            while farewell != nil && ContinuousClock.now < deadline {
                if discarded == 0 && client.wantsWrite { try client.loopWrite() }
                while try client.loopRead() && farewell != nil {}
                if farewell != nil { sleep(client, writing: discarded == 0 && client.wantsWrite, until: deadline) }
            }
        }
        // A DISCONNECT would take the acknowledgements of what came meanwhile along. Without one the broker
        // publishes the will, which says the same as we did.
        guard discarded == 0 else { return }
        try client.disconnect()
        while client.socket != nil && client.wantsWrite && ContinuousClock.now < deadline {
            try client.loopWrite()
            if client.socket != nil && client.wantsWrite { sleep(client, writing: true, until: deadline) }
        }
    }

    func mqttPublished(packetID: UInt16, reason: Int) {
        if packetID == farewell { farewell = nil }
    }

    // MARK: Waiting

    /// For the socket, an order, or `deadline`.
    private func sleep(_ client: MQTTClient, writing: Bool, until deadline: ContinuousClock.Instant) {
        guard let socket = client.socket, handover.intakeWaiter.prepareToSleep() else { return }
        defer { handover.intakeWaiter.drain() }
        descriptors[0] = pollfd(fd: socket, events: Int16(writing ? POLLIN | POLLOUT : POLLIN), revents: 0)
        descriptors[1] = pollfd(fd: handover.intakeWaiter.fileDescriptor, events: Int16(POLLIN), revents: 0)
        let (seconds, attoseconds) = (deadline - .now).components
        // Rounded up, so as not to come round again just before the deadline.
        let milliseconds = seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        poll(&descriptors, nfds_t(descriptors.count), Int32(max(0, min(milliseconds, 60_000))))
    }

    /// TCP has not answered yet: only POLLOUT tells when it has.
    private func isConnecting(_ client: MQTTClient) -> Bool {
        guard let socket = client.socket else { return false }
        var peer = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &peer) { bytes in
            guard let address = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return false }
            return getpeername(socket, address, &length) != 0
        }
    }
}

extension IntakeLoop: MQTTDelegate {}

/// For name resolution aside: TCP, TLS and CONNACK together.
private let connectTimeout = Duration.seconds(10)

private func wallClock() -> Timestamp {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Timestamp(milliseconds: Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000)
}
