"""A publisher that speaks as much MQTT 3.1.1 as it needs, so that tests and benchmarks depend on no package."""
import socket
import struct
import threading
import time


def _text(text):
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _packet(first, body):
    length, size = len(body), bytearray()
    while True:
        length, digit = length >> 7, length & 127
        size.append(digit | (128 if length else 0))
        if not length:
            return bytes([first]) + bytes(size) + body


class Publisher:
    """QoS 1 over one connection, in the order of the calls. What the broker acknowledged is known by its tag."""

    def __init__(self, port, client, window=1000):
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Clean session, no keep-alive.
        self.connection.sendall(_packet(0x10, _text("MQTT") + bytes([4, 2, 0, 0]) + _text(client)))
        answer = self._exactly(4)
        if answer[0] != 0x20 or answer[3] != 0:
            raise OSError(f"the broker refused {client}: {answer.hex()}")
        self.connection.settimeout(None)
        self.window = window
        self.next = 0
        self.waiting = {}
        self.acknowledged = []
        self.error = None
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def publish(self, topic, payload, tag=None):
        """Waits while the window is full."""
        with self.changed:
            while len(self.waiting) >= self.window and not self.error:
                self.changed.wait()
            if self.error:
                raise self.error
            self.next = self.next % 65_535 + 1
            self.waiting[self.next] = tag
            packet = _packet(0x32, _text(topic) + struct.pack(">H", self.next) + payload.encode())
        self.connection.sendall(packet)

    def flush(self, seconds=30):
        """Until the broker has acknowledged everything."""
        end = time.monotonic() + seconds
        with self.changed:
            while self.waiting and not self.error and time.monotonic() < end:
                self.changed.wait(0.1)
            if self.error or self.waiting:
                raise self.error or TimeoutError(f"{len(self.waiting)} messages were not acknowledged")

    def close(self):
        try:
            self.connection.sendall(b"\xe0\x00")
        finally:
            self.connection.close()

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.connection.recv(count - len(data))
            if not part:
                raise OSError("the broker closed the connection")
            data += part
        return data

    def _read(self):
        try:
            while True:
                first, length = self._exactly(2)
                body = self._exactly(length)
                if first == 0x40:
                    with self.changed:
                        tag = self.waiting.pop(struct.unpack(">H", body[:2])[0], None)
                        if tag is not None:
                            self.acknowledged.append(tag)
                        self.changed.notify_all()
        except OSError as error:
            with self.changed:
                self.error = error
                self.changed.notify_all()
