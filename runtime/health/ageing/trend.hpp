// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <span>
#include <vector>

// Does a series of numbers grow? Pure functions; all of them take a few
// microseconds for the lengths that they are made for, up to 100 numbers.

namespace coppice {

/// Returns the middle one of *xs*, or the mean of the two in the middle; 0 if
/// there is none.
double median(std::vector<double> xs);

/// Returns the slope of *xs* per step: the median of the slopes between all
/// pairs, which outliers do not move (Sen 1968, "Estimates of the regression
/// coefficient based on Kendall's tau"). 0 for less than two numbers.
double sen_slope(std::span<const double> xs);

/// Returns how surely *xs* grow, as a standard normal deviate: the statistic of
/// Mann and Kendall, its variance corrected for autocorrelation (Hamed and Rao
/// 1998, "A modified Mann-Kendall trend test for autocorrelated data", formulas
/// 11 to 13). A correction that would make the series look surer than
/// independent numbers is not applied. 0 for less than four numbers.
/// @param slope Of *xs*, as `sen_slope` returns it.
double trend_score(std::span<const double> xs, double slope);

} // namespace coppice
