import FireModel

// One entry of `webhooks`. Which of its keys go together is said in `WebhookChecks.swift`.
extension Configuration.Webhook {
    init?(reading section: Section) {
        let name = section.required("name", .identifier)
        let channel = Self.channel(section, &urlFile)
        var endpoint = Endpoint(name: name ?? "", channel: channel ?? .mqtt)
        section.read("format", .word, into: &endpoint.format)
        section.read("batch", .whole(1...100), into: &endpoint.batch)
        section.read("language", .word, into: &endpoint.language)
        section.read("template", .lines(upTo: 4096), into: &endpoint.template)
        section.read("secret_file", .path, into: &secretFile)
        section.mapping("select") {
            $0.list("severities", .word, into: &endpoint.select.severities)
            $0.list("categories", .word, into: &endpoint.select.categories)
            $0.list("kinds", .identifier, into: &endpoint.select.kinds)
            $0.list("areas", .area, into: &endpoint.select.areas)
        }
        section.read("exclude_fire", .boolean, into: &endpoint.excludeFire)
        section.read("timeout", .duration(.seconds(1)...(.seconds(60))), into: &endpoint.timeout)
        if let heartbeat = section["heartbeat"]?.read(.duration(.zero...(.seconds(86_400)))) {
            endpoint.heartbeat = heartbeat
        }
        section.mapping("tls") {
            $0.read("ca_file", .path, into: &endpoint.tls.caFile)
            $0.read("cert_file", .path, into: &endpoint.tls.certFile)
            $0.read("key_file", .path, into: &endpoint.tls.keyFile)
        }
        section.read("handshake", .boolean, into: &endpoint.handshake)
        guard name != nil, channel != nil else { return nil }
        self.endpoint = endpoint
    }

    /// Exactly one of four keys says where to.
    private static func channel(_ section: Section, _ urlFile: inout String) -> Endpoint.Channel? {
        let ways = ["url", "url_file", "mqtt", "command"].filter { key in
            guard let field = section[key] else { return false }
            // Switched off, and not another way.
            return key != "mqtt" || field.node.scalar?.string != "false"
        }
        guard ways.count == 1, let way = ways.first, let field = section[way] else {
            section.field.complain(
                found: ways.isEmpty ? "no key 'url'" : ways.joined(separator: " and "),
                expected: "one of url, url_file, mqtt: true and command")
            return nil
        }
        switch way {
        case "url": return field.read(.webhookURL).map { .http(url: $0) }
        case "url_file":
            guard let path = field.read(.path) else { return nil }
            urlFile = path
            // Filled in when the secrets are read.
            return .http(url: "")
        case "mqtt": return field.read(.boolean).map { _ in .mqtt }
        default:
            guard let words = field.list(.word) else { return nil }
            guard let program = words.first, program.hasPrefix("/") else {
                field.complain(
                    found: words.first.map { "'\(shortened($0))' as program" } ?? "an empty list",
                    expected: "the absolute path of a program, then its arguments")
                return nil
            }
            return .command(words)
        }
    }
}
