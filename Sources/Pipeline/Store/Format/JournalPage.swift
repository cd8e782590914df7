/// A row of `journal`: as many bytes as fill a page of the file, so that a commit rewrites one page and touches no
/// other. What a row holds may be overwritten once it is in segments.
///
///     entries, until a number of zero or the end
///       8 bytes   number of the commit, lowest byte first as everywhere
///       2 bytes   which piece of it, from 0 · 2 bytes: how many it has
///       4 bytes   length of the piece
///       …         the piece: of all of them together, the frame of the commit's `JournalBlock`
enum JournalPage {
    /// With what SQLite keeps beside it, one row fills a page of 4,096 bytes.
    static let size = 4048
    static let headSize = 16
    static let room = size - headSize

    struct Entry: Equatable {
        var commit: Int64
        var piece: Int
        var pieces: Int
        /// In the page.
        var range: Range<Int>
    }

    /// Writes an entry at `fill` and moves it on.
    static func append(
        _ piece: ArraySlice<UInt8>, commit: Int64, piece number: Int, of pieces: Int, to page: inout [UInt8],
        fill: inout Int
    ) {
        var head: [UInt8] = []
        head.append(fixed: UInt64(bitPattern: commit))
        head.append(fixed: UInt64(number) | UInt64(pieces) << 16 | UInt64(piece.count) << 32)
        page.replaceSubrange(fill..<fill + headSize, with: head)
        page.replaceSubrange(fill + headSize..<fill + headSize + piece.count, with: piece)
        fill += headSize + piece.count
    }

    static func entries(_ page: [UInt8]) throws(FormatError) -> [Entry] {
        var entries: [Entry] = []
        var place = 0
        while page.count - place >= headSize {
            let commit = Int64(bitPattern: word(page, place))
            if commit == 0 { break }
            let rest = word(page, place + 8)
            let (piece, pieces, length) = (Int(rest & 0xFFFF), Int(rest >> 16 & 0xFFFF), Int(rest >> 32))
            let start = place + headSize
            guard commit > 0, piece < pieces, length <= page.count - start else {
                throw FormatError("byte \(place): commit \(commit), piece \(piece) of \(pieces), \(length) bytes")
            }
            entries.append(Entry(commit: commit, piece: piece, pieces: pieces, range: start..<start + length))
            place = start + length
        }
        return entries
    }

    private static func word(_ bytes: [UInt8], _ place: Int) -> UInt64 {
        (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[place + $1]) << UInt64($1 * 8) }
    }
}

/// Where each commit of the journal lies.
struct JournalIndex {
    struct Commit {
        var number: Int64
        /// Slot and range of each piece, in their order.
        var pieces: [(slot: Int64, range: Range<Int>)]
    }

    /// Ascending.
    private(set) var commits: [Commit] = []
    /// The newest commit each slot has something of; 0: nothing.
    private(set) var slots: [Int64: Int64] = [:]

    /// - Parameters:
    ///   - pages: every row, in any order.
    ///   - sealed: commits up to this one are of no interest.
    ///   - damaged: told of what cannot be read.
    init(
        after sealed: Int64, damaged: (String) -> Void,
        pages: (_ each: (_ slot: Int64, _ page: [UInt8]) -> Void) throws -> Void
    ) rethrows {
        var found: [(entry: JournalPage.Entry, slot: Int64)] = []
        var newest: [Int64: Int64] = [:]
        var troubles: [String] = []
        try pages { slot, page in
            do throws(FormatError) {
                let entries = try JournalPage.entries(page)
                newest[slot] = entries.map(\.commit).max() ?? 0
                for entry in entries where entry.commit > sealed { found.append((entry, slot)) }
            } catch {
                newest[slot] = 0
                troubles.append("journal page \(slot): \(error)")
            }
        }
        slots = newest
        for trouble in troubles { damaged(trouble) }
        found.sort { ($0.entry.commit, $0.entry.piece) < ($1.entry.commit, $1.entry.piece) }
        var start = 0
        while start < found.count {
            let first = found[start].entry
            var end = start + 1
            while end < found.count, found[end].entry.commit == first.commit { end += 1 }
            let pieces = found[start..<end]
            if pieces.count == first.pieces, pieces.enumerated().allSatisfy({ $0 == $1.entry.piece }) {
                commits.append(
                    Commit(number: first.commit, pieces: pieces.map { (slot: $0.slot, range: $0.entry.range) }))
            } else {
                damaged(
                    "commit \(first.commit) of the journal: \(pieces.count) of its \(first.pieces) pieces are there")
            }
            start = end
        }
    }
}
