import FireModel

/// What somebody who misspelt a name may have meant.
enum Nearest {
    /// The closest of `known`, the best first: what begins with the word or has it in it, then what is at
    /// most half of its letters away.
    static func names(to word: String, among known: [String], count: Int = 3) -> [String] {
        let wanted = word.lowercased()
        let ranked = known.compactMap { name -> (name: String, distance: Int)? in
            let candidate = name.lowercased()
            if !wanted.isEmpty, candidate.hasPrefix(wanted) { return (name, 0) }
            let away = editDistance(wanted, candidate)
            if away <= max(1, wanted.count / 2) { return (name, away) }
            return wanted.count > 2 && candidate.contains(wanted) ? (name, wanted.count) : nil
        }
        return ranked.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(count).map(\.name)
    }

    /// `did you mean a, b or c?`; `nil` when nothing is near.
    static func question(_ word: String, among known: [String]) -> String? {
        let names = names(to: word, among: known).map(printable)
        guard let last = names.last else { return nil }
        let first = names.dropLast().joined(separator: ", ")
        return "did you mean \(first.isEmpty ? last : "\(first) or \(last)")?"
    }
}
