#include "autodiff/permutation.h"

#include <algorithm>

#include "ir/dims.h"
#include "ops/build.h"

namespace gshard {

Dims inverse(const Dims& permutation) {
  Dims places(permutation.size());
  for (size_t i = 0; i < permutation.size(); ++i) places[static_cast<size_t>(permutation[i])] = static_cast<int64_t>(i);
  return places;
}

Dims ranks_of(const Dims& dims) {
  Dims ranks;
  for (const int64_t dim : dims) {
    ranks.push_back(std::count_if(dims.begin(), dims.end(), [&](int64_t other) { return other < dim; }));
  }
  return ranks;
}

Dims others(const Dims& dims, size_t rank) {
  Dims rest;
  for (int64_t d = 0; d < static_cast<int64_t>(rank); ++d) {
    if (std::find(dims.begin(), dims.end(), d) == dims.end()) rest.push_back(d);
  }
  return rest;
}

Value transposed(Value x, const Dims& dimensions) {
  return dimensions == counting(0, x.rank()) ? x : transpose(x, dimensions);
}

}  // namespace gshard
