#include "text/intern.h"

namespace gshard {
namespace {

constexpr int64_t kMaxComparedBytes = 64;

bool is_large(const Attributes& attributes) {
  const auto* constant = std::get_if<ConstantAttrs>(&attributes);
  return constant != nullptr && (constant->value.shape().is_tuple() || constant->value.byte_size() > kMaxComparedBytes);
}

}  // namespace

std::shared_ptr<const Attributes> InternedAttributes::get(Attributes attributes) {
  if (is_large(attributes)) return std::make_shared<const Attributes>(std::move(attributes));
  const uint64_t hash = hash_of(attributes);
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    if (*it->second == attributes) return it->second;
  }
  return by_hash_.emplace(hash, std::make_shared<const Attributes>(std::move(attributes)))->second;
}

}  // namespace gshard
