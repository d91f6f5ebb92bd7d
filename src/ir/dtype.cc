#include "ir/dtype.h"

#include <array>

namespace gshard {
namespace {

struct TypeRow {
  std::string_view name;
  int bits;
  DTypeClass cls;
};

constexpr std::array kTypes = {
#define GSHARD_TYPE(name, keyword, bits, cls) TypeRow{keyword, bits, DTypeClass::cls},
#include "ir/types.inc"
#undef GSHARD_TYPE
};

const TypeRow& type_row(DType type) { return kTypes[static_cast<size_t>(type)]; }

}  // namespace

std::string_view name_of(DType type) { return type_row(type).name; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (size_t i = 0; i < kTypes.size(); ++i) {
    if (kTypes[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

DTypeClass class_of(DType type) { return type_row(type).cls; }
int bits_of(DType type) { return type_row(type).bits; }
int64_t bytes_of(DType type) { return (type_row(type).bits + 7) / 8; }

DType real_part_type(DType type) {
  if (type == DType::c64) return DType::f32;
  if (type == DType::c128) return DType::f64;
  return type;
}

}  // namespace gshard
