#include "ops/cost.h"

#include <algorithm>
#include <cmath>

#include "ops/table.h"

namespace gshard {
namespace {

double elements_of(const Shape& shape) {
  double total = shape.is_array() ? static_cast<double>(shape.element_count()) : 0;
  for (const Shape& element : shape.elements()) total += elements_of(element);
  return total;
}

double bytes_of_shape(const Shape& shape) { return static_cast<double>(shape.byte_size()); }

double product_at(const Shape& shape, const Dims& dims) {
  double total = 1;
  for (int64_t d : dims) total *= static_cast<double>(shape.dim(static_cast<size_t>(d)));
  return total;
}

double window_size(const Window& window) {
  double size = 1;
  for (const WindowDim& dim : window.dims) size *= static_cast<double>(dim.size);
  return size;
}

// ---- arithmetic
// -------------------------------------------------------------------------------------------------------

double dot_flops(const Instruction& i) {
  return 2 * elements_of(i.shape()) * product_at(i.operand(0)->shape(), i.attrs<DotAttrs>().lhs_contracting_dims);
}

// Every row of the left meets one group, so that groups do not multiply the work.
double ragged_dot_flops(const Instruction& i) {
  const auto& a = i.attrs<RaggedDotAttrs>();
  double flops = 2 * elements_of(i.shape()) * product_at(i.operand(0)->shape(), a.lhs_contracting_dims);
  const bool grouped_result = std::find(a.lhs_contracting_dims.begin(), a.lhs_contracting_dims.end(),
                                        a.lhs_ragged_dims[0]) != a.lhs_contracting_dims.end();
  if (grouped_result) flops /= std::max(1.0, static_cast<double>(i.operand(2)->shape().dims().back()));
  return flops;
}

// How many pairs of a result's position and a tap of the window meet an element, along one dimension: taps on padding
// and on the holes of a dilation do not count. Beyond a million pairs all of them do.
double taps_on_data(int64_t base, int64_t positions, const WindowDim& w) {
  if (saturating_multiply(w.size, positions) > 1000000) {
    return static_cast<double>(w.size) * static_cast<double>(positions);
  }
  int64_t met = 0;
  for (int64_t position = 0; position < positions; ++position) {
    for (int64_t tap = 0; tap < w.size; ++tap) {
      const __int128 at =
          static_cast<__int128>(position) * w.stride + static_cast<__int128>(tap) * w.window_dilation - w.pad_low;
      if (at >= 0 && at % w.base_dilation == 0 && at / w.base_dilation < base) ++met;
    }
  }
  return static_cast<double>(met);
}

double convolution_flops(const Instruction& i) {
  const auto& a = i.attrs<ConvolutionAttrs>();
  const auto size = [&](const Shape& shape, int64_t d) { return shape.dim(static_cast<size_t>(d)); };
  double flops = 2.0 * static_cast<double>(size(i.shape(), a.dim_labels.output_batch)) *
                 static_cast<double>(size(i.shape(), a.dim_labels.output_feature)) *
                 static_cast<double>(size(i.operand(1)->shape(), a.dim_labels.kernel_input_feature));
  for (size_t d = 0; d < a.window.dims.size(); ++d) {
    flops *= taps_on_data(size(i.operand(0)->shape(), a.dim_labels.input_spatial[d]),
                          size(i.shape(), a.dim_labels.output_spatial[d]), a.window.dims[d]);
  }
  return flops;
}

// 5 n log2(n) for each complex transform of n points, half of it where one side is real.
double fft_flops(const Instruction& i) {
  const auto& [type, lengths] = i.attrs<FftAttrs>();
  double points = 1;
  for (int64_t length : lengths) points *= static_cast<double>(length);
  const bool real = type == FftType::RFFT || type == FftType::IRFFT;
  const Shape& whole = type == FftType::RFFT ? i.operand(0)->shape() : i.shape();
  return (real ? 2.5 : 5) * elements_of(whole) * std::log2(std::max(points, 1.0));
}

double cholesky_flops(const Instruction& i) {
  const double n = static_cast<double>(i.shape().dims().back());
  return elements_of(i.shape()) * n / 3;
}

double triangular_solve_flops(const Instruction& i) {
  return elements_of(i.shape()) * static_cast<double>(i.operand(0)->shape().dims().back());
}

// Ops that run a computation for each element: how often they run it.
double body_runs(const Instruction& i) {
  const double taken = i.operand_count() > 0 ? elements_of(i.operand(0)->shape()) : 0;
  switch (i.op()) {
    case Op::map:
      return taken;
    case Op::reduce:
      return taken - elements_of(i.shape()) / static_cast<double>(i.operand_count() / 2);
    case Op::reduce_window:
      return elements_of(i.shape()) / static_cast<double>(i.operand_count() / 2) *
             (window_size(i.attrs<WindowAttrs>().window) - 1);
    case Op::scatter:
      return elements_of(i.operand(i.operand_count() / 2 + 1)->shape());
    case Op::all_reduce:
    case Op::all_reduce_start:
    case Op::reduce_scatter:
      return taken;
    case Op::sort: {
      const auto along = static_cast<size_t>(i.attrs<SortAttrs>().dimensions[0]);
      return taken * std::log2(std::max(2.0, static_cast<double>(i.operand(0)->shape().dim(along))));
    }
    case Op::scan: {
      const auto along = static_cast<size_t>(i.attrs<ScanAttrs>().dimensions[0]);
      const bool has_inputs = static_cast<int64_t>(i.operand_count()) > i.attrs<ScanAttrs>().num_carries;
      const Shape& stacked = has_inputs ? i.operand(0)->shape() : i.shape().element(0);
      return static_cast<double>(stacked.dim(along));
    }
    default:
      return 0;
  }
}

// The arithmetic of ops other than pointwise ones and those that run computations.
double own_flops(const Instruction& i) {
  switch (i.op()) {
    case Op::dot:
    case Op::scaled_dot:
      return dot_flops(i);
    case Op::ragged_dot:
      return ragged_dot_flops(i);
    case Op::convolution:
      return convolution_flops(i);
    case Op::fft:
      return fft_flops(i);
    case Op::cholesky:
      return cholesky_flops(i);
    case Op::triangular_solve:
      return triangular_solve_flops(i);
    case Op::topk:
      return elements_of(i.operand(0)->shape());
    case Op::rng:
    case Op::rng_bit_generator:
      return elements_of(i.shape());
    // Two passes of sums and one that normalises.
    case Op::batch_norm_training:
    case Op::batch_norm_grad:
      return 8 * elements_of(i.operand(0)->shape());
    case Op::batch_norm_inference:
      return 4 * elements_of(i.operand(0)->shape());
    default:
      return 0;
  }
}

// ---- memory
// -----------------------------------------------------------------------------------------------------------

struct Traffic {
  double read = 0;
  double written = 0;
};

bool only_renames(const Instruction& i) {
  switch (i.op()) {
    case Op::parameter:
    case Op::constant:
    case Op::tuple:
    case Op::get_tuple_element:
    case Op::bitcast:
    case Op::reshape:
    case Op::opt_barrier:
    case Op::domain:
    case Op::add_dependency:
    case Op::after_all:
    case Op::get_dimension_size:
    case Op::set_dimension_size:
    case Op::call:
    case Op::while_:
    case Op::conditional:
    case Op::async_start:
    case Op::async_update:
    case Op::async_done:
    case Op::all_gather_done:
    case Op::all_reduce_done:
    case Op::collective_permute_done:
    case Op::copy_done:
    case Op::send_done:
    case Op::recv_done:
      return true;
    default:
      return false;
  }
}

double operand_bytes(const Instruction& i, size_t first) {
  double bytes = 0;
  for (size_t k = first; k < i.operand_count(); ++k) bytes += bytes_of_shape(i.operand(k)->shape());
  return bytes;
}

Traffic traffic_of(const Instruction& i) {
  if (only_renames(i)) return {};
  const double result = bytes_of_shape(i.shape());
  switch (i.op()) {
    case Op::slice:
    case Op::dynamic_slice:
    case Op::gather:
      return {result + operand_bytes(i, 1), result};
    case Op::dynamic_update_slice: {
      const double update = bytes_of_shape(i.operand(1)->shape());
      return {operand_bytes(i, 1), update};
    }
    case Op::scatter: {
      const double updates = operand_bytes(i, i.operand_count() / 2 + 1);
      return {operand_bytes(i, i.operand_count() / 2) + updates, updates};
    }
    default:
      return {operand_bytes(i, 0), result};
  }
}

// Computations that the instruction calls once with whole values, not for each element.
bool calls(Op op) {
  return op == Op::call || op == Op::fusion || op == Op::while_ || op == Op::conditional || op == Op::async_start;
}

}  // namespace

Cost& Cost::operator+=(const Cost& other) {
  flops += other.flops;
  transcendentals += other.transcendentals;
  bytes_read += other.bytes_read;
  bytes_written += other.bytes_written;
  return *this;
}

Cost Cost::operator*(double times) const {
  return {flops * times, transcendentals * times, bytes_read * times, bytes_written * times};
}

Costs::Costs(const Module& module, const TripCount& trip_count) {
  // Callees stand before callers, so that of() finds the cost of every reducer.
  for (const auto& computation : module.computations()) {
    Cost once;
    for (const auto& i : computation->instructions()) once += of(*i);
    entries_[computation.get()].once = once;
  }
  count_runs(module, trip_count);
  for (const auto& [computation, entry] : entries_) {
    Cost cost = entry.once * entry.runs;
    if (entry.fused) cost.bytes_read = cost.bytes_written = 0;
    total_ += cost;
  }
}

void Costs::count_runs(const Module& module, const TripCount& trip_count) {
  entries_[module.entry()].runs = 1;
  const auto& all = module.computations();
  for (auto caller = all.rbegin(); caller != all.rend(); ++caller) {
    const Entry own = entries_[caller->get()];
    for (const auto& i : (*caller)->instructions()) {
      if (!calls(i->op())) continue;
      double times = own.runs;
      if (i->op() == Op::while_ && trip_count) times *= trip_count(*i);
      if (i->op() == Op::conditional) times /= static_cast<double>(i->callees().size());
      for (const Computation* callee : i->callees()) {
        Entry& entry = entries_[callee];
        entry.runs += times;
        entry.fused = entry.fused || own.fused || i->op() == Op::fusion;
      }
    }
  }
}

Cost Costs::of(const Instruction& i) const {
  Cost cost;
  const Traits traits = row_of(i.op()).traits;
  if (has(traits, Traits::transcendental)) {
    cost.transcendentals = elements_of(i.shape());
  } else {
    cost.flops = has(traits, Traits::pointwise) ? elements_of(i.shape()) : own_flops(i);
  }
  if (i.op() == Op::select_and_scatter) {
    const double positions = elements_of(i.operand(1)->shape());
    cost += entries_.at(i.callees()[0]).once * (positions * (window_size(i.attrs<WindowAttrs>().window) - 1));
    cost += entries_.at(i.callees()[1]).once * positions;
  } else if (const double runs = body_runs(i); runs > 0) {
    cost += entries_.at(i.callees()[0]).once * runs;
  }
  const Traffic traffic = traffic_of(i);
  cost.bytes_read = traffic.read;
  cost.bytes_written = traffic.written;
  return cost;
}

double Costs::runs(const Computation& computation) const { return entries_.at(&computation).runs; }

bool Costs::is_fused(const Computation& computation) const { return entries_.at(&computation).fused; }

}  // namespace gshard
