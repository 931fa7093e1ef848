# SPDX-FileCopyrightText: 2026 The Coppice contributors
# SPDX-License-Identifier: BSD-3-Clause

# A CAF translation unit compiles for seconds: ccache, where it is installed.
# Precompiled headers need its sloppiness and -fpch-preprocess (ccache manual,
# "Precompiled headers"); paths below the base folder are hashed as relative
# ones, so that clones share the cache.
find_program(COPPICE_CCACHE ccache)
if(COPPICE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env
    CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    ${CMAKE_CURRENT_LIST_DIR}/ccache-launch ${COPPICE_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${COPPICE_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
  endif()
endif()
