#include "ir/sharding.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace gshard {
namespace {

constexpr std::array<std::string_view, 8> kReducerNames = {"none", "add", "mul", "max", "min", "and", "or", "xor"};

std::string name_of_set(DigitSet set, const Mesh& mesh) {
  Digits digits;
  for (size_t i = 0; i < mesh.digits().size(); ++i) {
    if ((set >> i & 1) != 0) digits.push_back(static_cast<Digit>(i));
  }
  return mesh.name_of(digits);
}

}  // namespace

DigitSet Sharding::cut() const {
  DigitSet set = 0;
  for (const Digits& digits : dims) set |= set_of(digits);
  return set;
}

std::string Sharding::to_string(const Mesh& mesh) const {
  std::string text = "[";
  for (size_t d = 0; d < dims.size(); ++d) {
    if (d > 0) text += ", ";
    text += dims[d].empty() ? "-" : mesh.name_of(dims[d]);
  }
  text += "]";
  if (partial != 0) {
    text += " partial(" + std::string(kReducerNames[static_cast<size_t>(reducer)]) + "): " + name_of_set(partial, mesh);
  }
  if (manual != 0) text += " manual: " + name_of_set(manual, mesh);
  return text;
}

Dims shard_sizes(const Dims& sizes, const Sharding& sharding, const Mesh& mesh) {
  GSHARD_CHECK(sizes.size() == sharding.dims.size());
  Dims local = sizes;
  for (size_t d = 0; d < sizes.size(); ++d) {
    const int64_t pieces = sharding.pieces(d, mesh);
    local[d] = sizes[d] / pieces + (sizes[d] % pieces != 0 ? 1 : 0);
  }
  return local;
}

}  // namespace gshard
