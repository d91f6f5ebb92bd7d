// How far two arrays may lie apart, as the comments of a golden case say it:
//
//   // tolerance: 4 ulp               of every output; without this line they are exact
//   // tolerance of 2: 1e-5 of maximum
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ir/literal.h"

namespace gshard {

// Where NaN is expected any NaN will do, and where an infinity is expected only that infinity.
struct Tolerance {
  enum class Unit {
    exact,      // the same bits
    ulp,        // steps between neighbours of the element type; -0 is 0
    maximum,    // times the largest finite magnitude of the expected array
    magnitude,  // times the magnitude of the expected element
  };
  Unit unit = Unit::exact;
  double amount = 0;

  // Of output `index`, from the comments at the head of a module's text.
  static Tolerance of_output(std::string_view text, size_t index);
};

// The first element at which an array is not what was expected, in words; nothing where all are near enough.
std::optional<std::string> find_difference(const Literal& actual, const Literal& expected, const Tolerance& tolerance);

}  // namespace gshard
