import Foundation
import PowerLossVFS

/// A folder of its own that is a modelled disk while this lives: what is written there and not synced may be
/// gone, or half there, after a power cut. See `PowerLossVFS.h`.
final class Disk {
    let folder: URL
    private let handle: OpaquePointer

    /// Calls the model counts and can let fail.
    enum Call: CaseIterable {
        case open, write, sync, truncate, delete

        fileprivate var number: Int32 {
            switch self {
            case .open: Int32(FS_DISK_OPEN)
            case .write: Int32(FS_DISK_WRITE)
            case .sync: Int32(FS_DISK_SYNC)
            case .truncate: Int32(FS_DISK_TRUNCATE)
            case .delete: Int32(FS_DISK_DELETE)
            }
        }
    }

    enum Fault: CaseIterable {
        case error
        /// A sync that fails and forgets what it was to make durable.
        case forgetfulError
        case full

        fileprivate var number: Int32 {
            switch self {
            case .error: Int32(FS_DISK_ERROR)
            case .forgetfulError: Int32(FS_DISK_ERROR_FORGETS)
            case .full: Int32(FS_DISK_FULL)
            }
        }
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// In memory where that can be had: nothing is synced for real, and thousands of files come and go.
    private static let parent =
        FileManager.default.isWritableFile(atPath: "/dev/shm")
        ? URL(fileURLWithPath: "/dev/shm") : FileManager.default.temporaryDirectory

    /// An empty one.
    convenience init() throws { try self.init { _ in } }

    /// What a power cut behind call number `calls` leaves of `disk`; `seed` decides what that is.
    convenience init(survivorsOf disk: Disk, calls: Int64, seed: UInt64) throws {
        try self.init { folder in
            let code = fs_disk_survivors(disk.handle, calls, seed, folder.path)
            guard code == 0 else { throw Failure(description: "survivors: \(String(cString: strerror(code)))") }
        }
    }

    private init(filling: (URL) throws -> Void) throws {
        folder = Self.parent.appendingPathComponent("disk-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        do {
            try filling(folder)
            guard let handle = fs_disk_install(folder.path) else {
                throw Failure(description: "\(folder.path) cannot be installed")
            }
            self.handle = handle
        } catch {
            try? FileManager.default.removeItem(at: folder)
            throw error
        }
    }

    deinit {
        fs_disk_uninstall(handle)
        try? FileManager.default.removeItem(at: folder)
    }

    /// Of the database.
    var path: String { path("firesense.sqlite") }
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    var calls: Int64 { fs_disk_all_calls(handle) }
    func calls(_ call: Call) -> Int64 { fs_disk_calls(handle, call.number) }
    /// Calls answered with an error since the last `mend`.
    var faults: Int64 { fs_disk_faults(handle) }

    func cutPower(after calls: Int64) { fs_disk_cut_after(handle, calls) }
    var isCut: Bool { fs_disk_is_cut(handle) }

    /// The `number`-th call from now, 1 the next; `lasting`: each after it too.
    func fail(_ call: Call, _ number: Int64, lasting: Bool = false, with fault: Fault = .error) {
        fs_disk_fail(handle, call.number, number, lasting, fault.number)
    }

    /// Of all files together, in bytes.
    var size: Int64 { fs_disk_size(handle) }

    /// Of `size`.
    func limit(bytes: Int64) { fs_disk_limit(handle, bytes) }

    func mend() { fs_disk_mend(handle) }
}
