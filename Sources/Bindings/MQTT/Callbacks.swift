import CMosquitto

// From the library to the client it belongs to, which is the user data of the handle.

private func client(_ object: UnsafeMutableRawPointer?) -> MQTTClient? {
    unsafe object.map { unsafe Unmanaged<MQTTClient>.fromOpaque($0).takeUnretainedValue() }
}

func setCallbacks(_ handle: OpaquePointer) {
    unsafe mosquitto_connect_v5_callback_set(handle) { _, object, code, flags, _ in
        unsafe client(object)?.connected(code: code, flags: flags)
    }
    unsafe mosquitto_disconnect_v5_callback_set(handle) { _, object, code, _ in
        unsafe client(object)?.disconnected(reason: code)
    }
    unsafe mosquitto_message_v5_callback_set(handle) { _, object, message, _ in
        if let message = unsafe message { unsafe client(object)?.received(message.pointee) }
    }
    unsafe mosquitto_subscribe_v5_callback_set(handle) { _, object, packetID, count, codes, _ in
        unsafe client(object)?.subscribed(
            packetID: packetID, codes: UnsafeBufferPointer(start: codes, count: Int(max(0, count))))
    }
    unsafe mosquitto_publish_v5_callback_set(handle) { _, object, packetID, reason, _ in
        unsafe client(object)?.published(packetID: packetID, reason: reason)
    }
}

func setLogCallback(_ handle: OpaquePointer) {
    unsafe mosquitto_log_callback_set(handle) { _, object, level, line in
        if let line = unsafe line { unsafe client(object)?.logged(level: level, line: line) }
    }
}
