import FireModel

extension JSONWriter {
    /// The members of an object written elsewhere, into the object being written here.
    mutating func members(of object: String) {
        let inner = object.dropFirst().dropLast()
        if !inner.isEmpty { verbatim(String(inner)) }
    }
}
