import FireModel

/// One form of payload. A dialect only takes payloads apart; what a name, a value or a time is worth
/// is judged in one place for all of them, the `Transcript` it writes to.
///
/// A new dialect is a file in `Dialects/` and a line in `Dialects.all`.
public protocol Dialect {
    /// As in `firesense decode --dialect NAME`.
    var name: String { get }
    /// Whether messages of this topic are written in this dialect.
    func claims(_ topic: Topic) -> Bool
    /// Reads `payload` (followed by `JSONParser.padding` readable bytes) and writes down what it says.
    ///
    /// A native topic has told the transcript already whom the message is about. For any other topic the dialect
    /// tells it with `Transcript.about(area:kind:device:stream:)`, once for each device the payload speaks of.
    func read(_ payload: UnsafeRawBufferPointer, topic: Topic, into transcript: Transcript)
}
