import FireModel
import NIOSSL
import Synchronization

/// The certificates of endpoints, read once until they are read again at a reload.
final class ClientTLS: Sendable {
    private let known = Mutex<[Endpoint.TLS: TLSConfiguration]>([:])

    /// `nil`: as the client has it, the authorities of the system and no certificate of ours.
    func configuration(_ tls: Endpoint.TLS) throws(Failure) -> TLSConfiguration? {
        if tls == Endpoint.TLS() { return nil }
        if let known = known.withLock({ $0[tls] }) { return known }
        let configuration = try Self.read(tls)
        known.withLock { $0[tls] = configuration }
        return configuration
    }

    func renew() { known.withLock { $0.removeAll() } }

    private static func read(_ tls: Endpoint.TLS) throws(Failure) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if !tls.caFile.isEmpty {
            configuration.trustRoots = .certificates(
                try file(tls.caFile, "ca_file") { try NIOSSLCertificate.fromPEMFile($0) })
        }
        if !tls.certFile.isEmpty {
            configuration.certificateChain = try file(tls.certFile, "cert_file") {
                try NIOSSLCertificate.fromPEMFile($0)
            }.map { .certificate($0) }
            configuration.privateKey = .privateKey(
                try file(tls.keyFile, "key_file") { try NIOSSLPrivateKey(file: $0, format: .pem) })
        }
        return configuration
    }

    private static func file<R>(_ path: String, _ key: String, _ read: (String) throws -> R) throws(Failure) -> R {
        do {
            return try read(path)
        } catch {
            throw Failure(reason: .tls, text: "\(key) cannot be used: expected a readable file in PEM form")
        }
    }
}
