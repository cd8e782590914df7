import FireModel
import Foundation

extension Alarm {
    /// The alarm as it was at a change.
    /// - Throws: `DecodingError` for text that is not an alarm.
    init(snapshot: String) throws { self = try JSONDecoder().decode(Alarm.self, from: Data(snapshot.utf8)) }
}
