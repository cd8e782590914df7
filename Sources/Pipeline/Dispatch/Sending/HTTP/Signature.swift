import Crypto
import FireModel
import Foundation

/// Standard Webhooks 1.0.0, symmetric scheme `v1`.
enum Signature {
    /// The header `webhook-signature`: one signature per secret, so that a receiver keeps verifying while keys
    /// are exchanged. `nil` without secrets.
    /// - Parameter timestamp: Seconds since 1970 of this attempt, as in `webhook-timestamp`.
    static func header(id: String, timestamp: Int64, body: [UInt8], secrets: [Secret]) -> String? {
        guard !secrets.isEmpty else { return nil }
        let content = Array("\(id).\(timestamp).".utf8) + body
        return secrets.map { secret in
            let code = HMAC<SHA256>.authenticationCode(for: content, using: SymmetricKey(data: secret.bytes))
            return "v1," + Data(code).base64EncodedString()
        }.joined(separator: " ")
    }
}
