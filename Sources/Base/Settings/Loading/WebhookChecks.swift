import FireModel
import Foundation

/// What the keys of an endpoint must be together.
extension ConfigurationChecks {
    func checkWebhooks() {
        // An endpoint with a mistake in it is not a missing one.
        if let list = root.at("webhooks")?.node.sequence, list.count != configuration.webhooks.count { return }
        for (index, webhook) in configuration.webhooks.enumerated() {
            let place = "webhooks[\(index)]"
            checkKinds(place, webhook.endpoint)
            checkSecret(place, webhook)
            checkFormat(place, webhook.endpoint)
            switch webhook.endpoint.channel {
            case .http(let url): checkHTTP(place, webhook.endpoint, url)
            case .mqtt: checkNotHTTP(place, webhook, "the broker")
            case .command(let words):
                checkNotHTTP(place, webhook, "a command")
                checkProgram(place, words)
            }
        }
        if !configuration.webhooks.contains(where: { !$0.endpoint.excludeFire }) {
            root.complain(
                at: "webhooks", .warning,
                found: configuration.webhooks.isEmpty ? "no endpoint" : "no endpoint that takes fire",
                expected: "at least one endpoint that takes fire")
        }
    }

    private func checkKinds(_ place: String, _ endpoint: Endpoint) {
        for (index, kind) in endpoint.select.kinds.enumerated()
        where catalogue[kind] == nil && !Catalogue.reservedKinds.contains(kind) {
            let known = catalogue.kinds.map(\.name)
            root.complain(
                at: "\(place).select.kinds[\(index)]", found: "'\(kind)'",
                expected: "one of " + known.joined(separator: ", "),
                remedy: nearest(to: kind, among: known).map { "did you mean '\($0)'?" })
        }
    }

    /// Robots are known by the key in their address; the broker and a program of this machine need no proof.
    private func checkSecret(_ place: String, _ webhook: Configuration.Webhook) {
        guard case .http = webhook.endpoint.channel, !webhook.endpoint.format.isChat, webhook.secretFile.isEmpty else {
            return
        }
        root.complain(
            at: "\(place).secret_file", .warning, found: "an endpoint without a secret",
            expected: "secret_file: with one whsec_… a line", remedy: "what it is sent is not signed")
    }

    private func checkFormat(_ place: String, _ endpoint: Endpoint) {
        let format = endpoint.format
        if !endpoint.template.isEmpty, !format.isChat, format != .text {
            root.complain(
                at: "\(place).template", found: "a template for the format \(format.rawValue)",
                expected: "format: text, wecom, dingtalk or feishu")
        }
        if let problem = TextTemplate.problem(in: endpoint.template) {
            root.complain(
                at: "\(place).template", found: "\(problem.found) in line \(problem.line)", expected: problem.expected)
        }
        if endpoint.batch > format.largestBatch {
            root.complain(
                at: "\(place).batch", found: "\(endpoint.batch) for the format \(format.rawValue)",
                expected: "at most \(format.largestBatch)")
        }
        if format == .wecom, root.at("\(place).secret_file") != nil {
            root.complain(
                at: "\(place).secret_file", .warning, found: "a secret for a robot of WeCom", expected: "none",
                remedy: "the key in its address is its secret; url_file keeps that out of this file")
        }
    }

    private func checkHTTP(_ place: String, _ endpoint: Endpoint, _ url: String) {
        checkPair("\(place).tls", endpoint.tls.certFile, endpoint.tls.keyFile)
        for (key, path) in [
            ("ca_file", endpoint.tls.caFile), ("cert_file", endpoint.tls.certFile), ("key_file", endpoint.tls.keyFile),
        ] {
            checkFile("\(place).tls.\(key)", path)
            if !path.isEmpty, url.lowercased().hasPrefix("http:") {
                root.complain(
                    at: "\(place).tls.\(key)", .warning, found: "a file for TLS and a url without it",
                    expected: "a url that begins with https://")
            }
        }
        guard let host = URL(string: url)?.host(), IPAddress.bytes(of: host) != nil || configuration.hasOnlyNames,
            !configuration.webhooksAllow.allow(host: host, addresses: [host])
        else { return }
        let allowed = configuration.webhooksAllow.map(\.description).joined(separator: ", ")
        root.complain(
            at: "\(place).url", found: "an address of \(host), which webhooks_allow does not have",
            expected: "one of \(allowed)")
    }

    private func checkNotHTTP(_ place: String, _ webhook: Configuration.Webhook, _ channel: String) {
        let allowed: [Endpoint.Format] = webhook.endpoint.channel == .mqtt ? [.cloudevents] : [.cloudevents, .text]
        if !allowed.contains(webhook.endpoint.format) {
            root.complain(
                at: "\(place).format", found: "\(webhook.endpoint.format.rawValue) for \(channel)",
                expected: allowed.map(\.rawValue).joined(separator: " or "))
        }
        if webhook.endpoint.batch > 1 {
            root.complain(at: "\(place).batch", found: "\(webhook.endpoint.batch) for \(channel)", expected: "1")
        }
        for key in ["secret_file", "tls", "handshake"] where root.at("\(place).\(key)") != nil {
            root.complain(
                at: "\(place).\(key)", .warning, found: "a key of HTTP for \(channel)",
                expected: "it only where there is a url")
        }
    }

    private func checkProgram(_ place: String, _ words: [String]) {
        guard let program = words.first, access(program, X_OK) != 0 else { return }
        root.complain(
            at: "\(place).command[0]", fileSeverity,
            found: "\(onOneLine(program)), which cannot be run (\(String(cString: strerror(errno))))",
            expected: "an executable file")
    }
}

extension Configuration {
    /// What is allowed can be judged without a lookup.
    fileprivate var hasOnlyNames: Bool {
        !webhooksAllow.contains { if case .network = $0 { true } else { false } }
    }
}
