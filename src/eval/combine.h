// Applying a reducer (the called computation of reduce-window, scatter, select-and-scatter) to many elements at once.
#pragma once

#include <vector>

#include "eval/evaluator.h"

namespace gshard {

// result[k][i] = reducer(a[0][i], a[1][i], ..., b[0][i], b[1][i], ...)[k]. All arrays have equal sizes; the results
// have the element types of a.
std::vector<Literal> combine(const Computation& reducer, Evaluator& evaluator, std::vector<Literal> a,
                             std::vector<Literal> b);

// Which element of an array of updates goes to which element of a target.
struct Updates {
  std::vector<int64_t> targets;
  std::vector<int64_t> sources;
};

// to[targets[i]] = reducer(to[targets[i]], from[sources[i]]) for one i after the other, on all arrays of `to` and
// `from` together.
void combine_in_order(const Computation& reducer, Evaluator& evaluator, const Updates& updates,
                      std::vector<Literal>& to, const std::vector<Literal>& from);

// The elements at `indices`.
Literal elements_at(const Literal& array, const std::vector<int64_t>& indices);

}  // namespace gshard
