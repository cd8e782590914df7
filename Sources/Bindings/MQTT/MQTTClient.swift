import CMosquitto
import Glibc

/// One libmosquitto client, driven by the thread that owns it.
///
/// The library runs in external-thread mode: nothing is written to the socket except by `loopWrite`, above
/// all no PUBACK, which the library queues before it hands a message over. Whoever wants to acknowledge
/// only what is safe calls `loopWrite` only then. `subscribe`, `publish`, `disconnect` and the PINGREQ of
/// `loopMisc` go through the same queue, behind what is in it.
///
/// Not `Sendable`; a delegate must not be called back into `abandon` or `connect`.
@safe public final class MQTTClient {
    public let options: MQTTOptions
    /// Who hears what comes in.
    public weak var delegate: (any MQTTDelegate)?
    /// The broker has accepted the connection, and it has not ended since.
    public private(set) var isConnected = false
    /// Host and port of the last `connect`, for messages to people.
    public private(set) var peer = "the broker"

    /// `nil` once abandoned.
    private var handle: OpaquePointer?
    private var connackRefusal: Int?
    private var brokersReason: Int?
    private var tlsFailure = TLSFailure()
    private var isDisconnecting = false
    /// Calls to the delegate, to tell whether a loop call handed anything over.
    private var handovers: UInt64 = 0
    /// Filters of each SUBSCRIBE under way.
    private var subscribing: [Int32: [String]] = [:]

    /// What a redelivered message begins with in the library's debug log, the only place that tells DUP.
    private let duplicateLine: [CChar]
    private var isDuplicate = false
    /// Messages for which that log is still listened to, at the price of formatting a line for each.
    private var mayBeDuplicates = 0

    /// - Throws: `MQTTError` of kind `setting`, if the library refuses one of the options.
    public init(_ options: MQTTOptions) throws(MQTTError) {
        self.options = options
        duplicateLine = "Client \(options.clientID) received PUBLISH (d1".utf8.map { CChar(bitPattern: $0) }
        guard MQTTLibrary.isReady, let handle = unsafe mosquitto_new(options.clientID, options.cleanStart, nil) else {
            throw MQTTError(.setting, "libmosquitto refuses the client id '\(options.clientID)'")
        }
        unsafe self.handle = unsafe handle
        unsafe mosquitto_user_data_set(handle, Unmanaged.passUnretained(self).toOpaque())
        _ = unsafe mosquitto_threaded_set(handle, true)
        try unsafe configure(handle)
        unsafe setCallbacks(handle)
    }

    deinit { if let handle = unsafe handle { unsafe mosquitto_destroy(handle) } }

    private func configure(_ handle: OpaquePointer) throws(MQTTError) {
        let version = options.version == .v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311
        try accepted("protocol version", unsafe mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION, Int32(version)))
        try accepted("TCP_NODELAY", unsafe mosquitto_int_option(handle, MOSQ_OPT_TCP_NODELAY, 1))
        let sendMaximum = Int32(options.sendMaximum.clamped(to: 1...65_535))
        try accepted("send maximum", unsafe mosquitto_int_option(handle, MOSQ_OPT_SEND_MAXIMUM, sendMaximum))
        let receiveMaximum = Int32((options.receiveMaximum ?? 65_535).clamped(to: 1...65_535))
        try accepted("receive maximum", unsafe mosquitto_int_option(handle, MOSQ_OPT_RECEIVE_MAXIMUM, receiveMaximum))
        if let username = options.username {
            let password = options.password.map { $0.bytes.map { CChar(bitPattern: $0) } + [0] }
            try accepted("user name or password", unsafe mosquitto_username_pw_set(handle, username, password))
        }
        if let will = options.will {
            try accepted(
                "will '\(will.topic)'",
                unsafe mosquitto_will_set(
                    handle, will.topic, Int32(will.payload.count), will.payload, Int32(will.qos), will.isRetained))
        }
        if let tls = options.tls { try unsafe configure(handle, tls) }
    }

    private func configure(_ handle: OpaquePointer, _ tls: MQTTTLS) throws(MQTTError) {
        for file in [tls.caFile, tls.certFile, tls.keyFile] {
            if let file, unsafe access(file, R_OK) != 0 {
                throw MQTTError(
                    .setting, "cannot read \(file): \(unsafe String(cString: strerror(errno)))",
                    remedy: "check the path and who may read it")
            }
        }
        // Where Debian and its kin keep the authorities of the system.
        let directory = tls.caFile == nil ? "/etc/ssl/certs" : nil
        // A key with a passphrase: refused, instead of a question on a terminal that nobody sits at.
        let passphrase: @convention(c) (UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?) -> Int32 =
            { _, _, _, _ in 0 }
        try accepted(
            "TLS files",
            unsafe mosquitto_tls_set(handle, tls.caFile, directory, tls.certFile, tls.keyFile, passphrase))
    }

    private func accepted(_ what: String, _ code: Int32) throws(MQTTError) {
        guard code != MOSQ_ERR_SUCCESS.rawValue else { return }
        throw MQTTError(
            .setting, "libmosquitto refuses the \(what): \(unsafe String(cString: mosquitto_strerror(code)))")
    }

    // MARK: Connection

    /// Starts to connect. What takes time happens in the `loop…` calls, except resolving a host name.
    /// - Throws: `MQTTError`.
    public func connect(host: String, port: Int) throws(MQTTError) {
        guard let handle = unsafe handle else { throw .noConnection }
        peer = "\(host):\(port)"
        isConnected = false
        isDisconnecting = false
        connackRefusal = nil
        brokersReason = nil
        tlsFailure = TLSFailure()
        subscribing = [:]
        mayBeDuplicates = options.receiveMaximum ?? 65_535
        unsafe listenToLog(handle)

        let keepAlive = Int32(options.keepAlive.components.seconds.clamped(to: 5...65_535))
        if options.version == .v5, let expiry = options.sessionExpiry {
            // The call that takes properties connects and blocks meanwhile; the one that does not block takes
            // none. Without a host the former keeps the properties, then refuses, and the latter sends them.
            var properties: OpaquePointer?
            defer { unsafe mosquitto_property_free_all(&properties) }
            let seconds = UInt32(clamping: expiry.components.seconds)
            let identifier = Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue)
            try accepted("session expiry", unsafe mosquitto_property_add_int32(&properties, identifier, seconds))
            _ = unsafe mosquitto_connect_bind_v5(handle, nil, 0, keepAlive, nil, properties)
        }
        let start = { unsafe mosquitto_connect_bind_async(handle, host, Int32(clamping: port), keepAlive, nil) }
        errno = 0
        let code = options.tls == nil ? start() : MQTTLibrary.startingTLS.withLock { _ in start() }
        try check(code, errno)
    }

    /// The socket, for poll(2); `nil` without one.
    public var socket: Int32? {
        guard let handle = unsafe handle else { return nil }
        let socket = unsafe mosquitto_socket(handle)
        return socket < 0 ? nil : socket
    }

    /// Something waits to be written.
    public var wantsWrite: Bool { unsafe handle.map { unsafe mosquitto_want_write($0) } ?? false }

    /// Reads about one packet. `true`: something was handed to the delegate, so there may be more.
    /// - Throws: `MQTTError`, when the connection is refused or has ended.
    @discardableResult
    public func loopRead() throws(MQTTError) -> Bool {
        guard let handle = unsafe handle else { throw .noConnection }
        let before = handovers
        errno = 0
        try check(unsafe mosquitto_loop_read(handle, 1), errno)
        return handovers != before
    }

    /// Writes what is queued, as far as the socket takes it: acknowledgements of everything read so far.
    /// - Throws: `MQTTError`, when the connection has ended.
    public func loopWrite() throws(MQTTError) {
        guard let handle = unsafe handle else { throw .noConnection }
        errno = 0
        // 1: the library repeats that often even with nothing to write.
        try check(unsafe mosquitto_loop_write(handle, 1), errno)
    }

    /// Queues a PINGREQ when one is due; to be called about once a second.
    /// - Throws: `MQTTError`, when the broker has not answered the last one.
    public func loopMisc() throws(MQTTError) {
        guard let handle = unsafe handle else { throw .noConnection }
        errno = 0
        try check(unsafe mosquitto_loop_misc(handle), errno)
    }

    /// Waits up to `timeout` for the socket, then reads, writes and keeps alive: all there is to do for a
    /// client that may acknowledge at once.
    /// - Parameter wakingOn: Another descriptor that ends the waiting when it becomes readable.
    /// - Throws: `MQTTError`, when the connection is refused or has ended.
    public func step(_ timeout: Duration, wakingOn other: Int32? = nil) throws(MQTTError) {
        guard let socket else { throw .noConnection }
        // poll(2) passes over a negative one.
        var descriptors = [
            pollfd(fd: socket, events: Int16(wantsWrite ? POLLIN | POLLOUT : POLLIN), revents: 0),
            pollfd(fd: other ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        let (seconds, attoseconds) = timeout.components
        let milliseconds = Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000)
        guard unsafe poll(&descriptors, 2, milliseconds) >= 0 || errno == EINTR else { throw .noConnection }
        if wantsWrite { try loopWrite() }
        while self.socket != nil, try loopRead() {}
        guard self.socket != nil else { return }
        if wantsWrite { try loopWrite() }
        if self.socket != nil { try loopMisc() }
    }

    /// Queues a DISCONNECT behind everything else; `loopWrite` sends it and closes the socket.
    /// - Throws: `MQTTError`.
    public func disconnect() throws(MQTTError) {
        guard let handle = unsafe handle else { throw .noConnection }
        isDisconnecting = true
        try check(unsafe mosquitto_disconnect(handle), 0)
    }

    /// Closes the socket and forgets everything, without writing what is queued: what was read and not
    /// acknowledged comes again. The client cannot be used any more.
    public func abandon() {
        guard let handle = unsafe handle else { return }
        unsafe self.handle = nil
        isConnected = false
        unsafe mosquitto_destroy(handle)
    }

    // MARK: Subscribe and publish

    /// Whether MQTT allows this as a topic filter.
    public static func isFilter(_ text: String) -> Bool {
        unsafe mosquitto_sub_topic_check(text) == MOSQ_ERR_SUCCESS.rawValue
    }

    /// Queues a SUBSCRIBE; the answer comes as `mqttSubscribed`. Under MQTT 5 retained messages are asked
    /// for only where the session has not had the subscription yet.
    /// - Throws: `MQTTError`.
    public func subscribe(_ filters: [String], qos: UInt8) throws(MQTTError) {
        guard let handle = unsafe handle else { throw .noConnection }
        guard !filters.isEmpty else { return }
        let strings: [UnsafeMutablePointer<CChar>?] = unsafe filters.map { unsafe strdup($0) }
        defer { unsafe strings.forEach { unsafe free($0) } }
        let subOptions = options.version == .v5 ? Int32(MQTT_SUB_OPT_SEND_RETAIN_NEW.rawValue) : 0
        var packetID: Int32 = 0
        let code = unsafe mosquitto_subscribe_multiple(
            handle, &packetID, Int32(strings.count), strings, Int32(qos), subOptions, nil)
        try check(code, 0)
        subscribing[packetID] = filters
    }

    /// Whether a PUBACK's reason is a refusal, in words; `nil`: the broker has taken the message. Under MQTT 3.1.1 it
    /// is always 0.
    public static func refusal(reason: Int) -> String? { reason >= 128 ? "\(reasonText(reason)) (\(reason))" : nil }

    /// Queues a message and gives its packet id; `mqttPublished` tells when it was sent (QoS 0) or
    /// acknowledged (QoS 1).
    /// - Throws: `MQTTError`.
    @discardableResult
    public func publish(
        _ topic: String, _ payload: UnsafeRawBufferPointer, qos: UInt8, isRetained: Bool = false
    ) throws(MQTTError) -> UInt16 {
        guard let handle = unsafe handle else { throw .noConnection }
        var packetID: Int32 = 0
        let code = unsafe mosquitto_publish(
            handle, &packetID, topic, Int32(clamping: payload.count), payload.baseAddress, Int32(qos), isRetained)
        try check(code, 0)
        return UInt16(truncatingIfNeeded: packetID)
    }

    /// - Throws: `MQTTError`.
    @discardableResult
    public func publish(
        _ topic: String, _ payload: [UInt8], qos: UInt8, isRetained: Bool = false
    ) throws(MQTTError) -> UInt16 {
        // `withUnsafeBytes` rethrows untyped errors only.
        let result: Result<UInt16, MQTTError> = unsafe payload.withUnsafeBytes { bytes in
            do throws(MQTTError) {
                return .success(try unsafe publish(topic, bytes, qos: qos, isRetained: isRetained))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    // MARK: From the library

    private func check(_ code: Int32, _ systemError: Int32) throws(MQTTError) {
        if code == MOSQ_ERR_SUCCESS.rawValue, brokersReason == nil, connackRefusal == nil { return }
        isConnected = false
        // The broker's own words before what the library makes of them, and those before the bare number.
        if let connackRefusal { throw .refused(connack: connackRefusal) }
        if let brokersReason { throw .disconnected(reason: brokersReason) }
        if let error = tlsFailure.error { throw error }
        throw .library(code, systemError: systemError, peer: peer)
    }

    func connected(code: Int32, flags: Int32) {
        guard code == 0 else {
            connackRefusal = Int(code)
            return
        }
        isConnected = true
        handovers += 1
        let sessionPresent = flags & 1 != 0
        if !sessionPresent { mayBeDuplicates = 0 }
        delegate?.mqttConnected(sessionPresent: sessionPresent)
    }

    /// `reason`: from 128 up the broker's, else the library's, which its call returns as well.
    func disconnected(reason: Int32) {
        isConnected = false
        if reason >= 128 || (reason == 0 && !isDisconnecting) { brokersReason = Int(reason) }
    }

    func received(_ message: mosquitto_message) {
        handovers += 1
        let length = unsafe message.topic.map { unsafe strlen($0) } ?? 0
        unsafe delegate?.mqttReceived(
            MQTTMessage(
                topic: UnsafeRawBufferPointer(start: message.topic, count: length),
                payload: UnsafeRawBufferPointer(start: message.payload, count: Int(max(0, message.payloadlen))),
                packetID: UInt16(truncatingIfNeeded: message.mid), qos: UInt8(clamping: message.qos),
                isRetained: message.retain, isDuplicate: isDuplicate))
        isDuplicate = false
        if mayBeDuplicates > 0 { mayBeDuplicates -= 1 } else { stopListeningToLog() }
    }

    func subscribed(packetID: Int32, codes: UnsafeBufferPointer<Int32>) {
        handovers += 1
        let filters = subscribing.removeValue(forKey: packetID) ?? []
        let subscriptions = unsafe zip(filters, codes).map { MQTTSubscription(filter: $0, code: Int($1)) }
        delegate?.mqttSubscribed(subscriptions)
    }

    func published(packetID: Int32, reason: Int32) {
        handovers += 1
        delegate?.mqttPublished(packetID: UInt16(truncatingIfNeeded: packetID), reason: Int(reason))
    }

    func logged(level: Int32, line: UnsafePointer<CChar>) {
        if level == MOSQ_LOG_DEBUG {
            // The line about the PUBACK comes in between: only the message itself takes this back.
            if unsafe strncmp(line, duplicateLine, duplicateLine.count) == 0 { isDuplicate = true }
        } else if level == MOSQ_LOG_ERR, let handle = unsafe handle {
            unsafe tlsFailure.note(String(cString: line), handle: handle, peer: peer)
        }
    }

    private func stopListeningToLog() {
        guard isListeningToLog, let handle = unsafe handle else { return }
        isListeningToLog = false
        unsafe mosquitto_log_callback_set(handle, nil)
    }

    private var isListeningToLog = false
    private func listenToLog(_ handle: OpaquePointer) {
        isListeningToLog = true
        unsafe setLogCallback(handle)
    }
}

extension Comparable {
    fileprivate func clamped(to range: ClosedRange<Self>) -> Self { min(max(self, range.lowerBound), range.upperBound) }
}
