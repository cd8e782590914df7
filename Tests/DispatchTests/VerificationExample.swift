import Crypto
import Foundation

/// Whether a webhook is genuine. All of `whsec_…` in `secrets` are good, as while keys are exchanged.
func isGenuine(
    body: Data, id: String, timestamp: String, signatures: String, clock: String?, secrets: [String], now: Date = Date()
) -> Bool {
    guard let sent = Int(timestamp) else { return false }
    // A gateway without the time says so. Its fire is a fire.
    guard clock == "unsynchronised" || abs(now.timeIntervalSince1970 - Double(sent)) <= 300 else { return false }
    let content = Data("\(id).\(timestamp).".utf8) + body
    for secret in secrets where secret.hasPrefix("whsec_") {
        guard let key = Data(base64Encoded: String(secret.dropFirst("whsec_".count))) else { continue }
        for signature in signatures.split(separator: " ") where signature.hasPrefix("v1,") {
            guard let code = Data(base64Encoded: String(signature.dropFirst("v1,".count))) else { continue }
            // Compares in constant time.
            if HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: content, using: SymmetricKey(data: key)) {
                return true
            }
        }
    }
    return false
}
