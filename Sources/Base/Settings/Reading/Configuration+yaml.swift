import FireModel

// What each key may be. Which keys go together is said in `Configuration+checks.swift`.
extension Configuration {
    /// Takes over what the file says; what it leaves out, or says wrongly, keeps its default.
    mutating func read(_ root: Section) {
        root.mapping("gateway") { gateway.read($0) }
        root.mapping("mqtt") { mqtt.read($0) }
        root.mapping("store") { store.read($0) }
        root.mapping("rules") {
            $0.read("defaults", .boolean, into: &rules.defaults)
            $0.list("files", .text("a path or pattern", upTo: 4095, emptyAllowed: false), into: &rules.files)
            $0.mapping("flood") {
                $0.read("more_than", .whole(0...10_000), into: &rules.flood.moreThan)
                $0.read("within", .duration(.seconds(10)...(.seconds(86_400))), into: &rules.flood.within)
                $0.read("end_below", .whole(1...10_000), into: &rules.flood.endBelow)
            }
        }
        for field in root["webhooks"]?.elements(expected: "a list of endpoints") ?? [] {
            guard let webhook = field.mapping(Webhook.init(reading:)) else { continue }
            let name = webhook.endpoint.name
            if webhooks.contains(where: { $0.endpoint.name == name }) {
                field.complain(
                    at: "name", found: "'\(name)' a second time", expected: "a name of its own for each endpoint")
            }
            webhooks.append(webhook)
        }
        root.list("webhooks_allow", .destination, into: &webhooksAllow)
        root.mapping("http") { http.read($0) }
        root.mapping("gb26875") {
            if let listen = $0["listen"]?.read(optional(.listenAddress)) { gb26875.listen = listen }
            $0.list("allow", .network, into: &gb26875.allow)
        }
        root.mapping("log") {
            $0.read("level", .word, into: &log.level)
            $0.read("format", .word, into: &log.format)
        }
    }
}

extension Configuration.Gateway {
    mutating func read(_ section: Section) {
        section.read("id", emptyOr(.identifier), into: &id)
        section.list("areas", .area, into: &areas)
        section.read("catch_all", .boolean, into: &catchAll)
        section.read("time_zone", .timeZone, into: &timeZone)
    }
}

extension Configuration.MQTT {
    mutating func read(_ section: Section) {
        section.read("host", .host, into: &host)
        section.read("port", .whole(1...65_535), into: &port)
        section.read("client_id", .text(upTo: 128), into: &clientID)
        section.read("username", .text(), into: &username)
        section.read("password_file", .path, into: &passwordFile)
        section.read("protocol", .word, into: &`protocol`)
        section.mapping("tls") {
            $0.read("enabled", .boolean, into: &tls.enabled)
            $0.read("ca_file", .path, into: &tls.caFile)
            $0.read("cert_file", .path, into: &tls.certFile)
            $0.read("key_file", .path, into: &tls.keyFile)
        }
        // The wire has 16 bits of seconds, which is 18 h; the library takes no less than five.
        section.read("keep_alive", .duration(.seconds(5)...(.seconds(18 * 3600))), into: &keepAlive)
        // The wire has 32 bits of seconds, which is 49,710 days. Less than a minute, and a restart loses what the broker was to keep.
        section.read("session_expiry", .duration(.seconds(60)...(.seconds(49_710 * 86_400))), into: &sessionExpiry)
        section.read("receive_maximum", .whole(1...65_535), into: &receiveMaximum)
        section.list("extra_topics", .extraTopic, into: &extraTopics)
    }
}

extension Configuration.Store {
    mutating func read(_ section: Section) {
        section.read("path", .text("a path", upTo: 4095, emptyAllowed: false), into: &path)
        section.read("linger", .duration(.zero...(.seconds(10))), into: &linger)
        section.mapping("retention") {
            $0.read("raw", .duration(from: .seconds(3600)), into: &retention.raw)
            $0.read("rollup", .duration(from: .seconds(3600)), into: &retention.rollup)
            $0.read("alarms", .duration(from: .seconds(3600)), into: &retention.alarms)
            $0.read("quarantine", .duration(from: .seconds(3600)), into: &retention.quarantine)
        }
        // Twice the 64 MiB that are kept for alarms, deliveries and their history.
        section.read("max_size", .size(from: ByteSize(bytes: 128 << 20), orZero: true), into: &maxSize)
    }
}

extension Configuration.HTTP {
    mutating func read(_ section: Section) {
        section.read("listen", .listenAddress, into: &listen)
        section.list("names", .hostName, into: &names)
        section.read("tokens_file", .path, into: &tokensFile)
        section.mapping("tls") {
            $0.read("cert_file", .path, into: &tls.certFile)
            $0.read("key_file", .path, into: &tls.keyFile)
        }
        section.read("allow_plaintext", .boolean, into: &allowPlaintext)
    }
}

/// The form, or nothing at all.
private func emptyOr(_ form: Form<String>) -> Form<String> {
    Form("\(form.expected), or empty") { $0.isEmpty ? "" : form.parse($0) }
}

/// The form, or nothing at all as `nil`.
private func optional<T>(_ form: Form<T>) -> Form<T?> {
    Form("\(form.expected), or empty") { text in
        if text.isEmpty { return .some(nil) }
        guard let value = form.parse(text) else { return nil }
        return .some(value)
    }
}
