import FireDispatch
import FireIntake
import FireMQTT
import FireModel
import FireServe
import FireSettings
import FireStore
import Foundation

// From the configuration to the settings of each stage: the only place that knows both.

extension IntakeSettings {
    init(_ loaded: LoadedConfiguration) {
        let mqtt = loaded.configuration.mqtt
        let gateway = loaded.configuration.gateway
        self.init(
            clientID: loaded.mqttClientID, gatewayID: loaded.gatewayID,
            urgentKinds: loaded.catalogue.kinds.filter(\.urgent).map(\.name),
            otherKinds: loaded.catalogue.kinds.filter { !$0.urgent }.map(\.name))
        host = mqtt.host
        port = mqtt.port
        username = mqtt.username
        password = loaded.mqttPassword
        version = mqtt.protocol == .v5 ? .v5 : .v311
        if mqtt.tls.enabled { tls = MQTTTLS(mqtt.tls) }
        keepAlive = mqtt.keepAlive
        sessionExpiry = mqtt.sessionExpiry
        receiveMaximum = mqtt.receiveMaximum
        extraTopics = mqtt.extraTopics
        linger = loaded.configuration.store.linger
        areas = gateway.areas
        catchAll = gateway.catchAll
    }
}

extension BrokerAddress {
    /// Where the intake listens, in a session beside its own.
    init(_ intake: IntakeSettings) {
        var options = MQTTOptions(clientID: "\(intake.clientID)-push")
        options.version = intake.version
        options.keepAlive = intake.keepAlive
        options.username = intake.username.isEmpty ? nil : intake.username
        options.password = intake.password.map { MQTTPassword($0.bytes) }
        options.tls = intake.tls
        self.init(
            host: intake.host, port: intake.port, options: options, area: intake.areas.first ?? "_",
            gateway: intake.gatewayID)
    }
}

extension MQTTTLS {
    init(_ tls: Configuration.MQTT.TLS) {
        self.init()
        caFile = tls.caFile.isEmpty ? nil : tls.caFile
        certFile = tls.certFile.isEmpty ? nil : tls.certFile
        keyFile = tls.keyFile.isEmpty ? nil : tls.keyFile
    }
}

extension StoreSettings {
    init(_ store: Configuration.Store) {
        self.init(
            retention: Retention(
                raw: store.retention.raw, rollup: store.retention.rollup, alarms: store.retention.alarms,
                quarantine: store.retention.quarantine),
            maxSize: store.maxSize)
    }
}

extension ServeSettings {
    /// - Throws: `TokensError`, or that the tokens file cannot be read.
    init(_ loaded: LoadedConfiguration) throws {
        let http = loaded.configuration.http
        self.init()
        host = http.listen.host
        port = http.listen.port
        names = [loaded.gatewayID] + http.names
        tlsCertificateFile = http.tls.certFile.isEmpty ? nil : http.tls.certFile
        tlsKeyFile = http.tls.keyFile.isEmpty ? nil : http.tls.keyFile
        if !http.tokensFile.isEmpty {
            tokens = try Tokens(parsing: String(contentsOfFile: http.tokensFile, encoding: .utf8))
        }
        controlSocketPath = Daemon.controlSocketPath(loaded.configuration)
    }
}
