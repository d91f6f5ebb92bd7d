#include "backend/cpu/instruction_set.h"

#include <dnnl.hpp>

#include "backend/cpu/onednn.h"

namespace gshard::cpu {
namespace {

struct Row {
  dnnl::cpu_isa isa;
  const char* name;
  bool bf16;
};

// From the largest set to the smallest.
constexpr Row kRows[] = {
    {dnnl::cpu_isa::avx512_core_amx, "avx512_core_amx", true},
    {dnnl::cpu_isa::avx512_core_bf16, "avx512_core_bf16", true},
    {dnnl::cpu_isa::avx512_core_vnni, "avx512_core_vnni", false},
    {dnnl::cpu_isa::avx512_core, "avx512_core", false},
    {dnnl::cpu_isa::avx2_vnni, "avx2_vnni", false},
    {dnnl::cpu_isa::avx2, "avx2", false},
    {dnnl::cpu_isa::avx, "avx", false},
    {dnnl::cpu_isa::sse41, "sse41", false},
};

const Row* row_at_hand() {
  const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
  for (const Row& row : kRows) {
    if (row.isa == isa) return &row;
  }
  return nullptr;
}

}  // namespace

std::string instruction_set() {
  const Row* row = row_at_hand();
  return row == nullptr ? "unknown instructions" : row->name;
}

bool multiplies_bf16() {
  const Row* row = row_at_hand();
  return row != nullptr && row->bf16;
}

bool makes_bf16_products() {
  static const bool makes = [] {
    using dnnl::memory;
    const auto square = [](memory::data_type type) { return memory::desc({16, 16}, type, memory::format_tag::ab); };
    const memory::desc narrow = square(memory::data_type::bf16);
    try {
      for (const memory::desc& result : {narrow, square(memory::data_type::f32)}) {
        dnnl::matmul::primitive_desc(dnnl::matmul::desc(narrow, narrow, result), dnnl_engine());
      }
      return true;
    } catch (const dnnl::error&) {
      return false;
    }
  }();
  return makes;
}

}  // namespace gshard::cpu
