#!/usr/bin/env python3
"""The floor of the latency: posts each fire event that comes on standard input, `topic payload` a line, to a
webhook over one kept connection. Nothing is stored, checked or signed.

    mosquitto_sub -v … | bridge.py HOST:PORT
"""
import http.client
import json
import socket
import sys

host, port = sys.argv[1].rsplit(":", 1)
connection = http.client.HTTPConnection(host, int(port), timeout=10)
for line in sys.stdin:
    topic, _, payload = line.partition(" ")
    if json.loads(payload).get("event") != "fire":
        continue
    event = {
        "specversion": "1.0",
        "type": "firesense.alarm.raised",
        "data": {"category": "fire", "device": {"id": topic.split("/")[4]}},
    }
    if connection.sock is None:
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.request("POST", "/", json.dumps(event), {"content-type": "application/cloudevents+json"})
    connection.getresponse().read()
