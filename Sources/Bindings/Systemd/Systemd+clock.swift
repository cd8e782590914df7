import CSystemd

extension Systemd {
    /// The kernel's word on whether somebody keeps its clock right (adjtimex(2), `STA_UNSYNC`). On a machine
    /// whose clock nobody disciplines it is always false, and means nothing.
    public static var kernelClockIsSynchronised: Bool {
        var state = timex()
        let result = unsafe adjtimex(&state)
        return result >= 0 && result != TIME_ERROR && state.status & STA_UNSYNC == 0
    }
}
