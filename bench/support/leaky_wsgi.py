# SPDX-FileCopyrightText: 2026 The Coppice contributors
# SPDX-License-Identifier: BSD-3-Clause
"""examples/python/leaky_server.py for servers that speak WSGI."""
from leaky_server import handle


def application(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
    text = handle(environ["REQUEST_METHOD"], environ["PATH_INFO"],
                  environ.get("HTTP_IDEMPOTENCY_KEY", ""), body).encode()
    start_response("200 OK", [("Content-Length", str(len(text)))])
    return [text]
