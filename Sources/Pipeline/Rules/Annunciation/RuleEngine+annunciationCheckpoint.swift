import FireModel
import Foundation

/// The section of a checkpoint that says who is told of alarms when.
extension RuleEngine {
    /// text: JSON of `AnnunciationState`, its keys sorted.
    func writeAnnunciation(to writer: inout CheckpointWriter) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Numbers and texts alone: nothing in it cannot be written.
        let json = (try? encoder.encode(annunciation.state)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        writer.text(json)
    }

    func readAnnunciation(from reader: inout CheckpointReader) throws(CheckpointError) -> AnnunciationState {
        let json = try reader.block()
        guard let state = try? JSONDecoder().decode(AnnunciationState.self, from: Data(json)), state.isSound else {
            throw reader.damaged
        }
        return state
    }
}
