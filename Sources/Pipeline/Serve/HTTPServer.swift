import FireModel
import FireTelemetry
import Hummingbird
import HummingbirdTLS
import Logging

/// The HTTP interface of contract 5 on its two doors: TCP, and the control socket.
///
/// `services` go into the daemon's service group; each is a `Service` of ServiceLifecycle that runs until
/// a graceful stop and throws when it cannot listen. Running one again tries again.
public final class HTTPServer: Sendable {
    typealias Door = Application<RouterResponder<ServeContext>>

    let network: Door
    let control: Door?
    private let tokens: TokenBoard
    private let certificate: Certificate?

    public var services: [any ApplicationProtocol] { [network] + (control.map { [$0] } ?? []) }

    /// - Parameters:
    ///   - clock: the time that relative `from` and `to` refer to.
    ///   - onListening: told the bound TCP port, every time the listener has come up.
    /// - Throws: `CertificateError`, `ServeSettingsError`.
    public init(
        _ settings: ServeSettings, gateway: Gateway, logger: Logger, clock: @escaping @Sendable () -> Timestamp,
        onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws {
        let tokens = TokenBoard(settings.tokens)
        let routes = apiRoutes(gateway, limits: settings.limits)
        let traffic = Traffic(gateway.metrics)
        let certificate = try Self.certificate(settings)
        let turnstile = Turnstile(limit: settings.limits.heavyRequests)

        /// One listener with its own router, which knows where its requests come in.
        func door(
            _ access: Access, _ names: HostNames?, at address: BindAddress, tls: TLSConfiguration?,
            onListening: @escaping @Sendable (Int?) -> Void
        ) throws -> Door {
            let streams = OpenStreams()
            let desk = Desk(
                access: access, tokens: tokens, limits: settings.limits, clock: clock, streams: streams,
                // A door's own: whoever fills the network's leaves the operator at the box his lists.
                lists: Turnstile(limit: settings.limits.lists), turnstile: turnstile)
            let router = Router(context: ServeContext.self, options: .autoGenerateHeadEndpoints)
            router.add(middleware: Reception(names: names, routes: routes, limits: settings.limits, traffic: traffic))
            for route in routes {
                router.on(RouterPath(route.path), method: route.method) { request, context in
                    try await desk.answer(route, request, context)
                }
            }
            return try Self.application(
                router, at: address, settings.limits, tls: tls, streams: streams, onListening: onListening, logger)
        }

        self.tokens = tokens
        self.certificate = certificate
        network = try door(
            Access(door: .network(isLoopback: settings.isLoopback)),
            HostNames(listen: settings.host, names: settings.names),
            at: .hostname(settings.host, port: settings.port), tls: certificate?.configuration
        ) { port in port.map(onListening) }
        control = try settings.controlSocketPath.map { path in
            try door(Access(door: .control), nil, at: .unixDomainSocket(path: path), tls: nil) { _ in
                guard let trouble = ControlSocket.restrict(path) else { return }
                logger.warning(
                    "control socket restricted to the daemon's own user",
                    metadata: [LogKey.path: "\(path)", LogKey.reason: "\(trouble)"])
            }
        }
    }

    private static func application(
        _ router: Router<ServeContext>, at address: BindAddress, _ limits: ServeLimits, tls: TLSConfiguration?,
        streams: OpenStreams, onListening: @escaping @Sendable (Int?) -> Void, _ logger: Logger
    ) throws -> Door {
        let plain = Application(
            router: router,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ConnectionWatch(limits: limits)],
                    idleTimeout: .milliseconds(limits.idle.wholeMilliseconds),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: limits.headerField, maxHeaderListSize: limits.headers,
                        maxHeaderFieldCount: limits.headerCount))),
            configuration: ApplicationConfiguration(
                address: address, availableConnectionsDelegate: .maximum(limits.connections, logger: logger)),
            onServerRunning: { channel in
                streams.listen()
                channel.closeFuture.whenComplete { _ in streams.closeAll() }
                onListening(channel.localAddress?.port)
            },
            logger: logger)
        guard let tls else { return plain }
        return Application(
            responder: plain.responder, server: try .tls(plain.server, tlsConfiguration: tls),
            configuration: plain.configuration, onServerRunning: plain.onServerRunning, logger: logger)
    }

    /// Exchanges the tokens in force. Requests already admitted go on.
    public func replaceTokens(_ new: Tokens?) { tokens.current = new }

    /// Reads the certificate files again, for new connections. Throws `CertificateError`; then what is in use stays.
    public func reloadCertificate() throws { try certificate?.reload() }

    private static func certificate(_ settings: ServeSettings) throws -> Certificate? {
        switch (settings.tlsCertificateFile, settings.tlsKeyFile) {
        case (nil, nil): nil
        case (let certificateFile?, let keyFile?):
            try Certificate(certificateFile: certificateFile, keyFile: keyFile)
        default: throw ServeSettingsError.halfACertificate
        }
    }
}

public enum ServeSettingsError: Error, Equatable, CustomStringConvertible, Sendable {
    case halfACertificate
    public var description: String { "http.tls needs both cert_file and key_file, or neither" }
}
