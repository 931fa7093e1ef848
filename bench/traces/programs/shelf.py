# SPDX-FileCopyrightText: 2026 The Coppice contributors
# SPDX-License-Identifier: BSD-3-Clause
"""An HTTP server for bench/record-traces: it computes pages, keeps the last
4,000, and writes each into a file of its own.

LEAK=files   it forgets to close one of 12 files
LEAK=time    it looks for each page in a list of all there ever were
"""
import os
import tempfile
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

LEAK = os.environ.get("LEAK", "")
lock, pages, files, history, last = Lock(), OrderedDict(), [], [], 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        global last
        with lock:
            body = pages.get(self.path)
            if body is None:
                body = pages[self.path] = (self.path * 2000).encode()[:16384]
                if len(pages) > 4000:
                    pages.popitem(last=False)
            file = tempfile.TemporaryFile()
            file.write(body)
            if LEAK == "files" and last % 12 == 0:
                files.append(file)
            else:
                file.close()
            if LEAK == "time":
                history.extend([self.path] * 10_000)
                history.count("another")
            last += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
