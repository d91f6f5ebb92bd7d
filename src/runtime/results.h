// What a run returns, leaf by leaf.
//
//   for_each_leaf(result, [](const std::string& name, const Literal& array) {
//     Summary s = summarize(array);      // "result.1: f32[8], min 0.1, max 2.5, ..."
//   });
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ir/literal.h"

namespace gshard {

// Calls f for each array of a result: `result` where it is one, else its parts `result.0`, `result.1.2`, ...
void for_each_leaf(const Literal& result, const std::function<void(const std::string& name, const Literal& array)>& f);

// Of the finite elements; of a complex number its absolute value counts. Without any, all are NaN.
struct Summary {
  double min;
  double max;
  double mean;
  int64_t non_finite;              // elements that are NaN or infinite
  std::vector<std::string> first;  // the first elements, as text
};

Summary summarize(const Literal& array, size_t first_count);

}  // namespace gshard
