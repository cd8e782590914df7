import FireModel

/// Reads CSV or line protocol piece by piece, in memory that does not grow with the file.
///
///     feed ─▶ read ─▶ rows, each with the place of its name ─▶ feed ─▶ …
///
/// Every input is hostile: a record has at most `maximumRecord` bytes, what cannot be read costs its own record, and
/// reading goes on at the next line.
public struct ImportReader: Sendable {
    /// Bytes of one record: a line, or several where quotes hold line ends together.
    public static let maximumRecord = 64 * 1024
    /// Distinct names after which they should be forgotten: `forgetNames`.
    public static let manyNames = 500_000

    let format: ExportFormat
    let precision: ImportPrecision?
    /// Times from here on are in the future, in milliseconds.
    let latest: Int64
    /// Stop behind the first refusal.
    let stopsAtRefusal: Bool

    /// Every name that was met, in this order.
    public private(set) var names: [ImportName] = []
    var known = Interner()
    var key: [UInt8] = []

    var buffer: [UInt8] = []
    var position = 0
    var line = 1
    var isAtStart = true
    /// Behind something that could not be read: up to the next line.
    var isSkipping = false

    var csv = CSVState()
    var fields: [LineField] = []

    /// - Parameter now: what lies more than ten minutes ahead of it is refused.
    public init(_ options: ImportOptions, now: Timestamp) {
        format = options.format
        precision = options.precision
        latest = now.milliseconds + Limits.maximumAhead
        stopsAtRefusal = !options.keepsGoing
    }

    public mutating func feed(_ bytes: some Collection<UInt8>) {
        fields.removeAll(keepingCapacity: true)
        buffer.removeSubrange(..<position)
        position = 0
        buffer.append(contentsOf: bytes)
    }

    /// Lets go of all names; rows read from now on count them anew.
    public mutating func forgetNames() {
        names.removeAll()
        known = Interner()
    }

    /// Reads what was fed, up to about `limit` rows.
    ///
    /// - Parameter isLast: nothing more will be fed.
    /// - Returns: `false`: there is nothing more to read in what was fed, or it ends at a refusal.
    /// - Throws: when the file as a whole cannot be read, as with columns that are not known.
    public mutating func read(
        isLast: Bool, limit: Int, into lines: inout ImportLines
    ) throws(ImportError) -> Bool {
        if isAtStart {
            guard buffer.count >= 3 || isLast else { return false }
            isAtStart = false
            if buffer.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        }
        while lines.rows.count < limit {
            if stopsAtRefusal, lines.refused > 0 { return false }
            if isSkipping, !skipLine() {
                if isLast { try expectHeader() }
                return false
            }
            let bytes = buffer
            let isThere = format == .csv ? try readCSV(bytes, isLast, &lines) : readLine(bytes, isLast, &lines)
            guard !isThere else { continue }
            // It goes on in what is not here yet.
            if buffer.count - position > Self.maximumRecord {
                try expectHeader()
                lines.refuse(
                    line, "a record of more than \(Self.maximumRecord) bytes",
                    "a line end, or the quote that closes a text, before that")
                isSkipping = true
                continue
            }
            if isLast { try expectHeader() }
            return false
        }
        return true
    }

    /// To behind the next line end. `false`: none is here yet.
    private mutating func skipLine() -> Bool {
        guard let end = buffer[position...].firstIndex(of: 0x0A) else {
            position = buffer.count
            return false
        }
        position = end + 1
        line += 1
        isSkipping = false
        return true
    }

    /// A record ends before `end`.
    mutating func pass(to end: Int, lines ends: Int) {
        position = end
        line += ends
    }

    // MARK: - Names

    /// Parts with their lengths: whatever bytes are in them, no two names have the same key.
    mutating func makeKey(
        _ area: ArraySlice<UInt8>, _ kind: ArraySlice<UInt8>, _ device: ArraySlice<UInt8>,
        _ component: ArraySlice<UInt8>, _ metric: ArraySlice<UInt8>, _ inactive: Bool
    ) {
        key.removeAll(keepingCapacity: true)
        add(area)
        add(kind)
        add(device)
        add(component)
        add(metric)
        key.append(inactive ? 1 : 0)
    }

    private mutating func add(_ part: ArraySlice<UInt8>) {
        key.append(UInt8(truncatingIfNeeded: part.count))
        key.append(UInt8(truncatingIfNeeded: part.count >> 8))
        key.append(UInt8(truncatingIfNeeded: part.count >> 16))
        key.append(contentsOf: part)
    }

    /// The place of the name that `key` was made of.
    mutating func place(_ name: () -> ImportName) -> Int32 {
        let found = key.withUnsafeBytes { known.find($0) }
        if let found { return found }
        var new = name()
        new.fault = new.fault ?? new.ownFault
        names.append(new)
        return key.withUnsafeBytes { known.intern($0) }
    }
}

extension ImportName {
    static func isEvent(_ metric: String) -> Bool { metric.hasPrefix(EventName.metricPrefix) }

    fileprivate var ownFault: ImportFault? {
        if let area, !Names.isArea(area) {
            return ImportFault(found: "area \(shown(area))", expected: "1 to 32 of 0-9 A-Z a-z _ -")
        }
        guard Names.isIdentifier(device) else {
            return ImportFault(found: "device \(shown(device))", expected: "1 to 64 of 0-9 A-Z a-z _ . : -")
        }
        if let component, component.count > Limits.maximumName {
            return ImportFault(
                found: "component of \(component.count) characters", expected: "at most \(Limits.maximumName)")
        }
        guard (1...Limits.maximumName).contains(metric.utf8.count),
            metric.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else {
            return ImportFault(
                found: "metric \(shown(metric))", expected: "1 to \(Limits.maximumName) printable bytes")
        }
        return nil
    }
}

/// What came, short and on one line.
func shown(_ text: String) -> String {
    let scalars = text.unicodeScalars.prefix(60).map { $0.properties.generalCategory == .control ? "?" : String($0) }
    return "'\(scalars.joined())\(text.unicodeScalars.count > 60 ? "…" : "")'"
}

func shown(_ bytes: some Collection<UInt8>) -> String { shown(String(decoding: bytes.prefix(256), as: UTF8.self)) }
