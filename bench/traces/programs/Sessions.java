// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause
//
// An HTTP server for bench/record-traces: each request begins a session; the
// last 5,000 are kept. With LEAK set all of them are, of so many bytes.

import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Executors;

public class Sessions {
  static long last = 0;

  public static void main(String[] args) throws Exception {
    var leak = System.getenv("LEAK");
    boolean leaks = leak != null;
    int size = leaks ? Integer.parseInt(leak) : 8192;
    var all = new LinkedHashMap<Long, byte[]>() {
      protected boolean removeEldestEntry(Map.Entry<Long, byte[]> eldest) {
        return !leaks && size() > 5000;
      }
    };
    var port = Integer.parseInt(System.getenv("PORT"));
    var server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 128);
    server.setExecutor(Executors.newFixedThreadPool(4));
    server.createContext("/", exchange -> {
      var text = new StringBuilder();
      for (int i = 0; i < 500; ++i)
        text.append(i).append(' ');
      synchronized (all) {
        all.put(++last, new byte[size]);
        text.append(all.size());
      }
      var body = text.toString().getBytes();
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
    });
    server.start();
  }
}
