// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/task.pb.h"
#include "runtime/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace coppice {

/// How far an attempt got: a percentage, or weighted stages with stages below
/// them, rolled up; and a message.
///
/// Total: whatever is put in, the percentage is a number from 0 to 100.
class progress_tree {
public:
  // -- constants --------------------------------------------------------------

  /// No message is longer, in bytes.
  static constexpr size_t max_message = 1'024;
  /// There are no more stages, on all levels together.
  static constexpr size_t max_stages = 1'000;
  /// No path has more parts.
  static constexpr size_t max_depth = 8;
  /// No part of a path is longer, in bytes.
  static constexpr size_t max_name = 128;
  /// No weight is higher.
  static constexpr double max_weight = 1e9;

  // -- constructors, destructors, and assignment operators --------------------

  progress_tree() = default;

  /// Takes over what *x* says, as far as the limits of this class allow.
  explicit progress_tree(const proto::Progress& x);

  // -- modifiers --------------------------------------------------------------

  /// Sets the percentage of the whole, which counts as long as there are no
  /// stages. Cut to 0 and 100; not a number is ignored.
  /// @returns Whether anything changed.
  bool set_percent(double percent);

  /// Sets the progress of a stage and makes it, and those above it, where they
  /// do not exist. It counts as long as the stage has no stages below it.
  /// @param path Names from the top, separated by '/', e.g. "copy/part-1".
  /// @param weight Share relative to its siblings; without one the stage keeps
  ///               its weight, which is 1 at first.
  /// @param percent As in `set_percent`.
  /// @returns Whether anything changed, or `ec::invalid_argument` for a path
  ///          or a weight beyond the limits.
  result<bool> set_stage(std::string_view path, std::optional<double> weight,
                         double percent);

  /// Sets the message, with U+FFFD for what is not UTF-8 and a space for each
  /// control character, and cut.
  /// @returns Whether anything changed.
  bool set_message(std::string_view text);

  // -- properties -------------------------------------------------------------

  /// Returns the progress of the whole, from 0 to 100.
  double percent() const;

  const std::string& message() const;

  /// Returns this as it is sent and stored.
  /// @param changed_ms Time of the last change, Unix time in milliseconds.
  proto::Progress to_proto(int64_t changed_ms) const;

private:
  // -- member types -----------------------------------------------------------

  struct stage {
    std::string name;
    double weight = 1;
    double percent = 0;
    std::vector<stage> stages;
  };

  // -- member functions -------------------------------------------------------

  static double rolled_up(const stage& x);

  static void save(const stage& x, proto::Stage& out);

  void load(const proto::Stage& x, stage& parent, size_t depth);

  // -- member variables -------------------------------------------------------

  stage root_;

  std::string message_;

  /// Stages on all levels.
  size_t size_ = 0;
};

/// A line that changed the progress.
struct progress_changed {
  bool operator==(const progress_changed&) const = default;
};

/// A line that named a file to be saved as checkpoint. The path is what the
/// command wrote: relative to its working folder, and not always UTF-8.
struct checkpoint_named {
  std::string path;

  bool operator==(const checkpoint_named&) const = default;
};

/// A line that said what the attempt made.
struct result_given {
  std::string text;

  bool operator==(const result_given&) const = default;
};

/// What a line of the progress protocol was; `std::monostate` if it was empty
/// or changed nothing.
using progress_event = std::variant<std::monostate, progress_changed,
                                    checkpoint_named, result_given>;

/// The longest result that a command can give, in bytes.
inline constexpr size_t max_result = 16'384;

/// Carries out one line that a command wrote to its progress descriptor. Words
/// are separated by spaces or tabs; TEXT, and the PATH of a checkpoint, are the
/// rest of the line behind one of them.
///
/// ```
/// progress PERCENT [TEXT]                      progress 40 indexing
/// stage PATH [weight=WEIGHT] PERCENT [TEXT]    stage copy/p1 weight=3 12.5
/// message TEXT                                 message waiting for the disk
/// checkpoint PATH                              checkpoint state.bin
/// result TEXT                                  result 42 rows
/// ```
///
/// A percentage is a decimal number with an optional '%'; beyond 0 and 100 it
/// is cut. A line feed or carriage return at the end is ignored.
/// @returns `ec::invalid_argument` that says what is wrong with the line; then
///          *tree* is as it was.
result<progress_event> apply_progress_line(progress_tree& tree,
                                           std::string_view line);

} // namespace coppice
