// A product of dense matrices by the raw call of oneDNN, on the thread at hand: what dots are measured beside.
#pragma once

#include <algorithm>
#include <cstdint>
#include <dnnl.hpp>
#include <unordered_map>

// oneDNN comes with OpenMP.
extern "C" void omp_set_num_threads(int threads);

namespace gshard::bench {

// [batch,rows,sums] x [batch,sums,columns], all of one type, in arrays of zeros.
struct RawSizes {
  int64_t batch;
  int64_t rows;
  int64_t columns;
  int64_t sums;
};

// What the call does to the product beside.
enum class After : uint8_t { nothing, bias, bias_and_scale, added_row, residual, sum, relu, gelu };

class RawProduct {
 public:
  RawProduct(dnnl::memory::data_type type, const RawSizes& p, After after = After::nothing) {
    omp_set_num_threads(1);
    const auto desc = [&](int64_t batch, int64_t m, int64_t n) {
      return dnnl::memory::desc({batch, m, n}, type, dnnl::memory::format_tag::abc);
    };
    const auto lhs = desc(p.batch, p.rows, p.sums);
    const auto rhs = desc(p.batch, p.sums, p.columns);
    const auto result = desc(p.batch, p.rows, p.columns);
    const auto row = desc(1, 1, p.columns);
    const bool has_bias = after == After::bias || after == After::bias_and_scale;
    const auto product = has_bias ? dnnl::matmul::desc(lhs, rhs, row, result) : dnnl::matmul::desc(lhs, rhs, result);
    matmul_ = dnnl::matmul({product, attributes_of(after, row, result), engine_});
    add(DNNL_ARG_SRC, lhs);
    add(DNNL_ARG_WEIGHTS, rhs);
    add(DNNL_ARG_DST, result);
    if (has_bias) add(DNNL_ARG_BIAS, row);
    constexpr int kFirst = DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1;
    if (after == After::added_row) add(kFirst, row);
    if (after == After::residual) add(kFirst, result);
  }

  void run() {
    matmul_.execute(stream_, arrays_);
    stream_.wait();
  }

 private:
  static dnnl::primitive_attr attributes_of(After after, const dnnl::memory::desc& row,
                                            const dnnl::memory::desc& result) {
    using dnnl::algorithm;
    dnnl::primitive_attr attributes;
    dnnl::post_ops ops;
    if (after == After::bias_and_scale) attributes.set_output_scales(0, {0.125F});
    if (after == After::added_row) ops.append_binary(algorithm::binary_add, row);
    if (after == After::residual) ops.append_binary(algorithm::binary_add, result);
    if (after == After::sum) ops.append_sum(1);
    if (after == After::relu) ops.append_eltwise(1, algorithm::eltwise_relu, 0, 0);
    if (after == After::gelu) ops.append_eltwise(1, algorithm::eltwise_gelu_erf, 0, 0);
    attributes.set_post_ops(ops);
    return attributes;
  }

  void add(int argument, const dnnl::memory::desc& desc) {
    const dnnl::memory array(desc, engine_);
    std::fill_n(static_cast<char*>(array.get_data_handle()), desc.get_size(), 0);
    arrays_.emplace(argument, array);
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::matmul matmul_;
  std::unordered_map<int, dnnl::memory> arrays_;
};

}  // namespace gshard::bench
