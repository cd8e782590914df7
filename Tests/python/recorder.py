"""A webhook receiver for tests: keeps all that came, byte for byte, and answers as it is told."""
import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """What a receiver does with a request. Without a status it gives none: it hangs, or resets the connection."""

    status: int | None = 204
    headers: dict = field(default_factory=dict)
    delay: float = 0
    resets: bool = False


@dataclass
class Request:
    headers: dict
    body: bytes
    answer: Answer
    at: float


class Recorder:
    """One receiver at one port, which may die and come back."""

    def __init__(self, port=0, choose=lambda headers, body: Answer()):
        self.choose = choose
        self.lock = threading.Lock()
        self.requests = []
        self.released = threading.Event()
        self.connections = set()
        self.server = None
        self.port = port
        self.start()

    @property
    def is_alive(self):
        return self.server is not None

    def start(self):
        self.server = _Server(("127.0.0.1", self.port), _handler(self))
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def die(self):
        """As a process dies: the port is closed, and all connections with it, whatever was going on."""
        server, self.server = self.server, None
        server.shutdown()
        server.server_close()
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            _reset(connection)

    def release(self):
        """Nothing hangs any more."""
        self.released.set()

    def keep(self, request):
        with self.lock:
            self.requests.append(request)

    def accepted(self):
        with self.lock:
            return [request for request in self.requests if request.answer.status and 200 <= request.answer.status < 300]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def handle_error(self, request, address):
        """A sender that is killed in the middle of a request is what is tested, and no error."""


def _reset(connection):
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # `close` alone waits for the thread that reads from it.
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()


def _handler(recorder):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            super().setup()
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with recorder.lock:
                recorder.connections.add(self.connection)

        def finish(self):
            with recorder.lock:
                recorder.connections.discard(self.connection)
            with contextlib.suppress(OSError):
                super().finish()

        def do_POST(self):
            headers = {name.lower(): value for name, value in self.headers.items()}
            length = int(headers.get("content-length", 0))
            body = self.rfile.read(length)
            if len(body) < length:  # the sender is gone
                self.close_connection = True
                return
            answer = recorder.choose(headers, body)
            # Noted before it is answered, as a receiver does that is durable first.
            recorder.keep(Request(headers, body, answer, time.monotonic()))
            if answer.delay:
                time.sleep(answer.delay)
            if answer.status is None:
                if not answer.resets:
                    recorder.released.wait(60)
                self.close_connection = True
                return _reset(self.connection)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    return Handler
