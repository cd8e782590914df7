/// Where alarm changes are pushed to (contract 4 and 7): an entry of `webhooks`. An endpoint is its name.
public struct Endpoint: Sendable, Equatable {
    /// The way there.
    public enum Channel: Sendable, Equatable {
        /// POST to an address that begins with `http://` or `https://`. Its path or query may hold a secret.
        case http(url: String)
        /// PUBLISH to the broker of the section `mqtt`.
        case mqtt
        /// A program on this machine, its absolute path first, then its arguments. The body is its standard input.
        case command([String])
    }

    /// What the body looks like.
    public enum Format: String, Sendable, CaseIterable {
        /// CloudEvents 1.0, structured; batched where `batch` is above 1.
        case cloudevents
        /// The webhook body of Alertmanager, version 4.
        case alertmanager
        /// Group robot of 企业微信.
        case wecom
        /// Group robot of 钉钉.
        case dingtalk
        /// Group robot of 飞书.
        case feishu
        /// Plain text after `template`.
        case text

        /// A robot that posts into a chat of people: it answers 200 also for what it refuses, takes few messages a
        /// minute, and signs in a way of its own.
        public var isChat: Bool { self == .wecom || self == .dingtalk || self == .feishu }
    }

    /// Of texts for people.
    public enum Language: String, Sendable, CaseIterable { case zh, en }

    /// Empty lists match all.
    public struct Selection: Sendable, Equatable {
        public var severities: [AlarmSeverity] = []
        public var categories: [AlarmCategory] = []
        public var kinds: [String] = []
        public var areas: [String] = []
        public init() {}
    }

    /// Absolute paths of PEM files; empty: the authorities of the system, no client certificate.
    public struct TLS: Sendable, Hashable {
        public var caFile = ""
        public var certFile = ""
        public var keyFile = ""
        public init() {}
    }

    public var name: String
    public var channel: Channel
    /// Keys, all of which sign; empty: unsigned. Of Standard Webhooks, base64-decoded; of a chat robot, the text of
    /// its secret as it is.
    public var secrets: [Secret] = []
    public var format = Format.cloudevents
    /// Changes of different alarms that may go in one request, at least 1.
    public var batch = 1
    public var language = Language.zh
    /// Of the formats for people, with places such as `{title}`; empty: the built-in one.
    public var template = ""
    public var select = Selection()
    /// Fire goes to every endpoint unless this is set.
    public var excludeFire = false
    public var timeout: Duration = .seconds(10)
    /// Interval of `firesense.heartbeat`, zero: none. `nil`: as `defaultHeartbeat` says.
    public var heartbeat: Duration?
    public var tls = TLS()
    /// Asks by OPTIONS before the first delivery whether the receiver wants any (CloudEvents Webhooks 1.0, 4).
    public var handshake = false

    public init(name: String, channel: Channel) {
        self.name = name
        self.channel = channel
    }

    public init(name: String, url: String, secrets: [Secret] = []) {
        self.init(name: name, channel: .http(url: url))
        self.secrets = secrets
    }

    /// A minute for machines. People in a chat want no beat, and neither do a siren and Alertmanager's receivers,
    /// unless asked for.
    public var heartbeatInterval: Duration {
        if let heartbeat { return heartbeat }
        if case .command = channel { return .zero }
        return format == .cloudevents ? .seconds(60) : .zero
    }
}
