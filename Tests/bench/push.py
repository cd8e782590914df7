#!/usr/bin/env python3
"""How fast a fire reaches a receiver, from PUBLISH to the body received, by one clock: idle, with 20,000 telemetry messages a second,
and with 50 dead endpoints beside the live one. And a district's mains failure: 10,000 alarms within a second.

    Tests/bench/push.py [idle] [load] [dead] [burst] [--fires 500] [--rate 20000]      some three minutes for all

FIRESENSE_BIN names a folder with `firesense` and `firesense-simulator`; .build/release when absent. Real mosquitto, real files.
The exit code is 1 when a goal was missed or a delivery is missing."""
import argparse
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
from gateway import ROOT, Broker, Gateway, free_port, new_secret, wait_for
from mqtt import Publisher
from sink import Sink

BIN = pathlib.Path(os.environ.get("FIRESENSE_BIN", ROOT / ".build/release"))
PHASES = ["idle", "load", "dead", "burst"]
IDLE_GOAL = 10  # ms, p99
RATIO_GOAL = 2  # p99 under load and beside dead endpoints, to that when idle
AREA = "320102"
DEVICES = 10_000
missed = []


def miss(text):
    missed.append(text)
    print(f"    MISSED: {text}", flush=True)


def percentile(values, percent):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def cpu(pid):
    """Seconds of processor time, user and system."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid, field):
    """MiB."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return 0


class Bench:
    """A broker, a daemon with one live endpoint and as many more as wanted, and a receiver, all new."""

    def __init__(self, folder, more_endpoints=None, delay=0.0):
        folder.mkdir()
        self.folder = folder
        new_secret(folder / "secret")
        self.sink = Sink(delay)
        self.broker = Broker(folder)
        webhooks = {"live": f'url: "http://127.0.0.1:{self.sink.port}/", secret_file: secret, heartbeat: 0s'}
        webhooks.update(more_endpoints or {})
        self.gateway = Gateway(BIN, folder, self.broker, webhooks, "rules: { flood: { more_than: 0 } }")
        self.gateway.start()
        self.gateway.ready()
        self.publisher = Publisher(self.broker.port, "bench", window=60_000)
        self.sent = {}

    @property
    def pid(self):
        return self.gateway.program.pid

    def close(self):
        self.publisher.close()
        self.gateway.program.stop()
        self.broker.stop()
        self.sink.stop()

    def fire(self, number):
        component = f"1-1-{number}"
        payload = json.dumps({"ts": int(time.time() * 1000), "event": "fire", "component": component})
        self.sent[component] = time.perf_counter()
        self.publisher.publish(f"fire/v1/{AREA}/panel/panel-{number % 100:03}/event", payload)

    def fires(self, count):
        """Publishes them at random distances, 20 to 60 ms, lest they fall in step with a timer."""
        chance = random.Random(1)
        due = time.perf_counter()
        for number in range(count):
            self.fire(number)
            due += chance.uniform(0.02, 0.06)
            time.sleep(max(0, due - time.perf_counter()))

    def arrivals(self):
        """When each fire was received for the first time, by its component."""
        first = {}
        for at, body in list(self.sink.received):
            data = json.loads(body)["data"]
            if data.get("category") == "fire":
                first.setdefault(data["component"], at)
        return first

    def latencies(self, warm_up):
        """ms, of the fires published after the first few."""
        wanted = list(self.sent)
        with contextlib.suppress(TimeoutError):
            wait_for("every fire arrives", lambda: len(self.arrivals()) == len(wanted), 60, 0.2)
        arrived = self.arrivals()
        if lost := [component for component in wanted if component not in arrived]:
            miss(f"{len(lost)} of {len(wanted)} fires did not arrive")
        return [(arrived[one] - self.sent[one]) * 1000 for one in wanted[warm_up:] if one in arrived]


WARM_UP = 20


def show(name, latencies, results):
    p50, p99 = percentile(latencies, 50), percentile(latencies, 99)
    results[name] = (p50, p99)
    print(f"    {name}: {len(latencies)} fires, p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {max(latencies):.1f} ms", flush=True)


def phase_idle(folder, options, results):
    bench = Bench(folder)
    try:
        bench.fires(options.fires + WARM_UP)
        show("idle", bench.latencies(WARM_UP), results)
    finally:
        bench.close()


def phase_load(folder, options, results):
    bench = Bench(folder)
    try:
        shares = ",".join(f"{kind}={DEVICES // 4}" for kind in ("hydrant", "electrical", "charger", "smoke"))
        command = [
            BIN / "firesense-simulator", "run", "--port", bench.broker.port, "--json", "--no-progress", "--kinds", shares,
            "--payload-size", "190", "--rate", options.rate, "--duration", f"{options.fires * 0.04 + 9:.0f}s",
        ]  # fmt: skip
        simulator = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
        time.sleep(6)  # every device has been heard
        before, used, start = bench.gateway.stats(), cpu(bench.pid), time.monotonic()
        bench.fires(options.fires + WARM_UP)
        seconds = time.monotonic() - start
        after, used = bench.gateway.stats(), cpu(bench.pid) - used
        latencies = bench.latencies(WARM_UP)
        outcome = json.loads(simulator.communicate()[0])
        published = outcome["sent"] / outcome["seconds"]
        taken = (after["messages_acknowledged"] - before["messages_acknowledged"]) / seconds
        print(f"    published {published:,.0f} messages/s, acknowledged by the daemon meanwhile {taken:,.0f} messages/s, "
              f"its processor time {used / seconds:.2f} of {os.cpu_count()} cores")  # fmt: skip
        for what, rate in (("published", published), ("acknowledged", taken)):
            if rate < 0.97 * options.rate:
                miss(f"{rate:,.0f} messages/s {what}, expected {options.rate:,}: the figure below is not for that rate")
        show("load", latencies, results)
    finally:
        bench.close()


def phase_dead(folder, options, results):
    hanging = socket.create_server(("127.0.0.1", 0), backlog=4096)  # accepts by the kernel, never answers
    endpoints = {}
    for number in range(50):
        url = [
            f"http://127.0.0.1:{free_port()}/", f"http://127.0.0.1:{hanging.getsockname()[1]}/", f"http://dead-{number}.invalid/",
        ][number % 3]  # fmt: skip
        endpoints[f"dead-{number}"] = f'url: "{url}", secret_file: secret, heartbeat: 0s'
    bench = Bench(folder, endpoints)
    try:
        used, start = cpu(bench.pid), time.monotonic()
        bench.fires(options.fires + WARM_UP)
        used, seconds = cpu(bench.pid) - used, time.monotonic() - start
        latencies = bench.latencies(WARM_UP)
        stats = bench.gateway.stats()
        print(f"    {stats.get('deliveries_pending'):,} deliveries wait for the dead, {stats.get('deliveries_failed'):,} attempts failed; "
              f"the daemon's processor time {used / seconds:.2f} of {os.cpu_count()} cores")  # fmt: skip
        show("dead", latencies, results)
    finally:
        bench.close()
        hanging.close()


def phase_burst(folder, options, results):
    count, fires, restored = 10_000, 100, 1_000
    bench = Bench(folder, delay=0.005)
    try:
        publisher, pid = bench.publisher, bench.pid
        now = int(time.time() * 1000)

        def mains(number, ts, fault):
            publisher.publish(
                f"fire/v1/{AREA}/panel/district-{number:05}/telemetry", json.dumps({"ts": ts, "values": {"mains_fault": fault}}))

        for number in range(count):
            mains(number, now - 60_000, False)
        publisher.flush(60)
        wait_for("all panels are known", lambda: bench.gateway.stats().get("messages_acknowledged", 0) >= count, 60, 0.2)
        time.sleep(1)
        before = memory(pid, "VmRSS")
        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
        start = time.perf_counter()
        for number in range(count):
            if number % (count // fires) == 50:
                bench.fire(number)
            else:
                mains(number, now, True)
            time.sleep(max(0, start + number / count - time.perf_counter()))
        published = time.perf_counter() - start
        for number in range(restored):
            mains(number, now + 30_000, False)
        publisher.flush(60)
        gone = restored - restored // (count // fires)
        wanted = count + gone
        with contextlib.suppress(TimeoutError):
            wait_for("all arrive", lambda: len(bench.sink.received) >= wanted, 180, 0.2)
        received = list(bench.sink.received)
        peak, after = memory(pid, "VmHWM"), memory(pid, "VmRSS")
        events = [(at, json.loads(body)) for at, body in received]
        changes, revisions, disorder, last_fire = set(), {}, 0, None
        for index, (at, event) in enumerate(events):
            alarm = event["data"]
            if (alarm["id"], event["type"]) in changes:
                continue
            changes.add((alarm["id"], event["type"]))
            disorder += alarm["revision"] <= revisions.get(alarm["id"], 0)
            revisions[alarm["id"]] = alarm["revision"]
            if alarm["category"] == "fire":
                last_fire = index
        raised = {alarm for alarm, type in changes if type == "firesense.alarm.raised"}
        cleared = {alarm for alarm, type in changes if type == "firesense.alarm.cleared"}
        print(f"    {count:,} alarms published in {published:.2f} s, {len(raised):,} arrived, {len(cleared):,} of {gone:,} ends too; "
              f"{len(events) - len(changes)} repeated; at most {bench.sink.most_at_once} requests at once")  # fmt: skip
        print(f"    the last {events[-1][0] - start:.1f} s after the first was published ({len(events) / (events[-1][0] - start):,.0f}/s); "
              f"the last fire as delivery {last_fire + 1 if last_fire is not None else '-'}")  # fmt: skip
        print(f"    memory of the daemon: {before:.0f} MiB before, {peak:.0f} MiB at most, {after:.0f} MiB after")
        if len(raised) != count or len(cleared) != gone:
            miss("alarms or their ends did not arrive")
        if disorder:
            miss(f"{disorder} changes came behind later ones of their alarm")
        if peak > before + 64:
            miss(f"memory grew by {peak - before:.0f} MiB, expected at most 64")
        show("fires in the burst", bench.latencies(0), results)
    finally:
        bench.close()


def main():
    parser = argparse.ArgumentParser(usage="Tests/bench/push.py [idle] [load] [dead] [burst] [--fires 500] [--rate 20000]")
    parser.add_argument("phases", nargs="*")
    parser.add_argument("--fires", type=int, default=500)
    parser.add_argument("--rate", type=int, default=20_000)
    options = parser.parse_args()
    phases = options.phases or PHASES
    if unknown := [phase for phase in phases if phase not in PHASES]:
        parser.error(f"no phase {', '.join(unknown)}; there are {', '.join(PHASES)}")
    # The sink's thread must not wait long for the publisher's to yield.
    sys.setswitchinterval(0.0002)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped
    folder = pathlib.Path(tempfile.mkdtemp(prefix="firesense-push-"))
    results = {}
    try:
        for phase in phases:
            print(f"\n==> {phase} (load of the machine {os.getloadavg()[0]:.2f})", flush=True)
            globals()[f"phase_{phase}"](folder / phase, options, results)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n==> publish → receiver, fire" + (", beside idle" if "idle" in results else ""))
    idle = results.get("idle")
    for name, (p50, p99) in results.items():
        ratio = f"   {p50 / idle[0]:5.2f} {p99 / idle[1]:5.2f}" if idle else ""
        print(f"    {name:20} p50 {p50:8.1f} ms   p99 {p99:8.1f} ms{ratio}")
    if idle and idle[1] > IDLE_GOAL:
        miss(f"p99 is {idle[1]:.1f} ms idle, expected at most {IDLE_GOAL} ms")
    for name in ("load", "dead"):
        if idle and name in results and results[name][1] > RATIO_GOAL * idle[1]:
            miss(f"p99 {name} is {results[name][1] / idle[1]:.1f} times that when idle, expected at most {RATIO_GOAL}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
