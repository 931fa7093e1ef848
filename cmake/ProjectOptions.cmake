# SPDX-FileCopyrightText: 2026 The Coppice contributors
# SPDX-License-Identifier: BSD-3-Clause

# coppice::options: how every target of ours is compiled.
add_library(coppice_options INTERFACE)
add_library(coppice::options ALIAS coppice_options)

target_include_directories(coppice_options INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(coppice_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wundef -Werror
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual>
  -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms of GCC 12 in std::string's operator+ (its bug 105651).
  target_compile_options(coppice_options INTERFACE
    -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow)
endif()
target_compile_definitions(coppice_options INTERFACE
  $<$<NOT:$<CONFIG:Release>>:_GLIBCXX_ASSERTIONS>)

if(COPPICE_SANITIZE)
  # Everything, third-party inline code too. UBSan's null check reports CAF's
  # init_fun_factory.hpp:85 falsely. The others that are off take a quarter of
  # the time to compile: what they find is found by ASan, but for alignment,
  # which no processor asks for that Coppice runs on.
  add_compile_options(-fsanitize=${COPPICE_SANITIZE})
  add_link_options(-fsanitize=${COPPICE_SANITIZE})
  if(COPPICE_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=all 
      -fno-sanitize=null,vptr,object-size,alignment)
  endif()
  # GCC 12 invents uninitialised values in instrumented code.
  target_compile_options(coppice_options INTERFACE -Wno-maybe-uninitialized)
  string(REPLACE "," ";" sanitizers "${COPPICE_SANITIZE}")
  foreach(sanitizer IN LISTS sanitizers)
    string(TOUPPER "COPPICE_SANITIZE_${sanitizer}" macro)
    target_compile_definitions(coppice_options INTERFACE "${macro}=1")
  endforeach()
endif()

# Adds the library coppice_NAME (alias coppice::NAME) of one floor.
function(coppice_add_floor name)
  add_library(coppice_${name} STATIC ${ARGN})
  add_library(coppice::${name} ALIAS coppice_${name})
  target_link_libraries(coppice_${name} PUBLIC coppice::options)
endfunction()
