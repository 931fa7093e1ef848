#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Coppice contributors
# SPDX-License-Identifier: BSD-3-Clause
"""An HTTP server like many: it counts, and forgets to give memory back.

  POST /add      adds 1 and returns the sum; loses 64 KiB of memory each time
  GET  /         returns the sum
  GET  /state    returns its state, PUT /state takes one back (state_path)
  GET  /health   answers 200
  GET  /metrics  tells how much memory it has

PORT is where it listens, LEAK how many bytes it loses with each addition, and
JOURNAL a file that gets the id of each addition.
"""
import os
import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

LEAK = int(os.environ.get("LEAK", 65536))
journal = open(os.environ.get("JOURNAL", os.devnull), "a")
lock, total, done, lost = Lock(), 0, {}, []


def add(key):
    """With a retry comes the same id: it must not count twice."""
    global total
    if key not in done:
        total += 1
        done[key] = total
        lost.append(b"x" * LEAK)
        print(key, file=journal, flush=True)
    return f"{done[key]}\n"


def save():
    return "\n".join([str(total)] + [f"{k} {v}" for k, v in done.items()])


def load(state):
    global total
    first, *rest = state.split("\n")
    total = int(first)
    done.update(line.split() for line in rest)
    return "ok\n"


def metrics():
    with open("/proc/self/statm") as pages:
        resident = int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return f"process_resident_memory_bytes {resident}\n"


def handle(method, path, key, body):
    """Returns the answer to one request; only one at a time."""
    if path == "/state":
        return load(body) if method == "PUT" else save()
    if method == "POST":
        return add(key)
    if path == "/metrics":
        return metrics()
    return "ok\n" if path == "/health" else f"{total}\n"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with lock:
            text = handle(self.command, self.path, self.headers.get("Idempotency-Key", ""), body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    do_GET = do_PUT = do_POST = answer

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


def end(*_):
    lock.acquire()  # What has begun is answered first.
    os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
