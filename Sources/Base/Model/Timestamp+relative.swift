extension Timestamp {
    /// A moment as `from` and `to` spell it everywhere (contract 1): RFC 3339, integer milliseconds, or
    /// before `now` by a duration, like `-24h`. `nil` for anything else.
    ///
    /// Ten digits are refused: they are seconds by mistake, and as milliseconds would mean a day of 1970
    /// on which nothing was ever stored.
    public init?(firesense text: some StringProtocol, now: Timestamp) {
        if text.first == "-" {
            guard let duration = Duration(firesense: text.dropFirst()) else { return nil }
            self = now + -duration.wholeMilliseconds
        } else if text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            guard text.utf8.count != 10, let milliseconds = Int64(text), milliseconds <= Self.ceiling else {
                return nil
            }
            self.init(milliseconds: milliseconds)
        } else {
            self.init(rfc3339: text)
        }
    }

    /// 9999-12-31T23:59:59.999Z, the last that RFC 3339 can write.
    private static let ceiling: Int64 = 253_402_300_799_999
}
