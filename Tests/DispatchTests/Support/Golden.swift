import Foundation
import Testing

/// Compares with a file in `Tests/Fixtures/Dispatch`, byte for byte. What came instead is left in the temporary folder, to be
/// read and, where it is right, to become the file.
func expectGolden(
    _ bytes: [UInt8], _ name: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fixtures/Dispatch")
    let expected = try? Data(contentsOf: folder.appending(path: name))
    guard expected != Data(bytes) else { return }
    let came = FileManager.default.temporaryDirectory.appending(path: "firesense-golden-\(name)")
    try Data(bytes).write(to: came)
    Issue.record(
        "\(name) is not what came: diff Tests/Fixtures/Dispatch/\(name) \(came.path)", sourceLocation: sourceLocation)
}
