"""A broker and a daemon of one's own for tests and benchmarks: real programs, free loopback ports, a folder for all."""
import base64
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_port():
    """Below the kernel's ephemeral ports, where the next outgoing connection could take it."""
    for port in range(20_000 + os.getpid() % 5_000, 32_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
    raise OSError("no free port")


_given = set()


def wait_for(what, condition, seconds=30, pause=0.02):
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(pause)
    return found


class Program:
    def __init__(self, command, log):
        with open(log, "ab") as output:
            self.process = subprocess.Popen([str(word) for word in command], stdout=output, stderr=output)

    @property
    def pid(self):
        return self.process.pid

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=30):
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()


class Broker(Program):
    """mosquitto with the settings of Deploy/mosquitto but without passwords."""

    def __init__(self, folder):
        self.port = free_port()
        left_out = ("listener ", "allow_anonymous ", "password_file ", "acl_file ")
        shipped = (ROOT / "Deploy/mosquitto/firesense.conf").read_text().splitlines()
        lines = [line for line in shipped if not line.startswith(left_out)]
        data = folder / "broker"
        data.mkdir()
        lines += [f"listener {self.port} 127.0.0.1", "allow_anonymous true", f"persistence_location {data}/", "user root"]
        configuration = folder / "mosquitto.conf"
        configuration.write_text("\n".join(lines) + "\n")
        mosquitto = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        super().__init__([mosquitto, "-c", configuration], folder / "broker.log")
        wait_for("the broker listens", self.accepts)

    def accepts(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False


class Gateway:
    """The daemon, which may be killed and started again on the same store."""

    def __init__(self, binaries, folder, broker, webhooks, more=""):
        """webhooks: the entries' text as YAML flow mappings, by name."""
        self.binaries, self.folder = pathlib.Path(binaries), folder
        self.http = free_port()
        self.database = folder / "firesense.sqlite"
        self.configuration = folder / "firesense.yaml"
        entries = "".join(f"  - {{ name: {name}, {entry} }}\n" for name, entry in webhooks.items())
        self.configuration.write_text(
            f"gateway: {{ id: test, catch_all: false }}\nmqtt: {{ port: {broker.port} }}\n"
            f"store: {{ path: {self.database} }}\nhttp: {{ listen: \"127.0.0.1:{self.http}\" }}\n"
            f"{more}\nwebhooks:\n{entries}" + ("" if entries else "  []\n")
        )
        self.program = None

    def start(self):
        command = [self.binaries / "firesense", "run", "--config", self.configuration]
        self.program = Program(command, self.folder / "firesense.log")

    def ready(self, seconds=60):
        wait_for("the daemon is ready", lambda: self.get("/readyz") is not None, seconds)

    def get(self, path):
        """None while it does not answer 200."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=5) as answer:
                return json.load(answer) if path.startswith("/api/") else answer.read()
        except (OSError, ValueError):
            return None

    def stats(self):
        return self.get("/api/v1/stats") or {}

    def log(self, lines=20):
        text = (self.folder / "firesense.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])


def new_secret(path):
    """A secret in a file, and its key."""
    key = os.urandom(24)
    path.write_text("whsec_" + base64.b64encode(key).decode() + "\n")
    return key
