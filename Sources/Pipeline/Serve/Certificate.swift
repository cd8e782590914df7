import HummingbirdTLS
import Synchronization

/// The certificate of the TCP listener, read again at a reload while connections go on.
final class Certificate: Sendable {
    private let certificateFile: String
    private let keyFile: String
    private let current: Mutex<Pair>

    private struct Pair: Sendable {
        var chain: [NIOSSLCertificate]
        var key: NIOSSLPrivateKey
    }

    /// Throws `CertificateError`.
    init(certificateFile: String, keyFile: String) throws(CertificateError) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        current = Mutex(try Self.read(certificateFile, keyFile))
    }

    /// New connections use what is in the files now. On an error the certificate in use stays.
    func reload() throws(CertificateError) {
        let pair = try Self.read(certificateFile, keyFile)
        current.withLock { $0 = pair }
    }

    var configuration: TLSConfiguration {
        let pair = current.withLock { $0 }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: pair.chain.map { .certificate($0) }, privateKey: .privateKey(pair.key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        configuration.sslContextCallback = { [self] _, promise in
            let pair = current.withLock { $0 }
            promise.succeed(
                changed(.noChanges) {
                    $0.certificateChain = pair.chain.map { .certificate($0) }
                    $0.privateKey = .privateKey(pair.key)
                })
        }
        return configuration
    }

    private static func read(_ certificateFile: String, _ keyFile: String) throws(CertificateError) -> Pair {
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMFile(certificateFile)
        } catch {
            throw CertificateError(file: certificateFile, expected: "a certificate chain in PEM")
        }
        guard !chain.isEmpty else {
            throw CertificateError(file: certificateFile, expected: "a certificate chain in PEM")
        }
        do {
            return Pair(chain: chain, key: try NIOSSLPrivateKey(file: keyFile, format: .pem))
        } catch {
            throw CertificateError(file: keyFile, expected: "a private key in PEM without a passphrase")
        }
    }
}

private func changed<Value>(_ value: Value, _ change: (inout Value) -> Void) -> Value {
    var value = value
    change(&value)
    return value
}

/// A certificate or key that cannot be used. Says nothing of what is in the file.
public struct CertificateError: Error, Equatable, CustomStringConvertible, Sendable {
    public var file: String
    public var expected: String
    public var description: String { "'\(file)' cannot be read, expected \(expected)" }
}
