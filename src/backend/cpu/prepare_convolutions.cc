#include "backend/cpu/prepare_convolutions.h"

#include <algorithm>

#include "backend/cpu/convolution.h"
#include "backend/cpu/replace.h"
#include "ops/build.h"

namespace gshard::cpu {
namespace {

bool is_plain(const Dims& order) { return std::is_sorted(order.begin(), order.end()); }

Value in_order(Value x, const Dims& order) { return is_plain(order) ? x : transpose(x, order); }

// Where dimension d stands in an order.
int64_t place_of(int64_t d, const Dims& order) { return std::find(order.begin(), order.end(), d) - order.begin(); }

Dims places_of(const Dims& dims, const Dims& order) {
  Dims places;
  for (int64_t d : dims) places.push_back(place_of(d, order));
  return places;
}

ConvDimensions moved(const ConvDimensions& at, const ConvolutionOrder& order) {
  return {place_of(at.input_batch, order.input),
          place_of(at.input_feature, order.input),
          places_of(at.input_spatial, order.input),
          place_of(at.kernel_input_feature, order.kernel),
          place_of(at.kernel_output_feature, order.kernel),
          places_of(at.kernel_spatial, order.kernel),
          place_of(at.output_batch, order.result),
          place_of(at.output_feature, order.result),
          places_of(at.output_spatial, order.result)};
}

// The kernel from the other end; of what is reversed already, what it was made of.
Value reversed(Value kernel, const Dims& spatial) {
  if (kernel->op() == Op::reverse) {
    Dims dims = kernel->attrs<DimensionsAttrs>().dimensions;
    Dims all = spatial;
    std::sort(dims.begin(), dims.end());
    std::sort(all.begin(), all.end());
    if (dims == all) return kernel->operand(0);
  }
  return reverse(kernel, spatial);
}

Instruction* in_wanted_order(Instruction& x) {
  const auto& old = x.attrs<ConvolutionAttrs>();
  const ConvolutionOrder order = wanted_order(x);
  ConvolutionAttrs attrs = old;
  attrs.dim_labels = moved(old.dim_labels, order);
  Value kernel = x.operand(1);
  bool is_turned = false;
  for (WindowDim& d : attrs.window.dims) {
    is_turned |= d.reversal != order.is_reversed;
    d.reversal = order.is_reversed;
  }
  if (is_plain(order.input) && is_plain(order.kernel) && is_plain(order.result) && !is_turned) return nullptr;
  // Either all dimensions are turned or none.
  const auto is_reversed = [&](const WindowDim& d) { return d.reversal != old.window.dims[0].reversal; };
  if (std::any_of(old.window.dims.begin(), old.window.dims.end(), is_reversed)) return nullptr;
  if (is_turned) kernel = reversed(kernel, old.dim_labels.kernel_spatial);
  const Value result =
      convolution(in_order(x.operand(0), order.input), in_order(kernel, order.kernel), attrs, x.shape().type());
  if (!convolution_of(*result.instruction())) return nullptr;
  Dims back(order.result.size());
  for (size_t d = 0; d < back.size(); ++d) back[static_cast<size_t>(order.result[d])] = static_cast<int64_t>(d);
  return in_order(result, back).instruction();
}

}  // namespace

void prepare_convolutions(Module& module) {
  for (const auto& computation : module.computations()) {
    replace(*computation, [](Instruction& x) { return x.op() == Op::convolution ? in_wanted_order(x) : nullptr; });
  }
}

}  // namespace gshard::cpu
