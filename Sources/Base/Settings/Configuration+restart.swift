extension Configuration {
    /// The keys outside `rules`, `webhooks`, `webhooks_allow` and `log.level` that differ from `other`, in the order of the
    /// sample and spelt as there: a reload does not take these over (contract 4).
    public func restartRequired(comparedTo other: Configuration) -> [String] {
        zip(keys, other.keys).filter { $0.value != $1.value }.map(\.0.path).filter { !Self.isReloaded($0) }
    }

    /// Every key with its value as text, derived from the types themselves so that a new key cannot be forgotten.
    var keys: [(path: String, value: String)] { flatten(self, path: []) }

    private static func isReloaded(_ path: String) -> Bool {
        path.hasPrefix("rules.") || path == "webhooks" || path == "webhooks_allow" || path == "log.level"
    }
}

private func flatten(_ section: any ConfigurationSection, path: [String]) -> [(path: String, value: String)] {
    Mirror(reflecting: section).children.flatMap { child -> [(path: String, value: String)] in
        let here = path + [snakeCase(child.label ?? "")]
        if let inner = child.value as? any ConfigurationSection { return flatten(inner, path: here) }
        return [(here.joined(separator: "."), "\(child.value)")]
    }
}

/// `catchAll` → `catch_all`, `clientID` → `client_id`.
private func snakeCase(_ name: String) -> String {
    var words = ""
    var inUpperCase = true
    for character in name {
        if character.isUppercase, !inUpperCase { words += "_" }
        words += character.lowercased()
        inUpperCase = character.isUppercase
    }
    return words
}
