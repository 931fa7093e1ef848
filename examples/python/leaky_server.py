#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Coppice contributors
# SPDX-License-Identifier: BSD-3-Clause
"""An HTTP server like many: it counts, and forgets to give memory back.

  POST /add      adds 1 and returns the sum; loses 64 KiB of memory each time
  GET  /         returns the sum
  GET  /state    returns its state, PUT /state takes one back (state_path)
  GET  /health   answers 200

PORT is where it listens, LEAK how many bytes it loses with each addition.
"""
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

LEAK = int(os.environ.get("LEAK", 65536))
lock, total, done, lost = Lock(), 0, {}, []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, text, status=200):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self):
        if self.path == "/state":
            with lock:
                return self.answer("\n".join([str(total)] + [f"{k} {v}" for k, v in done.items()]))
        self.answer("ok\n" if self.path == "/health" else f"{total}\n")

    def do_PUT(self):
        global total
        first, *rest = self.body().decode().split("\n")
        with lock:
            total = int(first)
            done.update(line.split() for line in rest)
        self.answer("ok\n")

    def do_POST(self):
        global total
        self.body()
        # With a retry comes the same id: it must not count twice.
        key = self.headers.get("Idempotency-Key", "")
        with lock:
            if key not in done:
                total += 1
                done[key] = total
                lost.append(b"x" * LEAK)
            answer = done[key]
        self.answer(f"{answer}\n")

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
