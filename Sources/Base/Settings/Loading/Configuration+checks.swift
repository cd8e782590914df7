import FireModel

/// What keys must be together, and the files they name. Each is a mistake that would otherwise show at night.
struct ConfigurationChecks {
    let configuration: Configuration
    let catalogue: Catalogue
    let root: Field
    /// Relative paths are relative to this.
    let directory: String
    /// Of a file that is named and cannot be read.
    let fileSeverity: Problem.Severity

    func run() {
        checkMQTT()
        checkHTTP()
        checkGB26875()
        checkWebhooks()
    }

    private func checkMQTT() {
        let mqtt = configuration.mqtt
        checkPair("mqtt.tls", mqtt.tls.certFile, mqtt.tls.keyFile)
        for (key, path) in [
            ("ca_file", mqtt.tls.caFile), ("cert_file", mqtt.tls.certFile), ("key_file", mqtt.tls.keyFile),
        ] {
            checkFile("mqtt.tls.\(key)", path)
            if !mqtt.tls.enabled, !path.isEmpty {
                root.complain(
                    at: "mqtt.tls.\(key)", .warning, found: "a file for TLS that is off",
                    expected: "mqtt.tls.enabled: true")
            }
        }
        if mqtt.protocol == .v311, !mqtt.passwordFile.isEmpty, mqtt.username.isEmpty {
            root.complain(
                at: "mqtt.password_file", found: "a password without mqtt.username",
                expected: "both", remedy: "MQTT 3.1.1 knows no password alone")
        }
    }

    private func checkHTTP() {
        let http = configuration.http
        checkPair("http.tls", http.tls.certFile, http.tls.keyFile)
        checkFile("http.tls.cert_file", http.tls.certFile)
        checkFile("http.tls.key_file", http.tls.keyFile)
        checkFile("http.tokens_file", http.tokensFile)
        guard !http.listen.isLoopback else { return }
        if http.tokensFile.isEmpty {
            root.complain(
                at: "http.listen", found: "\(http.listen), which others can reach, without http.tokens_file",
                expected: "a tokens file, or a loopback address")
        }
        if http.tls.certFile.isEmpty, !http.allowPlaintext {
            root.complain(
                at: "http.listen", found: "\(http.listen), which others can reach, without http.tls",
                expected: "a certificate, or http.allow_plaintext: true, or a loopback address")
        }
    }

    private func checkGB26875() {
        guard let listen = configuration.gb26875.listen else { return }
        if !listen.isLoopback, configuration.gb26875.allow.isEmpty {
            root.complain(
                at: "gb26875.listen", found: "\(listen), which others can reach, without gb26875.allow",
                expected: "the networks panels come from, such as [10.20.0.0/16]")
        }
        root.complain(
            at: "gb26875.listen", .warning, found: "\(listen)", expected: "\"\"",
            remedy: "this version does not listen for GB/T 26875.3 over TCP yet")
    }

    /// A certificate and its key: both or neither.
    func checkPair(_ section: String, _ certificate: String, _ key: String) {
        guard certificate.isEmpty != key.isEmpty else { return }
        root.complain(
            at: "\(section).\(certificate.isEmpty ? "key_file" : "cert_file")",
            found: certificate.isEmpty ? "a key without cert_file" : "a certificate without key_file",
            expected: "both or neither")
    }

    func checkFile(_ key: String, _ path: String) {
        guard !path.isEmpty else { return }
        do {
            _ = try readFile(path, limit: maximumConfigurationFile)
        } catch {
            root.complain(
                at: key, fileSeverity, found: "\(error.found), \(onOneLine(path))", expected: "a readable file")
        }
    }
}

extension Field {
    /// What stands at `path` below this mapping or list, `tls.cert_file` or `[0].name`.
    func at(_ path: String) -> Field? {
        var field = self
        for part in path.split(whereSeparator: { ".[".contains($0) }) {
            var next: Field?
            if part.hasSuffix("]"), let index = Int(part.dropLast()) {
                if case .sequence(let sequence) = field.node, sequence.indices.contains(index) {
                    next = Field(node: sequence[index], path: "\(field.path)[\(index)]", document: document)
                }
            } else if case .mapping(let mapping) = field.node {
                let entry = mapping.first { $0.key.scalar?.string == String(part) }
                let path = field.path.isEmpty ? String(part) : "\(field.path).\(part)"
                next = entry.map { Field(node: $0.value, path: path, document: document) }
            }
            guard let next else { return nil }
            field = next
        }
        return field
    }

    /// A problem of a key that may not be written down, but have its default.
    func complain(
        at path: String, _ severity: Problem.Severity = .error, found: String, expected: String, remedy: String? = nil
    ) {
        let whole = self.path.isEmpty ? path : "\(self.path).\(path)"
        document.report(
            severity, at(path)?.node.mark, path: whole, found: found, expected: expected, remedy: remedy)
    }
}
