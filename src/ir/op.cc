#include "ir/op.h"

#include <array>
#include <unordered_map>

namespace gshard {
namespace {

constexpr std::array<std::string_view, kOpCount> kKeywords = {
#define GSHARD_OP(name, keyword) keyword,
#include "ir/ops.inc"
#undef GSHARD_OP
};

}  // namespace

std::string_view keyword_of(Op op) { return kKeywords[static_cast<size_t>(op)]; }

std::optional<Op> op_from_keyword(std::string_view keyword) {
  static const auto* const kByKeyword = [] {
    auto* table = new std::unordered_map<std::string_view, Op>;
    for (size_t i = 0; i < kOpCount; ++i) table->emplace(kKeywords[i], static_cast<Op>(i));
    return table;
  }();
  const auto found = kByKeyword->find(keyword);
  if (found == kByKeyword->end()) return std::nullopt;
  return found->second;
}

}  // namespace gshard
