/// The files of this folder as they are inside the binary, so that it runs without any file installed.
/// They stay here, where people look for them; SwiftPM wants the source beside what it embeds.
public enum Embedded {
    public static var configuration: [UInt8] { PackageResources.firesense_yaml }
    public static var deviceKinds: [UInt8] { PackageResources.device_kinds_yaml }
    public static var rules: [UInt8] { PackageResources.rules_yaml }
}
