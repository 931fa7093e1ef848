// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause
//
// An HTTP server for bench/record-traces: each answer makes garbage and may be
// kept in a cache of 2,000. With LEAK set each request also leaves a listener
// behind, and with it all that the listener refers to.
'use strict';
const {EventEmitter} = require('events');
const http = require('http');

const leak = Number(process.env.LEAK || 0);
const cache = new Map();
const changes = new EventEmitter();
changes.setMaxListeners(0);

function page(key) {
  const rows = [];
  for (let i = 0; i < 200; ++i)
    rows.push({key, i, text: `row ${i} of ${key}`});
  return JSON.stringify(rows);
}

http.createServer((request, response) => {
  const key = request.url;
  let body = cache.get(key);
  if (body === undefined) {
    body = page(key);
    cache.set(key, body);
    if (cache.size > 2000)
      cache.delete(cache.keys().next().value);
  }
  if (leak > 0) {
    const rest = 'x'.repeat(16) + Buffer.alloc(leak, key).toString('latin1');
    changes.on('change', () => rest.length);
  }
  response.end(body);
}).listen(Number(process.env.PORT), '127.0.0.1');
