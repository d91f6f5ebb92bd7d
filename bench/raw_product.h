// A product of dense matrices by the raw call of oneDNN, on the thread at hand: what dots are measured beside.
#pragma once

#include <algorithm>
#include <cstdint>
#include <dnnl.hpp>

// oneDNN comes with OpenMP.
extern "C" void omp_set_num_threads(int threads);

namespace gshard::bench {

// [batch,rows,sums] x [batch,sums,columns], all three of one type, in arrays of zeros.
struct RawSizes {
  int64_t batch;
  int64_t rows;
  int64_t columns;
  int64_t sums;
};

class RawProduct {
 public:
  RawProduct(dnnl::memory::data_type type, const RawSizes& p) : RawProduct(made(type, p)) {}

  void run() {
    matmul_.execute(stream_, {{DNNL_ARG_SRC, a_}, {DNNL_ARG_WEIGHTS, b_}, {DNNL_ARG_DST, c_}});
    stream_.wait();
  }

 private:
  explicit RawProduct(const dnnl::matmul::primitive_desc& desc)
      : matmul_(desc),
        stream_(desc.get_engine()),
        a_(desc.src_desc(), desc.get_engine()),
        b_(desc.weights_desc(), desc.get_engine()),
        c_(desc.dst_desc(), desc.get_engine()) {
    for (const dnnl::memory& array : {a_, b_, c_}) {
      std::fill_n(static_cast<char*>(array.get_data_handle()), array.get_desc().get_size(), 0);
    }
  }

  static dnnl::matmul::primitive_desc made(dnnl::memory::data_type type, const RawSizes& p) {
    omp_set_num_threads(1);
    const auto desc = [&](int64_t m, int64_t n) {
      return dnnl::memory::desc({p.batch, m, n}, type, dnnl::memory::format_tag::abc);
    };
    return {dnnl::matmul::desc(desc(p.rows, p.sums), desc(p.sums, p.columns), desc(p.rows, p.columns)),
            dnnl::engine(dnnl::engine::kind::cpu, 0)};
  }

  dnnl::matmul matmul_;
  dnnl::stream stream_;
  dnnl::memory a_;
  dnnl::memory b_;
  dnnl::memory c_;
};

}  // namespace gshard::bench
