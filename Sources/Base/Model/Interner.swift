/// Bytes → small dense integers, without making a `String` for a name that is already known.
///
/// Open addressing over indices; the names themselves lie one after the other in one byte array,
/// so that a hundred thousand device ids cost a few megabytes and no object each.
public struct Interner: Sendable {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    /// Index + 1 of a name, 0 for an empty place. Always a power of two, at most half full.
    private var table: [Int32]

    public init(minimumCapacity: Int = 64) {
        var size = 128
        while size < minimumCapacity * 2 { size *= 2 }
        table = Array(repeating: 0, count: size)
    }

    public var count: Int { ends.count }

    public func find(_ name: UnsafeRawBufferPointer) -> Int32? {
        var place = Int(truncatingIfNeeded: contentHash(name)) & (table.count - 1)
        while table[place] != 0 {
            if equals(Int(table[place] - 1), name) { return table[place] - 1 }
            place = (place + 1) & (table.count - 1)
        }
        return nil
    }

    public mutating func intern(_ name: UnsafeRawBufferPointer) -> Int32 {
        if let known = find(name) { return known }
        if ends.count * 2 >= table.count { grow() }
        bytes.append(contentsOf: name)
        ends.append(bytes.count)
        let index = Int32(ends.count - 1)
        insert(index, hash: contentHash(name))
        return index
    }

    public func find(_ name: String) -> Int32? {
        var name = name
        return name.withUTF8 { find(UnsafeRawBufferPointer($0)) }
    }

    public mutating func intern(_ name: String) -> Int32 {
        var name = name
        return name.withUTF8 { intern(UnsafeRawBufferPointer($0)) }
    }

    public subscript(index: Int32) -> String {
        String(decoding: bytes[start(Int(index))..<ends[Int(index)]], as: UTF8.self)
    }

    private func start(_ index: Int) -> Int { index == 0 ? 0 : ends[index - 1] }

    private func equals(_ index: Int, _ name: UnsafeRawBufferPointer) -> Bool {
        let from = start(index)
        guard ends[index] - from == name.count else { return false }
        for offset in 0..<name.count where bytes[from + offset] != name[offset] { return false }
        return true
    }

    private mutating func insert(_ index: Int32, hash: UInt64) {
        var place = Int(truncatingIfNeeded: hash) & (table.count - 1)
        while table[place] != 0 { place = (place + 1) & (table.count - 1) }
        table[place] = index + 1
    }

    private mutating func grow() {
        table = Array(repeating: 0, count: table.count * 2)
        for index in 0..<ends.count {
            let hash = bytes[start(index)..<ends[index]].withUnsafeBytes { contentHash($0) }
            insert(Int32(index), hash: hash)
        }
    }
}

/// A 64-bit hash of bytes, the same in every process and version: it is stored to recognise
/// redeliveries. Multiply and fold per eight bytes, after the pattern of wyhash.
public func contentHash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0x9E37_79B9_7F4A_7C15) -> UInt64 {
    var hash = seed ^ UInt64(bytes.count)
    var offset = 0
    while offset + 8 <= bytes.count {
        hash = fold(hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian)
        offset += 8
    }
    var tail: UInt64 = 0
    var shift: UInt64 = 0
    while offset < bytes.count {
        tail |= UInt64(bytes[offset]) << shift
        shift += 8
        offset += 1
    }
    return fold(fold(hash ^ tail) ^ 0xA076_1D64_78BD_642F)
}

private func fold(_ x: UInt64) -> UInt64 {
    let (high, low) = x.multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
    return high ^ low ^ x
}
