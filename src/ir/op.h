// The opcodes. What an op means stands in ops/table.h; this is only its name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gshard {

enum class Op : uint8_t {
#define GSHARD_OP(name, keyword) name,
#include "ir/ops.inc"
#undef GSHARD_OP
};

inline constexpr size_t kOpCount = 0
#define GSHARD_OP(name, keyword) +1
#include "ir/ops.inc"
#undef GSHARD_OP
    ;

// "dynamic-slice" for Op::dynamic_slice.
std::string_view keyword_of(Op op);
std::optional<Op> op_from_keyword(std::string_view keyword);

}  // namespace gshard
