import CZstd

/// What libzstd refused, in its own words.
public struct ZstdError: Error, Equatable, Sendable, CustomStringConvertible {
    public var description: String
}

/// Compresses buffers one by one, reusing its working memory. Every frame carries its length and a checksum
/// of its content (RFC 8878). Used by one thread at a time.
@safe public final class ZstdCompressor {
    private let context: OpaquePointer

    /// - Parameter level: 1 (fast) to 19 (small).
    /// - Throws: `ZstdError` when there is no memory.
    public init(level: Int32) throws(ZstdError) {
        guard let context = unsafe ZSTD_createCCtx() else { throw ZstdError(description: "no memory to compress") }
        unsafe self.context = unsafe context
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    /// Appends one frame that holds `source`.
    public func compress(_ source: [UInt8], appendingTo target: inout [UInt8]) throws(ZstdError) {
        let bound = ZSTD_compressBound(source.count)
        let start = target.count
        target.append(contentsOf: repeatElement(0, count: bound))
        let written = unsafe target.withUnsafeMutableBytes { out in
            unsafe source.withUnsafeBytes { input in
                unsafe ZSTD_compress2(
                    context, out.baseAddress.map { unsafe $0 + start }, bound, input.baseAddress, input.count)
            }
        }
        if let error = Self.error(written) {
            target.removeSubrange(start...)
            throw error
        }
        target.removeSubrange((start + written)...)
    }

    fileprivate static func error(_ code: Int) -> ZstdError? {
        guard ZSTD_isError(code) != 0 else { return nil }
        return ZstdError(description: unsafe String(cString: ZSTD_getErrorName(code)))
    }
}

/// Decompresses frames one by one, reusing its working memory. Used by one thread at a time.
@safe public final class ZstdDecompressor {
    private let context: OpaquePointer

    /// - Throws: `ZstdError` when there is no memory.
    public init() throws(ZstdError) {
        guard let context = unsafe ZSTD_createDCtx() else { throw ZstdError(description: "no memory to decompress") }
        unsafe self.context = unsafe context
    }

    deinit { unsafe ZSTD_freeDCtx(context) }

    /// The content of the one frame that `source` is.
    ///
    /// - Parameter limit: in bytes; a frame that claims to hold more is refused before any memory is taken.
    /// - Throws: `ZstdError` when it is no frame, claims too much, or its checksum does not match.
    public func decompress(_ source: ArraySlice<UInt8>, limit: Int) throws(ZstdError) -> [UInt8] {
        let claimed = unsafe source.withUnsafeBytes { unsafe ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
        // The two largest numbers mean "unknown" and "no frame".
        guard claimed <= UInt64(limit) else {
            throw ZstdError(description: "the frame holds \(claimed) bytes, at most \(limit) were expected")
        }
        var failure: ZstdError?
        let content = unsafe [UInt8](unsafeUninitializedCapacity: Int(claimed)) { out, count in
            let written = unsafe source.withUnsafeBytes { input in
                unsafe ZSTD_decompressDCtx(context, out.baseAddress, out.count, input.baseAddress, input.count)
            }
            failure = ZstdCompressor.error(written)
            count = failure == nil ? written : 0
        }
        if let failure { throw failure }
        return content
    }
}
