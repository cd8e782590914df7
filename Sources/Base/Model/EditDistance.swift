/// How many letters to put in, take out or change to make one word of the other (Levenshtein), of the
/// first 64 bytes of each: for the suggestion behind a misspelt name.
public func editDistance(_ a: String, _ b: String) -> Int {
    let a = Array(a.utf8.prefix(64))
    let b = Array(b.utf8.prefix(64))
    var row = Array(0...b.count)
    for i in a.indices {
        var diagonal = row[0]
        row[0] = i + 1
        for j in b.indices {
            let change = diagonal + (a[i] == b[j] ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(change, row[j] + 1, row[j + 1] + 1)
        }
    }
    return row[b.count]
}

/// The one of `known` that `word` was probably meant to be: its beginning, or at most half of its letters away.
package func nearest(to word: String, among known: [String]) -> String? {
    let word = word.lowercased()
    if word.count > 1, let longer = known.first(where: { $0.hasPrefix(word) }) { return longer }
    let candidates = known.map { ($0, editDistance(word, $0)) }
    guard let (best, away) = candidates.min(by: { $0.1 < $1.1 }), away <= word.count / 2 else { return nil }
    return best
}
