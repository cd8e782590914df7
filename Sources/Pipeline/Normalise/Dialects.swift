import FireJSON
import FireModel

/// Every dialect, in the order they are asked; the first that claims a topic reads it.
public enum Dialects {
    /// - Throws: `JSONError.noMemory`.
    public static func all() throws(JSONError) -> [any Dialect] {
        [
            try NativeDialect()
        ]
    }
}
