# SPDX-FileCopyrightText: 2026 The Coppice contributors
# SPDX-License-Identifier: BSD-3-Clause

# The pure engine of libraft, linked statically: neither libuv nor lz4 is needed.
# The version is pinned: who owns the memory of an event changes after 0.22.1.
find_path(LIBRAFT_INCLUDE_DIR NAMES raft.h)
find_library(LIBRAFT_LIBRARY NAMES libraft.a)
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_LIBRAFT QUIET raft)
  set(Libraft_VERSION "${PC_LIBRAFT_VERSION}")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libraft
  REQUIRED_VARS LIBRAFT_LIBRARY LIBRAFT_INCLUDE_DIR
  VERSION_VAR Libraft_VERSION)
if(Libraft_FOUND AND NOT TARGET libraft::libraft)
  add_library(libraft::libraft STATIC IMPORTED)
  set_target_properties(libraft::libraft PROPERTIES
    IMPORTED_LOCATION "${LIBRAFT_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${LIBRAFT_INCLUDE_DIR}")
endif()
