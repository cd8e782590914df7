import Crypto
import FireModel
import Foundation
import Testing

@testable import FireDispatch

@Suite struct SignatureTests {
    @Test func signatureMatchesThePublishedVector() throws {
        let key = try #require(Data(base64Encoded: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let header = Signature.header(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: Array(#"{"test": 2432232314}"#.utf8),
            secrets: [Secret(Array(key))])
        #expect(header == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test func everySecretSigns() throws {
        let header = try #require(
            Signature.header(id: "a", timestamp: 1, body: [1, 2], secrets: [secret, Secret([1, 2, 3])]))
        let signatures = header.split(separator: " ")
        #expect(signatures.count == 2)
        #expect(signatures[0] != signatures[1])
        #expect(signatures.allSatisfy { $0.hasPrefix("v1,") })
    }

    @Test func nothingIsSignedWithoutSecrets() {
        #expect(Signature.header(id: "a", timestamp: 1, body: [], secrets: []) == nil)
    }
}
