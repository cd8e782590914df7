import AsyncHTTPClient
import FireModel
import Foundation

/// Whether those answer whom the daemon talks to over HTTP, and the daemon itself.
enum RemoteChecks {
    private static let limit = Duration.seconds(10)

    /// Nothing is delivered: OPTIONS changes nothing, and any answer will do.
    static func webhooks(_ endpoints: [Endpoint]) async -> [Finding] {
        guard !endpoints.isEmpty else { return [] }
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(5)))
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        let http = HTTPClient(configuration: configuration)
        let findings = await withTaskGroup(of: (Int, Finding).self) { group in
            for (index, endpoint) in endpoints.enumerated() {
                group.addTask { (index, await webhook(endpoint, http)) }
            }
            return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
        try? await http.shutdown()
        return findings
    }

    private static func webhook(_ endpoint: Endpoint, _ http: HTTPClient) async -> Finding {
        let check = "webhook \(endpoint.name)"
        let url: String
        switch endpoint.channel {
        case .http(let its): url = its
        case .mqtt: return .ok(check, "goes to the broker of section mqtt")
        case .command(let words):
            let program = words.first ?? ""
            return access(program, X_OK) == 0
                ? .ok(check, "\(program) can be run")
                : .fail(check, "\(program) cannot be run: \(String(cString: strerror(errno)))", "chmod +x, or its path")
        }
        let address = host(url)
        var request = HTTPClientRequest(url: url)
        request.method = .OPTIONS
        do {
            let response = try await http.execute(request, timeout: .milliseconds(limit.wholeMilliseconds))
            let signed = endpoint.secrets.isEmpty ? ", unsigned" : ""
            return .ok(check, "\(address) answers (\(response.status.code) to OPTIONS)\(signed)")
        } catch {
            // The address with its path may be a secret.
            let reason = reason(error).replacing(url, with: address)
            return .fail(
                check, "\(address) does not answer: \(reason)",
                "start the receiver, or check url, network and certificate")
        }
    }

    /// The part of an address that may be shown.
    static func host(_ url: String) -> String {
        guard let address = URLComponents(string: url), let host = address.host else { return "?" }
        return "\(address.scheme ?? "http")://\(host)\(address.port.map { ":\($0)" } ?? "")"
    }

    static func daemon(_ sockets: [String]) async -> [Finding] {
        let check = "daemon"
        switch ControlSocket.find(sockets) {
        case .none(let tried):
            return [
                .warn(check, "not reached: \(tried.joined(separator: ", "))", "systemctl start firesense, or use sudo")
            ]
        case .found(let path):
            let gateway = HTTPGateway(.controlSocket(path), token: nil)
            let finding: Finding
            do {
                let (isReady, reasons) = try await gateway.readiness()
                finding =
                    isReady
                    ? .ok(check, "ready")
                    : .fail(check, "not ready: \(reasons.joined(separator: ", "))", "journalctl -u firesense")
            } catch {
                finding = .fail(check, "\(error)", nil)
            }
            await gateway.close()
            return [finding]
        }
    }
}
