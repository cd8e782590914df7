"""A webhook receiver that is fast enough to measure with: one thread, no library between the socket and the clock."""
import heapq
import select
import socket
import threading
import time

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Sink(threading.Thread):
    """Takes everything. Each request takes it `delay` seconds, as many at a time as come."""

    def __init__(self, delay=0.0):
        super().__init__(daemon=True)
        self.delay = delay
        self.received = []  # (when, body)
        self.most_at_once = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.stopped = False
        self.start()

    def run(self):
        epoll = select.epoll()
        epoll.register(self.listener, select.EPOLLIN)
        connections, buffers, due = {}, {}, []
        while not self.stopped:
            pause = max(0, due[0][0] - time.perf_counter()) if due else 0.2
            for number, _ in epoll.poll(pause):
                if number == self.listener.fileno():
                    connection, _ = self.listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connections[connection.fileno()], buffers[connection.fileno()] = connection, b""
                    epoll.register(connection, select.EPOLLIN)
                    continue
                try:
                    data = connections[number].recv(1 << 18)
                except OSError:
                    data = b""
                if not data:
                    epoll.unregister(number)
                    connections.pop(number).close()
                    del buffers[number]
                    continue
                buffers[number] += data
                while (body := self.request(buffers, number)) is not None:
                    now = time.perf_counter()
                    self.received.append((now, body))
                    if self.delay:
                        heapq.heappush(due, (now + self.delay, number))
                        self.most_at_once = max(self.most_at_once, len(due))
                    else:
                        self.answer(connections, number)
            while due and due[0][0] <= time.perf_counter():
                self.answer(connections, heapq.heappop(due)[1])

    @staticmethod
    def request(buffers, number):
        """The body of a request that is complete, taken out of the buffer."""
        head, found, rest = buffers[number].partition(b"\r\n\r\n")
        if not found:
            return None
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(rest) < length:
            return None
        buffers[number] = rest[length:]
        return rest[:length]

    @staticmethod
    def answer(connections, number):
        try:
            if number in connections:
                connections[number].sendall(ANSWER)
        except OSError:
            pass

    def stop(self):
        self.stopped = True
        self.join()
        self.listener.close()
