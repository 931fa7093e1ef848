// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// A node with a service of its own. Start it like `coppice` itself:
//
//   seat-desk node --config config/single.conf
//   printf '[service.seats]\nform = native\nclass = seat-desk\n' > seats.conf
//   seat-desk service apply seats.conf
//   curl -X PUT 'http://127.0.0.1:7480/s/seats/12?guest=Ada'
//   curl http://127.0.0.1:7480/s/seats/

#include "sdk/coppice.hpp"
#include "seat_desk.hpp"

int main(int argc, char** argv) {
  coppice::node_app app;
  app.service<example::seat_desk>("seat-desk");
  return app.run(argc, argv);
}
