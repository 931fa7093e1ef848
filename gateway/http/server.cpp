// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/http/server.hpp"

#include "gateway/http/blocked_signals.hpp"
#include "gateway/http/companion.hpp"
#include "gateway/http/connection.hpp"
#include "runtime/log.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

namespace coppice::http {

namespace asio = boost::asio;

using asio::ip::tcp;

namespace {

/// So many more than the limit are told so; what comes then is only closed.
constexpr size_t refused_at_once = 100;

/// Pause after a connection could not be accepted: files may have run out.
constexpr auto accept_pause = std::chrono::milliseconds{100};

/// The way back from whoever answers to the thread of the server.
class posting_exchange : public exchange {
public:
  posting_exchange(std::shared_ptr<server_core> core,
                   std::weak_ptr<connection> to, uint64_t number)
    : core_(std::move(core)),
      to_(std::move(to)),
      number_(number) {
    // nop
  }

  ~posting_exchange() override {
    if (settled_)
      return;
    // Never at once: what another thread has sent is still on its way.
    asio::post(core_->io, [to = to_, n = number_] {
      if (auto x = to.lock())
        x->dropped(n);
    });
  }

  void respond(response x) override {
    settled_ = true;
    if (core_->io.get_executor().running_in_this_thread()) {
      if (auto to = to_.lock())
        to->respond(number_, std::move(x));
      return;
    }
    post([n = number_, x = std::move(x)](connection& to) mutable {
      to.respond(n, std::move(x));
    });
  }

  void open(response head) override {
    post([n = number_, head = std::move(head)](connection& to) mutable {
      to.open(n, std::move(head));
    });
  }

  void send(std::string part, listener done) override {
    asio::dispatch(core_->io, [to = to_, n = number_, part = std::move(part),
                               done = std::move(done)]() mutable {
      if (auto x = to.lock())
        x->send(n, std::move(part), std::move(done));
      else if (done)
        done(false);
    });
  }

  void close() override {
    settled_ = true;
    post([n = number_](connection& to) { to.finish(n); });
  }

  bool is_open() const override {
    return !to_.expired();
  }

  void watch(std::function<void()> gone) override {
    asio::dispatch(core_->io,
                   [to = to_, n = number_, gone = std::move(gone)]() mutable {
                     if (auto x = to.lock())
                       x->watch(n, std::move(gone));
                     else
                       gone();
                   });
  }

private:
  /// The connection is touched on its own thread only, its end included. There,
  /// it is done at once.
  template <class F>
  void post(F f) {
    asio::dispatch(core_->io, [to = to_, f = std::move(f)]() mutable {
      if (auto x = to.lock())
        f(*x);
    });
  }

  std::shared_ptr<server_core> core_;
  std::weak_ptr<connection> to_;
  uint64_t number_;
  /// It was answered, or closed: nobody is left without a word.
  std::atomic<bool> settled_ = false;
};

} // namespace

exchange_ptr make_exchange(std::shared_ptr<server_core> core,
                           std::weak_ptr<connection> x, uint64_t number) {
  return std::make_shared<posting_exchange>(std::move(core), std::move(x),
                                            number);
}

struct server::impl {
  using error_code = boost::system::error_code;

  impl(server_options options, handler f)
    : core(std::make_shared<server_core>()),
      acceptor(core->io),
      pause(core->io) {
    core->limits = options.limits;
    core->answer = std::move(f);
    core->observe = std::move(options.observe);
    beside = std::move(options.beside);
    if (beside)
      beside->begin({core, &core->io});
  }

  error_code listen(const std::string& host, uint16_t wanted, int socket) {
    error_code code;
    if (socket >= 0)
      adopt(socket, code);
    else
      open(host, wanted, code);
    if (!code)
      port = acceptor.local_endpoint(code).port();
    return code;
  }

  void adopt(int socket, error_code& code) {
    sockaddr_storage at{};
    socklen_t size = sizeof(at);
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size);
    acceptor.assign(at.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), socket,
                    code);
  }

  void open(const std::string& host, uint16_t wanted, error_code& code) {
    tcp::resolver resolver{core->io};
    auto found = resolver.resolve(host, std::to_string(wanted),
                                  tcp::resolver::passive, code);
    if (code)
      return;
    auto where = found.begin()->endpoint();
    acceptor.open(where.protocol(), code);
    if (!code)
      acceptor.set_option(tcp::acceptor::reuse_address{true}, code);
    if (!code)
      acceptor.bind(where, code);
    if (!code)
      acceptor.listen(asio::socket_base::max_listen_connections, code);
  }

  void accept() {
    acceptor.async_accept([this](error_code code, tcp_socket socket) {
      if (code == asio::error::operation_aborted || !acceptor.is_open())
        return;
      if (code) {
        pause.expires_after(accept_pause);
        pause.async_wait([this](error_code stopped) {
          if (!stopped && acceptor.is_open())
            accept();
        });
        return;
      }
      admit(std::move(socket));
      accept();
    });
  }

  void admit(tcp_socket socket) {
    ++core->accepted;
    auto n = core->connections.load();
    auto is_full = n >= core->limits.connections;
    if (is_full)
      ++core->turned_away;
    if (n >= core->limits.connections + refused_at_once)
      return;
    auto x = std::make_shared<connection>(*core, std::move(socket));
    core->open.insert(x);
    if (is_full)
      x->turn_away();
    else
      x->start();
  }

  void run() {
    for (;;) {
      try {
        core->io.run();
        return;
      } catch (const std::exception& x) {
        // The request that caused it is not answered; the others go on.
        log::error("the HTTP server goes on after: {}", x.what());
      }
    }
  }

  void drain() {
    core->stopping = true;
    if (beside)
      beside->drain();
    error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    // They leave the set while they are told.
    auto all = core->open;
    for (auto& x : all)
      x->drain();
    all.clear();
    look_whether_empty();
  }

  void look_whether_empty() {
    if (core->open.empty()) {
      std::lock_guard guard{mutex};
      empty = true;
      changed.notify_all();
      return;
    }
    pause.expires_after(std::chrono::milliseconds{5});
    pause.async_wait([this](error_code) { look_whether_empty(); });
  }

  void stop(std::chrono::milliseconds grace) {
    if (!thread.joinable())
      return;
    asio::post(core->io, [this] { drain(); });
    {
      std::unique_lock guard{mutex};
      changed.wait_for(guard, grace, [this] { return empty; });
    }
    core->io.stop();
    thread.join();
    // What is left is cut off, and hears of it.
    auto all = core->open;
    for (auto& x : all)
      x->abort();
    all.clear();
    pause.cancel();
    acceptor.close();
    if (beside)
      beside->end();
    core->answer = nullptr;
    core->io.restart();
    core->io.poll();
  }

  std::shared_ptr<server_core> core;
  std::shared_ptr<companion> beside;
  asio::basic_socket_acceptor<tcp, asio::io_context::executor_type> acceptor;
  asio::steady_timer pause;
  uint16_t port = 0;
  std::thread thread;
  std::mutex mutex;
  std::condition_variable changed;
  bool empty = false;
};

result<std::unique_ptr<server>> server::start(server_options options,
                                              handler f) {
  auto host = options.host;
  auto port = options.port;
  auto socket = options.socket;
  auto x = std::make_unique<impl>(std::move(options), std::move(f));
  if (auto code = x->listen(host, port, socket)) {
    if (x->beside)
      x->beside->end();
    return error{ec::system_failure, code.message()};
  }
  x->accept();
  blocked_signals guard;
  x->thread = std::thread{[self = x.get()] { self->run(); }};
  return std::unique_ptr<server>{new server{std::move(x)}};
}

server::server(std::unique_ptr<impl> x) : impl_(std::move(x)) {
  // nop
}

server::~server() {
  stop(std::chrono::milliseconds{0});
}

void server::stop(std::chrono::milliseconds grace) {
  impl_->stop(grace);
}

uint16_t server::port() const noexcept {
  return impl_->port;
}

server_counts server::counts() const noexcept {
  auto& x = *impl_->core;
  return {x.connections, x.accepted, x.turned_away};
}

} // namespace coppice::http
