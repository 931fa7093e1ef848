// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

// nginx and HAProxy of the system, with files, ports and processes of their
// own: what is installed as a service is not touched.

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

/// How nginx is started with *file*, in the foreground.
std::vector<std::string> nginx_command(const std::filesystem::path& file);

/// How HAProxy is started with *file*, in the foreground.
std::vector<std::string> haproxy_command(const std::filesystem::path& file);

} // namespace coppice::bench
