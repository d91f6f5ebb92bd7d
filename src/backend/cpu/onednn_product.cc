#include "backend/cpu/onednn_product.h"

#include <algorithm>
#include <mutex>

#include "backend/cpu/onednn.h"

namespace gshard::cpu {
namespace {

using dnnl::memory;

memory::desc descriptor(const MatrixLayout& layout) {
  // A dimension of size 1 may have any stride; one that looks dense keeps oneDNN on its fast paths.
  memory::dims strides(layout.strides.begin(), layout.strides.end());
  const size_t rank = strides.size();
  for (size_t d = 0; d < rank; ++d) {
    if (layout.dims[d] != 1) continue;
    strides[d] = d + 1 == rank ? 1 : std::max<int64_t>(strides[d + 1] * layout.dims[d + 1], 1);
    if (d + 2 == rank) strides[d] = std::max<int64_t>(layout.dims[d + 1] * strides[d + 1], 1);
  }
  return {memory::dims(layout.dims.begin(), layout.dims.end()), dnnl_type(layout.type), strides};
}

// A row that is the same for all rows of an array of these sizes.
MatrixLayout row_layout(DType type, const Dims& dims) {
  MatrixLayout row{type, Dims(dims.size(), 1), Dims(dims.size(), dims.back())};
  row.dims.back() = dims.back();
  row.strides.back() = 1;
  return row;
}

memory unbound(const memory::desc& desc) { return {desc, dnnl_engine(), nullptr}; }

// The arguments of a call, which take longer to make than a small product: they are made for as many threads as call at
// the same time, and used again.
struct Call {
  memory lhs;
  memory rhs;
  memory result;
  memory bias;
  memory scratch;
  std::vector<dnnl_exec_arg_t> arguments;
};

}  // namespace

struct OneDnnProduct::State {
  dnnl::matmul primitive;
  memory::desc lhs;
  memory::desc rhs;
  memory::desc result;
  std::optional<memory::desc> bias;
  size_t scratch = 0;
  std::mutex mutex;
  std::vector<std::unique_ptr<Call>> idle;

  std::unique_ptr<Call> make_call() const {
    auto call = std::make_unique<Call>(Call{unbound(lhs), unbound(rhs), unbound(result), {}, {}, {}});
    call->arguments = {
        {DNNL_ARG_SRC, call->lhs.get()}, {DNNL_ARG_WEIGHTS, call->rhs.get()}, {DNNL_ARG_DST, call->result.get()}};
    if (bias) {
      call->bias = unbound(*bias);
      call->arguments.push_back({DNNL_ARG_BIAS, call->bias.get()});
    }
    if (scratch > 0) {
      call->scratch = unbound({{static_cast<int64_t>(scratch)}, memory::data_type::u8, memory::format_tag::x});
      call->arguments.push_back({DNNL_ARG_SCRATCHPAD, call->scratch.get()});
    }
    return call;
  }

  std::unique_ptr<Call> take_call() {
    const std::lock_guard lock(mutex);
    if (idle.empty()) return make_call();
    std::unique_ptr<Call> call = std::move(idle.back());
    idle.pop_back();
    return call;
  }
  void give_back(std::unique_ptr<Call> call) {
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(call));
  }
};

OneDnnProduct::OneDnnProduct(const MatmulSpec& spec) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.lhs = descriptor(spec.lhs);
  s.rhs = descriptor(spec.rhs);
  s.result = descriptor(spec.result);
  if (spec.bias) s.bias = descriptor(row_layout(*spec.bias, spec.result.dims));
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (spec.scale != 1) attributes.set_output_scales(0, {spec.scale});
  plan_alone();
  const dnnl::matmul::desc desc =
      s.bias ? dnnl::matmul::desc(s.lhs, s.rhs, *s.bias, s.result) : dnnl::matmul::desc(s.lhs, s.rhs, s.result);
  const dnnl::matmul::primitive_desc made(desc, attributes, dnnl_engine());
  s.scratch = made.scratchpad_desc().get_size();
  s.primitive = dnnl::matmul(made);
}

OneDnnProduct::~OneDnnProduct() = default;

void OneDnnProduct::run(const Matmul::Arrays& arrays) const {
  State& s = *state_;
  std::unique_ptr<Call> call = s.take_call();
  const auto bind = [](const memory& at, const std::byte* data) { at.set_data_handle(const_cast<std::byte*>(data)); };
  bind(call->lhs, arrays.lhs);
  bind(call->rhs, arrays.rhs);
  bind(call->result, arrays.result);
  if (s.bias) bind(call->bias, arrays.bias);
  if (s.scratch > 0) bind(call->scratch, scratch_of_thread(s.scratch));
  execute_alone(s.primitive, call->arguments);
  s.give_back(std::move(call));
}

}  // namespace gshard::cpu
