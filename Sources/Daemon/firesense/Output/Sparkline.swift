/// Numbers as one line of bars.
enum Sparkline {
    private static let bars = Array("▁▂▃▄▅▆▇█")

    /// At most `width` bars, each the mean of its share of the numbers, from the least to the greatest of all.
    static func text(_ numbers: [Double], width: Int) -> String {
        let numbers = numbers.filter(\.isFinite)
        guard let least = numbers.min(), let greatest = numbers.max(), width > 0 else { return "" }
        let count = min(width, numbers.count)
        var line = ""
        for place in 0..<count {
            let share = numbers[(place * numbers.count / count)..<((place + 1) * numbers.count / count)]
            // Halved first: the distance of two doubles may be more than a double holds.
            let mean = share.reduce(0) { $0 + $1 / Double(share.count) }
            let height = greatest > least ? (mean / 2 - least / 2) / (greatest / 2 - least / 2) : 0
            line.append(bars[min(bars.count - 1, max(0, Int(height * Double(bars.count))))])
        }
        return line
    }
}
