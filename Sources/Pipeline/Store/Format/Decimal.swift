/// Measured values are decimals: 0.312 MPa, 23.5 °C. As whole numbers of thousandths or tenths they are short;
/// a Double that is no such decimal keeps its eight bytes.
enum Decimal {
    static let maximumExponent: UInt8 = 9
    private static let powers: [Double] = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]
    /// 2^53: up to here every whole number is a Double.
    private static let limit = 9_007_199_254_740_992.0
    /// No whole multiple that `whole` gives is farther from zero.
    static let largest: Int64 = 9_007_199_254_740_991

    /// 10^exponent, of at most 9.
    static func power(_ exponent: UInt8) -> Int64 { Int64(powers[Int(exponent)]) }

    /// `m` with `m / 10^exponent == x` to the bit; `nil`: there is none. So -0, infinities and NaN have none.
    @inline(__always) static func whole(_ x: Double, _ exponent: UInt8) -> Int64? {
        let power = powers[Int(exponent)]
        let shifted = x * power
        guard shifted.magnitude < limit else { return nil }
        let whole = Int64(shifted.rounded(.toNearestOrEven))
        return value(whole, exponent).bitPattern == x.bitPattern ? whole : nil
    }

    /// The smallest exponent, from `least` on, under which `x` is whole.
    static func exponent(of x: Double, from least: UInt8 = 0) -> UInt8? {
        var exponent = least
        while exponent <= maximumExponent {
            if whole(x, exponent) != nil { return exponent }
            exponent += 1
        }
        return nil
    }

    @inline(__always) static func value(_ whole: Int64, _ exponent: UInt8) -> Double {
        Double(whole) / powers[Int(exponent)]
    }
}

/// A number as it is stored: a decimal is added without a look at its Double.
enum StoredNumber {
    /// A multiple of 10^-n.
    case decimal(Int64, UInt8)
    case double(Double)

    var double: Double {
        switch self {
        case .decimal(let whole, let exponent): Decimal.value(whole, exponent)
        case .double(let x): x
        }
    }
}
