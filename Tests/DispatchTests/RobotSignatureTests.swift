import FireModel
import Foundation
import Testing

@testable import FireDispatch

/// The expected signatures come from Python:
///
///     def sign(key, text): return base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
///     sign(b"SECfiresense-0001", b"1795458000123\nSECfiresense-0001")      # 钉钉
///     sign(b"1795458000\nfeishu-secret-0001", b"")                         # 飞书
@Suite struct RobotSignatureTests {
    private let time = Timestamp(milliseconds: 1_795_458_000_123)

    @Test func dingtalkSignsInTheAddress() throws {
        var endpoint = makeEndpoint(.dingtalk)
        endpoint.secrets = [Secret(Array("SECfiresense-0001".utf8)), Secret(Array("another".utf8))]
        let message = try form.message(for: [Situation.fireRaised.change], to: endpoint, at: time)
        #expect(message.query.map(\.name) == ["timestamp", "sign"])
        #expect(message.query.map(\.value) == ["1795458000123", "XbCP1Vve+hawHR2dbPYx68NnjWI0vNvcYSooNWW/Kk0="])
        for message in [
            form.test(id: "a", to: endpoint, at: time),
            form.heartbeat(id: "a", to: endpoint, at: time, figures: DeliveryFigures()),
        ] {
            #expect(message.query.map(\.value) == ["1795458000123", "XbCP1Vve+hawHR2dbPYx68NnjWI0vNvcYSooNWW/Kk0="])
        }
    }

    private struct Signed: Decodable {
        var timestamp: String?
        var sign: String?
    }

    @Test func feishuSignsInTheBody() throws {
        var endpoint = makeEndpoint(.feishu)
        endpoint.secrets = [Secret(Array("feishu-secret-0001".utf8))]
        for message in [
            try form.message(for: [Situation.fireRaised.change], to: endpoint, at: time),
            form.test(id: "a", to: endpoint, at: time),
            form.heartbeat(id: "a", to: endpoint, at: time, figures: DeliveryFigures()),
        ] {
            let signed = try JSONDecoder().decode(Signed.self, from: Data(message.body))
            #expect(signed.timestamp == "1795458000")
            #expect(signed.sign == "Pei2fxbbhHx1C/rkB3c0ObEQeANiPKJagTVNrkXk5ic=")
            #expect(message.query.isEmpty)
        }
    }

    @Test func nothingIsSignedWithoutASecretNorWhereThereIsNoSignature() throws {
        for format in Endpoint.Format.allCases {
            let message = try form.message(for: [Situation.fireRaised.change], to: makeEndpoint(format), at: time)
            #expect(message.query.isEmpty)
            #expect(!String(decoding: message.body, as: UTF8.self).contains("\"sign\""))
        }
    }
}
