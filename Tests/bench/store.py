#!/usr/bin/env python3
"""The figures of the time-series store, beside a plain SQLite table and, where they are installed, victoria-metrics and
influxdb (Debian packages of these names), which get the same samples in the same run.

    Tests/bench/store.py [disk] [queries] [writes] [cpu] [series]      some twenty minutes for all, 10 GB in TMPDIR

FIRESENSE_BIN names a folder with release builds of `firesense` and `store-bench`; .build/release when absent:
    swift build -c release --product firesense && swift build -c release --product store-bench
--days N makes the month of `disk` and `queries` shorter. The exit code is 1 when a goal was missed."""
import argparse
import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unicodedata
from urllib.parse import quote, urlencode

BIN = pathlib.Path(os.environ.get("FIRESENSE_BIN", pathlib.Path(__file__).parents[2] / ".build/release"))
PHASES = ["disk", "queries", "writes", "cpu", "series"]
OURS, ROWS, VM, INFLUX = "FireSense", "SQLite rows", "victoria-metrics", "influxdb"
HOUR = 3600

figures = []  # (figure, unit, goal or None, {engine: value})


def note(figure, unit, goal=None, **values):
    """Of several calls with one figure the values come together."""
    values = {name.replace("_", " "): value for name, value in values.items()}
    for known in figures:
        if known[0] == figure:
            known[3].update(values)
            break
    else:
        figures.append((figure, unit, goal, values))
    for engine, value in values.items():
        print(f"    {figure}: {engine} {number(value)} {unit}", flush=True)


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def step(text):
    print(f"\n==> {text}", flush=True)


# --- Processes ---------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command, log):
    with open(log, "ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def bench(*arguments):
    """Figures of `store-bench`, by their names."""
    result = subprocess.run([BIN / "store-bench", *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        sys.exit(f"store.py: store-bench {' '.join(map(str, arguments))} failed")
    lines = (line.split("\t") for line in result.stdout.splitlines())
    return {name: float(value) for name, value, *_ in lines}


class Client:
    """One connection, kept open as a console or a dashboard does."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(self, path, body=None):
        self.connection.request("POST" if body is not None else "GET", path, body=body)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            sys.exit(f"store.py: {path} answers {answer.status}: {text[:300]}")
        return text

    def wait(self, path, seconds=120):
        end = time.time() + seconds
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.connection.request("GET", path)
                answer = self.connection.getresponse()
                answer.read()
                if answer.status < 300:
                    return
            self.connection.close()
            if time.time() > end:
                sys.exit(f"store.py: {path} does not answer")
            time.sleep(0.005)


def resident(process):
    for line in open(f"/proc/{process.pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def size_of(path):
    return int(subprocess.check_output(["du", "-sb", path]).split()[0])


# --- Engines -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def firesense(folder, database, broker_port=1):
    port = free_port()
    config = folder / "firesense.yaml"
    config.write_text(
        f"gateway: {{ id: bench }}\nmqtt: {{ port: {broker_port} }}\nstore: {{ path: {database} }}\n"
        f'http: {{ listen: "127.0.0.1:{port}" }}\n'
    )
    with running([BIN / "firesense", "run", "--config", config], folder / "firesense.log") as process:
        yield process, Client(port)


@contextlib.contextmanager
def victoria_metrics(folder):
    port = free_port()
    command = [
        "victoria-metrics", f"-storageDataPath={folder / 'vm'}", "-retentionPeriod=100y", "-loggerLevel=ERROR",
        f"-httpListenAddr=127.0.0.1:{port}", "-search.maxPointsPerTimeseries=100000", "-search.latencyOffset=0",
        "-search.disableCache",
    ]  # fmt: skip
    with running(command, folder / "vm.log"):
        client = Client(port)
        client.wait("/health")
        yield client


@contextlib.contextmanager
def influxdb(folder):
    port = free_port()
    root = folder / "influx"
    config = folder / "influx.conf"
    config.write_text(
        f"""reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
  dir = "{root}/meta"
[data]
  dir = "{root}/data"
  wal-dir = "{root}/wal"
  index-version = "tsi1"
  query-log-enabled = false
  max-series-per-database = 0
  cache-max-memory-size = "4g"
  cache-snapshot-write-cold-duration = "2s"
  compact-full-write-cold-duration = "5s"
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
  max-body-size = 0
[monitor]
  store-enabled = false
"""
    )
    with running(["influxd", "-config", config], folder / "influx.log"):
        client = Client(port)
        client.wait("/ping")
        client.ask("/query?q=" + quote("CREATE DATABASE bench"), body=b"")
        yield client


def installed(name):
    return shutil.which(name) is not None


def feed(options, takers):
    """The same lines to each taker, four megabytes at a time."""
    with subprocess.Popen([BIN / "store-bench", "emit", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as source:
        rest = b""
        while block := source.stdout.read(4 << 20):
            block = rest + block
            end = block.rfind(b"\n") + 1
            rest = block[end:]
            for take in takers:
                take(block[:end])
        return int(source.stderr.read())


def settle(path, seconds=180):
    """Until nothing has changed for a while: compaction goes on behind the writes."""
    size, since, end = -1, time.time(), time.time() + seconds
    while time.time() < end and time.time() - since < 20:
        if (now := size_of(path)) != size:
            size, since = now, time.time()
        time.sleep(1)
    return size


# --- Phases ------------------------------------------------------------------------------------------


class Month:
    """A month of three hundred devices, in every store; made once for the phases that want it."""

    def __init__(self, folder, days):
        self.folder = folder
        self.end = int(time.time()) // HOUR * HOUR
        self.options = ["--devices", "300", "--days", str(days), "--end", str(self.end)]
        self.ours = folder / "month.sqlite"
        self.made = False
        # Rows are slow to make, and as large in the second day as in the thirtieth.
        self.rows = folder / "rows.sqlite"
        self.row_options = ["--devices", "300", "--days", str(min(days, 2)), "--end", str(self.end)]

    def make(self):
        if self.made:
            return
        self.made = True
        step(f"The samples: 300 devices of five kinds, {self.options[3]} days")
        got = bench("fill", self.ours, *self.options, "--batch", "1000")
        rows = bench("rows", self.rows, *self.row_options)
        note("on disk", "bytes/reading", 1.0, **{OURS: got["on disk"], ROWS: rows["on disk"]})
        with contextlib.ExitStack() as engines:
            takers = []
            if installed("victoria-metrics"):
                vm = engines.enter_context(victoria_metrics(self.folder))
                takers.append(lambda lines: vm.ask("/write", lines))
            if installed("influxd"):
                influx = engines.enter_context(influxdb(self.folder))
                takers.append(lambda lines: influx.ask("/write?db=bench", lines))
            if not takers:
                print("    neither victoria-metrics nor influxdb is installed")
                return
            count = feed(self.options, takers)
            if count != got["readings"]:
                sys.exit(f"store.py: {count} readings were fed, {got['readings']} are stored")
            if installed("victoria-metrics"):
                vm.ask("/internal/force_flush")
                vm.ask("/internal/force_merge")
                note("on disk", "bytes/reading", **{VM: settle(self.folder / "vm") / count})
            if installed("influxd"):
                note("on disk", "bytes/reading", **{INFLUX: settle(self.folder / "influx") / count})


def timed(figure, goal, engine, ask, check, rounds=200):
    """Median of the warm ones; the first is told as well."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        answer = ask()
        times.append((time.perf_counter() - start) * 1000)
    check(answer)
    warm = sorted(times[1:])
    note(figure, "ms", goal, **{engine: warm[len(warm) // 2]})
    return times[0]


def holds(least):
    def check(answer):
        text = answer if isinstance(answer, bytes) else str(answer).encode()
        if text.count(b"[") + text.count(b"(") + text.count(b'"value"') < least:
            sys.exit(f"store.py: an answer is too short: {text[:300]}")

    return check


def phase_disk(month):
    month.make()


def phase_queries(month):
    month.make()
    step("Queries over HTTP, one kept connection")
    day = 86_400
    end = month.end - HOUR  # within the last segments
    start = end - day
    device = "electrical-2"
    one, many = "one series, one raw day", "100 series, one day by 5 minutes"
    with firesense(month.folder, month.ours) as (_, client):
        client.wait("/healthz")
        span = {"from": start * 1000, "to": end * 1000}
        raw = "/api/v1/readings?" + urlencode({"device": device, "metric": "current_a", **span})
        steps = "/api/v1/readings?" + urlencode(
            {"kind": "electrical", "metric": "current_a", "step": "5m", "fn": "avg", "limit": 1000, **span}
        )
        # A connection and a snapshot are there; the file is not in the page cache any more.
        client.ask("/api/v1/stats")
        subprocess.run(["dd", f"of={month.ours}", "oflag=nocache", "conv=notrunc,fdatasync", "count=0"], stderr=subprocess.DEVNULL)
        cold = timed(one, 1.5, OURS, lambda: client.ask(raw), holds(1400))
        note(one + ", cold", "ms", 10, **{OURS: cold})
        timed(many, 20, OURS, lambda: client.ask(steps), holds(28_000))
    if (month.folder / "vm").exists():
        with victoria_metrics(month.folder) as client:
            query = quote(f'electrical_current_a{{device="{device}"}}[1d]')
            timed(one, 1.5, VM, lambda: client.ask(f"/api/v1/query?query={query}&time={end}"), holds(1400))
            query = quote("avg_over_time(electrical_current_a[5m])")
            path = f"/api/v1/query_range?query={query}&start={start}&end={end}&step=300"
            timed(many, 20, VM, lambda: client.ask(path), holds(28_000))
    if (month.folder / "influx").exists():
        with influxdb(month.folder) as client:
            span = f"time >= {start}s AND time < {end}s"
            query = quote(f"SELECT current_a FROM electrical WHERE device = '{device}' AND {span}")
            timed(one, 1.5, INFLUX, lambda: client.ask(f"/query?db=bench&epoch=ms&q={query}"), holds(1400))
            query = quote(f"SELECT mean(current_a) FROM electrical WHERE {span} GROUP BY time(5m), device")
            timed(many, 20, INFLUX, lambda: client.ask(f"/query?db=bench&epoch=ms&q={query}"), holds(28_000), 20)
    rows = sqlite3.connect(month.rows)
    found = rows.execute("SELECT series, count(*) n FROM reading WHERE ts >= ? GROUP BY series HAVING n > 1400 LIMIT 100", (start * 1000,))
    series = [row[0] for row in found]
    window = (start * 1000, end * 1000)
    sql = "SELECT ts, value FROM reading WHERE series = ? AND ts >= ? AND ts < ?"
    timed(one, 1.5, ROWS, lambda: rows.execute(sql, (series[0], *window)).fetchall(), holds(1400))
    sql = (
        "SELECT series, ts / 300000, avg(value) FROM reading WHERE ts >= ? AND ts < ?"
        f" AND series IN ({','.join(map(str, series))}) GROUP BY 1, 2"
    )
    timed(many, 20, ROWS, lambda: rows.execute(sql, window).fetchall(), holds(28_000), 20)
    rows.close()


def phase_writes(folder):
    step("Bytes written over a reading's whole life: journal, log, chunks, merges")
    path = folder / "writes.sqlite"
    slow = bench("fill", path, "--devices", 4800, "--days", 2, "--linger", 2000, "--warm-up", 13 * 60)
    note("written at 500 readings/s, linger 2 s", "bytes/reading", 32, **{OURS: slow["written in all"]})
    note("readings a batch at 500/s", "", **{OURS: slow["readings a batch"]})
    path.unlink()
    fast = bench("fill", path, "--devices", 8000, "--pace", 60, "--days", 70 / 1440, "--linger", 2000, "--warm-up", 10)
    note("written at 50,000 readings/s", "bytes/reading", 8, **{OURS: fast["written in all"]})
    path.unlink()
    rows = bench("rows", path, "--devices", 4800, "--days", 1 / 24)
    note("written at 500 readings/s, linger 2 s", "bytes/reading", **{ROWS: rows["written in all"]})
    path.unlink()
    urgent = bench("fill", path, "--devices", 240, "--days", 0.1, "--batch", 5)
    note("written by an urgent commit of its own", "bytes", **{OURS: urgent["of it by commits"] * urgent["readings a batch"]})
    path.unlink()


def phase_cpu(folder):
    step("CPU of a reading, batches of 1,000, to durable but for the sync")
    path = folder / "cpu.sqlite"
    for name, options in [
        ("1 thousand", ["--devices", 20, "--days", 12, "--warm-up", 120]),
        ("100 thousand", ["--devices", 1900, "--days", 0.3, "--warm-up", 120]),
        ("1.5 million", ["--devices", 28_000, "--days", 0.125, "--warm-up", 120]),
    ]:
        got = bench("fill", path, *options, "--batch", 1000)
        own = got["CPU to append"] + got["CPU to commit"] - got["of it write and sync"]
        note(f"CPU of a reading, {name} series", "ns", 300, **{OURS: own})
        note(f"and of its seal and merges, {name} series", "ns", **{OURS: got["CPU of upkeep"]})
        path.unlink()
    rows = bench("rows", path, "--devices", 1900, "--days", 0.05)
    note("CPU of a reading, 100 thousand series", "ns", **{ROWS: rows["CPU to commit"]})
    path.unlink()


def phase_series(folder):
    step("1.6 million series: memory, start, newest values")
    path = folder / "series.sqlite"
    end = int(time.time()) // HOUR * HOUR
    fleet = ["--devices", 30_000]
    with running(["mosquitto", "-p", str(port := free_port())], folder / "mosquitto.log"):
        with firesense(folder, folder / "empty.sqlite", port) as (process, client):
            client.wait("/readyz")
            empty = resident(process)
        got = bench("fill", path, *fleet, "--days", 2 / 24, "--end", end - HOUR)
        series = got["series"]
        # The daemon writes the state of its rules, as it would have all along.
        with firesense(folder, path, port) as (_, client):
            client.wait("/readyz")
            before = sealed(path)
            while sealed(path) == before:
                time.sleep(0.5)
        bench("fill", path, *fleet, "--append", "--unsealed", "--pace", 2, "--days", 0.0335, "--end", end)
        start = time.time()
        with firesense(folder, path, port) as (process, client):
            client.wait("/readyz")
            note("ready, 1.6 million series and a journal of 18 million readings", "s", 15, **{OURS: time.time() - start})
            note("memory of a known series", "bytes", 220, **{OURS: (resident(process) - empty) / series})
            newest = "newest of 10,000 devices"
            path = "/api/v1/readings/latest?" + urlencode({"kind": "electrical", "metric": "current_a", "limit": 20_000})
            timed(newest, 20, OURS, lambda: client.ask(path), holds(10_000), 50)


def sealed(path):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute("SELECT max(journal) FROM checkpoint").fetchone()[0]


# --- The table ---------------------------------------------------------------------------------------


def table():
    engines = [OURS, ROWS, VM, INFLUX]
    rows = [["figure", "unit", "goal", *engines]]
    for figure, unit, goal, values in figures:
        rows.append([figure, unit, number(goal), *(number(values.get(engine)) for engine in engines)])
    wide = lambda text: sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
    widths = [max(wide(row[column]) for row in rows) for column in range(len(rows[0]))]
    print()
    for index, row in enumerate(rows):
        print("  ".join(text + " " * (widths[column] - wide(text)) for column, text in enumerate(row)).rstrip())
        if index == 0:
            print("  ".join("-" * width for width in widths))
    missed = [figure for figure, _, goal, values in figures if goal is not None and values.get(OURS, 0) > goal]
    disk = next((values for figure, _, _, values in figures if figure == "on disk"), {})
    if VM in disk and disk[OURS] > disk[VM]:
        missed.append("on disk, beside victoria-metrics")
    for figure in missed:
        print(f"MISSED: {figure}")
    return 1 if missed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("phases", nargs="*", metavar="PHASE", help=" ".join(PHASES))
    parser.add_argument("--days", type=float, default=30)
    arguments = parser.parse_args()
    phases = arguments.phases or PHASES
    if unknown := set(phases) - set(PHASES):
        parser.error(f"unknown phase {', '.join(sorted(unknown))}; expected {' '.join(PHASES)}")
    os.environ["PATH"] += ":/usr/sbin"
    with tempfile.TemporaryDirectory(prefix="firesense-store-") as name:
        folder = pathlib.Path(name)
        month = Month(folder, arguments.days)
        for phase in PHASES:
            if phase in phases:
                globals()[f"phase_{phase}"](month if phase in ("disk", "queries") else folder)
    return table()


if __name__ == "__main__":
    sys.exit(main())
