import CMosquitto
import Glibc

/// Why a connection failed or ended, in words that name what to look at.
public struct MQTTError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Kind: Sendable {
        /// The library refuses a setting before anything is sent.
        case setting
        /// Name not resolved, connection refused, no answer.
        case unreachable
        case tls
        /// Refused by the broker for the user, the password or the access rules.
        case notAuthorised
        /// Refused by the broker for another reason.
        case refused
        /// Another client has connected with the same client id.
        case takenOver
        /// The connection ended.
        case lost
        /// Called without a connection.
        case notConnected
    }

    public let kind: Kind
    /// What happened.
    public let text: String
    /// What to do about it; empty when there is nothing but to wait.
    public let remedy: String

    public var description: String { remedy.isEmpty ? text : "\(text); \(remedy)" }

    public init(_ kind: Kind, _ text: String, remedy: String = "") {
        self.kind = kind
        self.text = text
        self.remedy = remedy
    }

    /// No CONNACK or SUBACK came.
    public static func noAnswer(_ peer: String, within time: Duration) -> MQTTError {
        MQTTError(
            .unreachable, "\(peer) has not answered within \(time.components.seconds) s",
            remedy: "check the network, and that an MQTT broker listens there, with or without TLS as configured")
    }

    static let noConnection = MQTTError(.notConnected, "not connected to the broker")
}

extension MQTTError {
    /// A CONNACK with a reason: 1 to 5 of MQTT 3.1.1, from 128 up of MQTT 5.
    static func refused(connack code: Int) -> MQTTError {
        let text = "the broker refuses the connection: \(code < 128 ? connackText(code) : reasonText(code)) (\(code))"
        switch code {
        case 1, 132: return MQTTError(.refused, text, remedy: "try the other protocol version, 5 or 3.1.1")
        case 2, 133:
            return MQTTError(.refused, text, remedy: "use another client id: only 0-9 A-Z a-z are always allowed")
        case 4, 5, 134, 135:
            return MQTTError(
                .notAuthorised, text, remedy: "check user name and password against the password file of the broker")
        case 138: return MQTTError(.notAuthorised, text, remedy: "the broker has banned this client")
        default: return MQTTError(.refused, text)
        }
    }

    /// A DISCONNECT sent by the broker, MQTT 5.
    static func disconnected(reason code: Int) -> MQTTError {
        let text = "the broker has closed the connection: \(reasonText(code)) (\(code))"
        switch code {
        case Int(MQTT_RC_SESSION_TAKEN_OVER.rawValue):
            return MQTTError(.takenOver, text, remedy: "another client uses this client id: give one of them another")
        case 135: return MQTTError(.notAuthorised, text, remedy: "check the access rules of the broker")
        case 139: return MQTTError(.lost, text)
        case 147: return MQTTError(.lost, text, remedy: "the broker sends more than it was allowed: report it")
        default: return MQTTError(.lost, text)
        }
    }

    /// A result code of the library. `systemError`: `errno` right after the call.
    static func library(_ code: Int32, systemError: Int32, peer: String) -> MQTTError {
        switch mosq_err_t(code) {
        case MOSQ_ERR_EAI:
            MQTTError(
                .unreachable, "cannot resolve \(peer): \(resolverText(systemError))",
                remedy: "check the host name and the name server")
        case MOSQ_ERR_ERRNO:
            switch systemError {
            case ECONNREFUSED:
                MQTTError(.unreachable, "nothing listens at \(peer)", remedy: "start the broker or check host and port")
            case EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL:
                MQTTError(.unreachable, "cannot reach \(peer): \(systemText(systemError))", remedy: "check the network")
            case EPROTO: MQTTError(.tls, "TLS with \(peer) failed")
            default: MQTTError(.lost, "connection to \(peer): \(systemText(systemError))")
            }
        case MOSQ_ERR_NO_CONN: noConnection
        case MOSQ_ERR_CONN_LOST: MQTTError(.lost, "\(peer) has closed the connection")
        case MOSQ_ERR_KEEPALIVE:
            MQTTError(.lost, "\(peer) has not answered within the keep-alive time", remedy: "check the network")
        case MOSQ_ERR_TLS, MOSQ_ERR_TLS_HANDSHAKE: MQTTError(.tls, "TLS with \(peer) failed")
        case MOSQ_ERR_INVAL, MOSQ_ERR_MALFORMED_UTF8, MOSQ_ERR_PAYLOAD_SIZE, MOSQ_ERR_NOT_SUPPORTED:
            MQTTError(.setting, "not accepted by libmosquitto: \(libraryText(code))")
        case MOSQ_ERR_OVERSIZE_PACKET:
            MQTTError(
                .setting, "larger than the largest packet \(peer) takes", remedy: "raise max_packet_size of the broker")
        default: MQTTError(.lost, "connection to \(peer): \(libraryText(code))")
        }
    }
}

func reasonText(_ code: Int) -> String { unsafe text(mosquitto_reason_string(Int32(clamping: code))) }
private func connackText(_ code: Int) -> String { unsafe text(mosquitto_connack_string(Int32(clamping: code))) }
private func libraryText(_ code: Int32) -> String { unsafe text(mosquitto_strerror(code)) }
private func systemText(_ code: Int32) -> String { unsafe text(strerror(code)) }
private func resolverText(_ code: Int32) -> String { unsafe text(gai_strerror(code)) }

/// The library's sentences end with a full stop; ours go on.
private func text(_ string: UnsafePointer<CChar>?) -> String {
    guard let string = unsafe string else { return "unknown" }
    let text = unsafe String(cString: string)
    return text.hasSuffix(".") ? String(text.dropLast()) : text
}
