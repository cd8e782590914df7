import Yams

/// The keys of one mapping. Asking for a key makes it known; what nobody asked for is a problem.
final class Section {
    let field: Field
    private var entries: [(key: String, mark: Mark?, value: Field)] = []
    private var known: [String] = []

    /// Nothing written is a mapping without keys; `nil` for anything else that is none, which is a problem then.
    init?(_ field: Field) {
        self.field = field
        if field.isNull { return }
        guard case .mapping(let mapping) = field.node else {
            field.complain(expected: "a mapping")
            return nil
        }
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else {
                field.document.report(
                    .error, key.mark, path: field.path, found: "a key that is no word", expected: "key: value")
                continue
            }
            let path = field.path.isEmpty ? scalar.string : "\(field.path).\(scalar.string)"
            entries.append((scalar.string, scalar.mark, Field(node: value, path: path, document: field.document)))
        }
    }

    /// All entries, for mappings whose keys are names.
    var all: [(key: String, value: Field)] {
        known += entries.map(\.key)
        return entries.map { ($0.key, $0.value) }
    }

    subscript(key: String) -> Field? {
        known.append(key)
        return entries.first { $0.key == key }?.value
    }

    /// Leaves `value` as it is when the key is absent or wrong.
    func read<T>(_ key: String, _ form: Form<T>, into value: inout T) {
        if let read = self[key]?.read(form) { value = read }
    }

    func list<T>(_ key: String, _ form: Form<T>, into value: inout [T]) {
        if let read = self[key]?.list(form) { value = read }
    }

    func mapping(_ key: String, _ body: (Section) -> Void) { self[key]?.mapping(body) }

    /// A key that must be there.
    func required(_ key: String, expected: String) -> Field? {
        if let value = self[key] { return value }
        field.complain(found: "no key '\(key)'", expected: expected)
        return nil
    }

    func required<T>(_ key: String, _ form: Form<T>) -> T? { required(key, expected: form.expected)?.read(form) }

    func reportUnknownKeys() {
        for entry in entries where !known.contains(entry.key) {
            field.document.report(
                .error, entry.mark, path: entry.value.path, found: "an unknown key",
                expected: "one of " + known.joined(separator: ", "),
                remedy: nearest(to: entry.key, among: known).map { "did you mean '\($0)'?" })
        }
    }
}
