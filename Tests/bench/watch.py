#!/usr/bin/env python3
"""Waits for the daemon and prints when it happened, in seconds since 1970.

    watch.py ready HOST:PORT                  until /readyz answers 200
    watch.py acknowledged HOST:PORT COUNT     until so many messages are acknowledged; prints the stats too
"""
import http.client
import json
import sys
import time

LIMIT = 90  # seconds for a count to be reached, or for the daemon to be ready
STANDSTILL = 20  # seconds without one more message: what is missing is lost


def get(connection, path):
    """None while nobody answers."""
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return None


def ready(connection, end):
    while (answer := get(connection, "/readyz")) is None or answer[0] != 200:
        if time.time() > end:
            sys.exit(f"watch.py: not ready after {LIMIT} s: {answer}")
        time.sleep(0.005)
    print(f"{time.time():.6f}")


def acknowledged(connection, end, count):
    seen, since = -1, time.time()
    while True:
        now = time.time()
        answer = get(connection, "/api/v1/stats")
        stats = json.loads(answer[1]) if answer and answer[0] == 200 else None
        if stats and stats["messages_acknowledged"] >= count:
            break
        if stats and stats["messages_acknowledged"] != seen:
            seen, since = stats["messages_acknowledged"], now
        if now > end or now > since + STANDSTILL:
            sys.exit(f"watch.py: {seen} of {count} messages acknowledged, and no more came: {stats}")
        time.sleep(0.02)
    print(f"{now:.6f}")
    print(json.dumps(stats))


what, address, *rest = sys.argv[1:]
host, port = address.rsplit(":", 1)
connection = http.client.HTTPConnection(host, int(port), timeout=10)
if what == "ready":
    ready(connection, time.time() + LIMIT)
else:
    acknowledged(connection, time.time() + LIMIT, int(rest[0]))
