// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

// nginx, HAProxy and gunicorn of the system, with files, ports and processes of
// their own: what is installed as a service is not touched.

namespace coppice::bench {

/// A program beside this one that is ended with it.
class running_program {
public:
  /// @param argv The first one with its path.
  /// @param log Where it writes to.
  running_program(const std::vector<std::string>& argv,
                  const std::filesystem::path& log);

  ~running_program();

  running_program(const running_program&) = delete;

  running_program& operator=(const running_program&) = delete;

  pid_t pid() const {
    return pid_;
  }

private:
  pid_t pid_ = -1;
};

/// A server for files, as a file for nginx; for `sed`: "@PORT@" is its port.
/// @param folder What it serves; also its own files are there.
std::string nginx_files(const std::filesystem::path& folder);

/// A proxy from a port to another one, as a file for nginx.
/// @param folder For its own files.
std::string nginx_proxy(uint16_t from, uint16_t to,
                        const std::filesystem::path& folder);

/// A proxy from a port to another one, as a file for HAProxy.
std::string haproxy_proxy(uint16_t from, uint16_t to);

/// A proxy as above, set up to get requests over a restart of what is behind
/// it: also one that may have begun is tried again, at once, which is all that
/// nginx can do.
std::string nginx_retrying_proxy(uint16_t from, uint16_t to,
                                 const std::filesystem::path& folder);

/// The same for HAProxy: it tries again each 250 ms, for 5 s.
std::string haproxy_retrying_proxy(uint16_t from, uint16_t to);

/// How nginx is started with *file*, in the foreground.
std::vector<std::string> nginx_command(const std::filesystem::path& file);

/// How HAProxy is started with *file*, in the foreground.
std::vector<std::string> haproxy_command(const std::filesystem::path& file);

/// When gunicorn starts its workers anew.
struct gunicorn_limits {
  size_t workers = 1;
  /// Of each of them, and so many more at random.
  size_t max_requests = 0;
  size_t jitter = 0;
};

/// How gunicorn is started with the WSGI application in *module*.
std::vector<std::string> gunicorn_command(uint16_t port,
                                          const std::string& module,
                                          const gunicorn_limits& limits);

} // namespace coppice::bench
