// What the steps that oneDNN does share.
#pragma once

#include <cstddef>
#include <dnnl.hpp>
#include <span>
#include <unordered_map>

#include "ir/dtype.h"

namespace gshard::cpu {

const dnnl::engine& dnnl_engine();
dnnl::memory::data_type dnnl_type(DType type);
// Memory of this thread, until its next call.
std::byte* scratch_of_thread(size_t bytes);
// Runs a primitive on this thread alone with arguments that are complete.
void execute_alone(const dnnl::primitive& primitive, std::span<const dnnl_exec_arg_t> arguments);
// Runs a primitive on this thread alone; oneDNN's own threads would spin beside ours. `scratch` is what its descriptor
// asks for.
void execute_alone(const dnnl::primitive& primitive, std::unordered_map<int, dnnl::memory> arguments, size_t scratch);
// Makes oneDNN plan for one thread.
void plan_alone();

}  // namespace gshard::cpu
