/// Section `http` of the configuration (contract 4), and where the control socket is.
public struct ServeSettings: Sendable {
    /// Host name or address without brackets, e.g. `127.0.0.1`, `::1`, `0.0.0.0`.
    public var host = "127.0.0.1"
    /// 0: any free port, told through `onListening`.
    public var port = 8470
    /// Further names and addresses, without ports, by which callers may reach this gateway (`Host` header).
    public var names: [String] = []
    /// Both or neither; PEM.
    public var tlsCertificateFile: String?
    public var tlsKeyFile: String?
    /// `nil`: no tokens are configured.
    public var tokens: Tokens?
    /// `nil`: no control socket. Its folder must exist.
    public var controlSocketPath: String?
    public var limits = ServeLimits()

    public init() {}

    /// Nobody but this machine can connect.
    public var isLoopback: Bool { HostNames.isLoopback(host) }
}

/// What one caller may cost. The defaults fit a duty room, its scripts and a Prometheus server, on a small box.
public struct ServeLimits: Sendable {
    /// Connections per listener. More wait in the backlog of the kernel.
    public var connections = 256
    /// A connection on which no request is being answered is closed after this.
    public var idle = Duration.seconds(30)
    /// Bytes of the path with its query.
    public var target = 8 * 1024
    public var headerField = 8 * 1024
    public var headers = 32 * 1024
    public var headerCount = 100
    /// Bytes of a request body, and how long it may take to arrive.
    public var body = 64 * 1024
    public var bodyTime = Duration.seconds(10)
    /// A caller that sends nothing of an upload for so long is disconnected.
    public var uploadStall = Duration.seconds(300)
    /// Answers longer than this are sent in pieces of this size, each when the one before has left.
    public var piece = 32 * 1024
    /// A caller that takes nothing of what is written for this long is disconnected.
    public var stall = Duration.seconds(60)
    /// From a request to the end of its answer, but for exports.
    public var answer = Duration.seconds(600)
    /// What still comes after the last answer of a connection is read and thrown away up to so many bytes, and
    /// for so long: a caller that sends before it reads is to see the answer.
    public var thrownAway = 1024 * 1024
    public var linger = Duration.seconds(2)
    /// Queries over stored readings that may run at once.
    public var heavyRequests = 8
    /// Pages of lists that may be on their way at once.
    public var lists = 32
    /// Bytes of one page of a list. It may be longer by the items that are read at once.
    public var page = 2 * 1024 * 1024
    /// The same of newest values, of which a page may have many more.
    public var latestPage = 8 * 1024 * 1024
    /// Bytes of quarantined payload in one page of the list.
    public var quarantinePage = 4 * 1024 * 1024

    public init() {}
}
