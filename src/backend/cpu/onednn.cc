#include "backend/cpu/onednn.h"

#include <cstdlib>
#include <memory>

// oneDNN comes with OpenMP.
extern "C" void omp_set_num_threads(int threads);

namespace gshard::cpu {

using dnnl::memory;

const dnnl::engine& dnnl_engine() {
  static const dnnl::engine made(dnnl::engine::kind::cpu, 0);
  return made;
}

memory::data_type dnnl_type(DType type) {
  return type == DType::bf16 ? memory::data_type::bf16 : memory::data_type::f32;
}

std::byte* scratch_of_thread(size_t bytes) {
  struct Free {
    void operator()(std::byte* at) const { std::free(at); }
  };
  thread_local std::unique_ptr<std::byte, Free> scratch;
  thread_local size_t size = 0;
  if (size < bytes) {
    size = (bytes + 4095) / 4096 * 4096;
    scratch.reset(static_cast<std::byte*>(std::aligned_alloc(4096, size)));
  }
  return scratch.get();
}

void plan_alone() { omp_set_num_threads(1); }

namespace {

dnnl::stream& stream_of_thread() {
  thread_local dnnl::stream stream(dnnl_engine());
  return stream;
}

}  // namespace

void execute_alone(const dnnl::primitive& primitive, std::span<const dnnl_exec_arg_t> arguments) {
  omp_set_num_threads(1);
  dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive.get(), stream_of_thread().get(),
                                                 static_cast<int>(arguments.size()), arguments.data()),
                          "oneDNN could not run a primitive");
}

void execute_alone(const dnnl::primitive& primitive, std::unordered_map<int, memory> arguments, size_t scratch) {
  omp_set_num_threads(1);
  if (scratch > 0) {
    const memory::desc desc({static_cast<int64_t>(scratch)}, memory::data_type::u8, memory::format_tag::x);
    arguments.emplace(DNNL_ARG_SCRATCHPAD, memory(desc, dnnl_engine(), scratch_of_thread(scratch)));
  }
  primitive.execute(stream_of_thread(), arguments);
}

}  // namespace gshard::cpu
