import FireModel
import Yams

/// The keys of one mapping. Asking for a key makes it known; what nobody asked for is a problem.
package final class Section {
    package let field: Field
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
    package var all: [(key: String, value: Field)] {
        known += entries.map(\.key)
        return entries.map { ($0.key, $0.value) }
    }

    package subscript(key: String) -> Field? {
        known.append(key)
        return entries.first { $0.key == key }?.value
    }

    /// Leaves `value` as it is when the key is absent or wrong.
    package func read<T>(_ key: String, _ form: Form<T>, into value: inout T) {
        if let read = self[key]?.read(form) { value = read }
    }

    package func list<T>(_ key: String, _ form: Form<T>, into value: inout [T]) {
        if let read = self[key]?.list(form) { value = read }
    }

    package func mapping(_ key: String, _ body: (Section) -> Void) { self[key]?.mapping(body) }

    /// A key that must be there.
    package func required(_ key: String, expected: String) -> Field? {
        if let value = self[key] { return value }
        field.complain(found: "no key '\(key)'", expected: expected)
        return nil
    }

    package func required<T>(_ key: String, _ form: Form<T>) -> T? {
        required(key, expected: form.expected)?.read(form)
    }

    /// They are known ones even where nobody asks for them, because something else is wrong.
    func know(_ keys: [String]) { known += keys }

    /// What is wrong here is told already.
    func ignoreUnknownKeys() { known += entries.map(\.key) }

    package func reportUnknownKeys() {
        for entry in entries where !known.contains(entry.key) {
            field.document.report(
                .error, entry.mark, path: entry.value.path, found: "an unknown key",
                expected: "one of " + known.removingRepetitions.joined(separator: ", "),
                remedy: nearest(to: entry.key, among: known).map { "did you mean '\($0)'?" })
        }
    }
}

extension [String] {
    /// Each once, where it stands first.
    fileprivate var removingRepetitions: [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}
