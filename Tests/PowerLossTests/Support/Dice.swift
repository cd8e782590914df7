import FireDevices

/// The same numbers each time: a failure can be looked at again.
typealias Dice = Randomness

extension Randomness {
    mutating func roll(_ sides: Int) -> Int { Int.random(in: 0..<sides, using: &self) }
    mutating func pick<T>(_ choices: [T]) -> T { choices[roll(choices.count)] }
}
