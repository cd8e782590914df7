import FireModel

/// The settings of the daemon with their defaults: the keys of `Config/firesense.yaml` in camel case.
///
/// Plain values without behaviour. Webhooks are not among them, as their keys name files to read: they come
/// ready to use as `LoadedConfiguration.endpoints`.
public struct Configuration: Sendable, Equatable, ConfigurationSection {
    public var gateway = Gateway()
    public var mqtt = MQTT()
    public var store = Store()
    public var rules = Rules()
    public var webhooks: [Webhook] = []
    /// Where webhooks may go; empty: anywhere.
    public var webhooksAllow: [Destination] = []
    public var http = HTTP()
    public var gb26875 = GB26875()
    public var log = Log()
    public init() {}

    public struct Gateway: Sendable, Equatable, ConfigurationSection {
        /// Empty: the host name; see `LoadedConfiguration.gatewayID`.
        public var id = ""
        /// Empty: all.
        public var areas: [String] = []
        /// See also topics that no kind takes.
        public var catchAll = true
        /// IANA name.
        public var timeZone = defaultTimeZone
        public static let defaultTimeZone = "Asia/Shanghai"
    }

    public struct MQTT: Sendable, Equatable, ConfigurationSection {
        public enum Version: String, Sendable, CaseIterable {
            case v5 = "5"
            case v311 = "3.1.1"
        }

        public struct TLS: Sendable, Equatable, ConfigurationSection {
            public var enabled = false
            /// Empty: the authorities of the system.
            public var caFile = ""
            public var certFile = ""
            public var keyFile = ""
        }

        public var host = "127.0.0.1"
        public var port = 1883
        /// Empty: `firesense-{gateway.id}`; see `LoadedConfiguration.mqttClientID`.
        public var clientID = ""
        public var username = ""
        public var passwordFile = ""
        public var `protocol` = Version.v5
        public var tls = TLS()
        public var keepAlive = Duration.seconds(30)
        public var sessionExpiry = Duration.seconds(7 * day)
        public var receiveMaximum = 10_000
        /// Topic filters outside `fire/v1`.
        public var extraTopics: [String] = []
    }

    public struct Store: Sendable, Equatable, ConfigurationSection {
        public struct Retention: Sendable, Equatable, ConfigurationSection {
            public var raw = Duration.seconds(90 * day)
            public var rollup = Duration.seconds(3 * 365 * day)
            public var alarms = Duration.seconds(3 * 365 * day)
            public var quarantine = Duration.seconds(30 * day)
        }

        public var path = "/var/lib/firesense/firesense.sqlite"
        /// How long routine telemetry may wait to be committed with company.
        public var linger = Duration.milliseconds(500)
        public var retention = Retention()
        /// Zero: leave 10 % of the file system, at least 512 MiB, free.
        public var maxSize = ByteSize(bytes: 0)
    }

    public struct Rules: Sendable, Equatable, ConfigurationSection {
        /// Load the shipped rules.
        public var defaults = true
        /// Paths or patterns of rules files.
        public var files = ["rules.d/*.yaml"]
        /// When alarms are too many to be told of one by one.
        public var flood = FloodLimits()
    }

    /// One entry of `webhooks`, as written; those of `LoadedConfiguration.endpoints` have their secrets read.
    public struct Webhook: Sendable, Equatable {
        public var endpoint: Endpoint
        /// Holds the address, where it is a secret itself.
        public var urlFile = ""
        public var secretFile = ""
    }

    public struct HTTP: Sendable, Equatable, ConfigurationSection {
        public struct TLS: Sendable, Equatable, ConfigurationSection {
            public var certFile = ""
            public var keyFile = ""
        }

        public var listen = ListenAddress(host: "127.0.0.1", port: 8470)
        /// Further names and addresses by which callers may reach this gateway.
        public var names: [String] = []
        public var tokensFile = ""
        public var tls = TLS()
        public var allowPlaintext = false
    }

    public struct GB26875: Sendable, Equatable, ConfigurationSection {
        /// `nil`: off.
        public var listen: ListenAddress?
        /// Networks panels may come from.
        public var allow: [Network] = []
    }

    public struct Log: Sendable, Equatable, ConfigurationSection {
        /// The levels of swift-log.
        public enum Level: String, Sendable, CaseIterable {
            case trace, debug, info, notice, warning, error, critical
        }
        /// `auto`: journal under systemd, text on a terminal.
        public enum Format: String, Sendable, CaseIterable { case auto, journal, text }

        public var level = Level.info
        public var format = Format.auto
    }
}

/// A part of the configuration that has keys of its own, in contrast to a value.
protocol ConfigurationSection {}

private let day = 86_400
