@testable import FireStore

/// The tables of the form with a row per reading.
enum OldForm {
    static let schema = Schema.first
}
