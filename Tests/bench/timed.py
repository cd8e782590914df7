#!/usr/bin/env python3
"""Runs a command and writes `end cpu` to a file when it has ended: seconds since 1970, and seconds of
processor time, user and system. Ended itself, it ends the command."""
import os
import signal
import subprocess
import sys
import time

out, *command = sys.argv[1:]
child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
_, status, usage = os.wait4(child.pid, 0)
end = time.time()
with open(out, "w", encoding="ascii") as file:
    file.write(f"{end:.6f} {usage.ru_utime + usage.ru_stime:.6f}\n")
sys.exit(os.waitstatus_to_exitcode(status) and 1)
