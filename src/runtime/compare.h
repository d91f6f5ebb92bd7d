// Whether two results of one program are equal up to rounding.
//
//   Comparison c = compare(expected, got, 1e-9);
//   c.different                  // 3 elements are, the first of them c.first: element 17, 0.25 and 0.5
//
// The error of an element is relative to the larger of its expected magnitude and the scale of the array: what is left
// of a difference of large numbers is not held to more digits than they had.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ir/literal.h"

namespace gshard {

// An element in which two arrays differ.
struct ElementDifference {
  int64_t element = 0;  // its row-major number
  std::string expected;
  std::string got;
  double error = 0;  // relative; infinite where only one of the two is finite
};

struct Comparison {
  double largest_error = 0;  // relative, of all elements
  int64_t different = 0;     // elements whose error is above the tolerance
  std::optional<ElementDifference> first;
};

// What stands for the size of an array's elements.
enum class Scale : uint8_t {
  root_mean_square,  // of those that are finite: a few huge ones hide what is wrong with the rest
  median,            // magnitude of those that are finite and not 0
};

// Of two arrays of one shape. Integers and predicates are equal or not; NaN equals NaN, infinities those of their sign.
Comparison compare(const Literal& expected, const Literal& got, double tolerance,
                   Scale scale = Scale::root_mean_square);

// How much a number says about the program that made it.
struct Content {
  double non_finite = 0;     // share of the elements that are NaN or infinite
  bool is_constant = false;  // all elements are the same number, and there are several
};
Content content_of(const Literal& array);

// How far two rounded results of a program are from the exact one: the root mean squares of the elements' errors, each
// relative to the larger of the exact magnitude and the median one (absolute where all are 0). Elements of which one of
// the three is not finite are left out.
struct RoundingErrors {
  double whole = 0;
  double parts = 0;
};
// Of floating or complex arrays of equal sizes.
RoundingErrors rounding_errors(const Literal& exact, const Literal& whole, const Literal& parts);

// "[3,17]": the position of an element in an array of this shape.
std::string position_text(const Shape& shape, int64_t element);

}  // namespace gshard
