import Crypto
import FireModel
import Foundation

/// How chat robots want to be convinced of who is speaking. The secret is used as the text it is shown as. Each takes one
/// signature only, that of the first secret.
enum RobotSignature {
    struct Feishu: Equatable {
        var timestamp: String
        var sign: String
    }

    /// Parameters of the address: milliseconds, and HMAC-SHA256 over `timestamp\nsecret` with the secret as key. Still to be
    /// encoded for the address. https://open.dingtalk.com/document/robots/customize-robot-security-settings
    static func dingtalk(_ secrets: [Secret], at time: Timestamp) -> [(name: String, value: String)] {
        guard let secret = secrets.first else { return [] }
        let content = Array("\(time.milliseconds)\n".utf8) + secret.bytes
        let code = HMAC<SHA256>.authenticationCode(for: content, using: SymmetricKey(data: secret.bytes))
        return [("timestamp", String(time.milliseconds)), ("sign", Data(code).base64EncodedString())]
    }

    /// Fields of the body: seconds, and HMAC-SHA256 over nothing with `timestamp\nsecret` as key.
    /// https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
    static func feishu(_ secrets: [Secret], at time: Timestamp) -> Feishu? {
        guard let secret = secrets.first else { return nil }
        let seconds = String(time.milliseconds / 1000)
        let key = SymmetricKey(data: Array("\(seconds)\n".utf8) + secret.bytes)
        let code = HMAC<SHA256>.authenticationCode(for: [UInt8](), using: key)
        return Feishu(timestamp: seconds, sign: Data(code).base64EncodedString())
    }
}
