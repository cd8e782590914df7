import CMosquitto
import Glibc

/// Puts together why TLS failed, from what the library logs and what OpenSSL still knows at that moment.
struct TLSFailure {
    private(set) var error: MQTTError?

    /// To be called for each line the library logs as an error: the TLS object is freed right after.
    mutating func note(_ line: String, handle: OpaquePointer, peer: String) {
        // "OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed"
        guard error == nil else { return }
        if line.hasPrefix("OpenSSL Error") {
            let reason = line.split(separator: ":").last.map(String.init) ?? line
            if reason == "certificate verify failed" {
                error = unsafe verification(handle, peer: peer)
            } else {
                error = MQTTError(.tls, "TLS with \(peer) failed: \(reason)", remedy: remedy(for: reason))
            }
        } else if line.contains("CA certificates") || line.contains("client certificate") || line.contains("client key")
            || line.contains("Client certificate")
        {
            // "Error: Unable to load CA certificates, check cafile "…"."
            error = MQTTError(.tls, line.hasPrefix("Error: ") ? String(line.dropFirst(7)) : line)
        }
    }

    private func verification(_ handle: OpaquePointer, peer: String) -> MQTTError {
        let what = "the certificate of \(peer) is not accepted: "
        guard let code = unsafe verifyResult(handle) else {
            return MQTTError(.tls, what + "verification failed", remedy: "check the CA file and the clock")
        }
        switch code {
        // libmosquitto compares the name itself, after OpenSSL has found nothing wrong.
        case 0, 1:
            return MQTTError(
                .tls, what + "it is made out to another name",
                remedy: "connect by the name that stands in the certificate")
        case 9, 10:
            return MQTTError(
                .tls, what + verifyText(code), remedy: "renew it on the broker, or set the clock of this machine")
        case 2, 18, 19, 20, 21:
            return MQTTError(
                .tls, what + verifyText(code), remedy: "the CA file must be that of the authority that signed it")
        default: return MQTTError(.tls, what + verifyText(code), remedy: "check the CA file and the clock")
        }
    }

    private func remedy(for reason: String) -> String {
        if reason.contains("alert") { return "the broker refuses our certificate: check the certificate and key files" }
        if reason.contains("wrong version number") || reason.contains("unexpected eof") {
            return "is this port one with TLS?"
        }
        return ""
    }
}

// OpenSSL is in the process because libmosquitto uses it; looking up two functions spares a dependency on
// its headers. Numbers of x509_vfy.h: 2, 18…21 unknown or self-signed issuer, 9 not yet valid, 10 expired.

private func verifyResult(_ handle: OpaquePointer) -> Int? {
    typealias Function = @convention(c) (UnsafeMutableRawPointer) -> Int
    guard let ssl = unsafe mosquitto_ssl_get(handle), let symbol = unsafe dlsym(nil, "SSL_get_verify_result") else {
        return nil
    }
    return unsafe unsafeBitCast(symbol, to: Function.self)(ssl)
}

private func verifyText(_ code: Int) -> String {
    typealias Function = @convention(c) (Int) -> UnsafePointer<CChar>?
    guard let symbol = unsafe dlsym(nil, "X509_verify_cert_error_string"),
        let text = unsafe unsafeBitCast(symbol, to: Function.self)(code)
    else { return "verification failed (\(code))" }
    return unsafe String(cString: text)
}
