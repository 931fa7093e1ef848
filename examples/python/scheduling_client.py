#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Coppice contributors
# SPDX-License-Identifier: BSD-3-Clause
"""Runs tasks of the kind "words": counts the words of their text."""
import json, os, sys, time, urllib.error, urllib.request, uuid

gateway, client = (sys.argv[1:] + ["http://127.0.0.1:7480", "words-1"][len(sys.argv) - 1:])[:2]

def post(path, body, key=""):
    """Asks until there is an answer; None if the lease is not ours any more."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    if "COPPICE_TOKEN" in os.environ:
        headers["Authorization"] = "Bearer " + os.environ["COPPICE_TOKEN"]
    request = urllib.request.Request(gateway + path, json.dumps(body).encode(), headers)
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 409:
                return None
            if error.code < 500:
                sys.exit(error.read().decode())
        except (OSError, ValueError):
            pass  # No gateway, or half an answer: to ask again is safe.
        time.sleep(0.2)

def run(lease):
    words, path = lease["spec"].get("text", "").split(), "/v1/leases/" + lease["id"]
    for done, _ in enumerate(words):
        if done % 1000 == 0:  # More often than lease["duration"].
            answer = post(path + "/progress", {"percent": 100 * done / len(words)})
            if answer is None or "stop" in answer:
                return answer is not None and post(path + "/finish", {"outcome": "CANCELLED"})
    post(path + "/finish", {"outcome": "SUCCEEDED", "result": str(len(words))})

while True:
    wish = {"client": client, "kinds": ["words"], "wait": "20s"}
    for lease in (post("/v1/leases", wish, str(uuid.uuid4())) or {}).get("leases", []):
        run(lease)
