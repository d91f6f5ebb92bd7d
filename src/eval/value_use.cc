#include "eval/value_use.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>

namespace gshard {
namespace {

// Joins only get stricter, so the walk ends by itself; a module made to make it slow is cut off here.
constexpr int kMostWalks = 32;
// Tuples of tuples of tuples make a short text with many values; a module with more than these is not analysed.
constexpr int64_t kMostLeaves = int64_t{1} << 22;
// How far the analysis looks through an operand for a constant or an iota.
constexpr int kMostSteps = 16;

size_t leaves_of(const Shape& shape) { return static_cast<size_t>(shape.leaf_count()); }

bool is_annotation(const Instruction& instruction) {
  if (instruction.op() != Op::custom_call || instruction.operand_count() != 1) return false;
  const std::string& target = instruction.attrs<CustomCallAttrs>().custom_call_target;
  return target == "Sharding" || target.starts_with("SPMD") || target.starts_with("xla.sdy.");
}

// The instruction whose elements these are, possibly reordered or repeated: through reshapes, broadcasts, converts.
const Instruction& look_through(const Instruction& instruction) {
  const Instruction* at = &instruction;
  for (int steps = 0; steps < kMostSteps; ++steps) {
    switch (at->op()) {
      case Op::reshape:
      case Op::broadcast:
      case Op::transpose:
      case Op::bitcast:
      case Op::convert:
      case Op::copy:
        break;
      default:
        if (!is_annotation(*at)) return *at;
    }
    at = at->operand(0);
  }
  return *at;
}

template <class T>
double largest(const Literal& value) {
  const auto values = value.values<T>();
  return values.empty() ? -1 : static_cast<double>(*std::max_element(values.begin(), values.end()));
}

// The largest element of a constant of a common type.
std::optional<double> largest_constant(const Instruction& instruction) {
  if (instruction.op() != Op::constant) return std::nullopt;
  const Literal& value = instruction.attrs<ConstantAttrs>().value;
  if (value.is_elided() || value.shape().element_count() == 0) return std::nullopt;
  switch (value.shape().type()) {
    case DType::s32:
      return largest<int32_t>(value);
    case DType::u32:
      return largest<uint32_t>(value);
    case DType::s64:
      return largest<int64_t>(value);
    case DType::f32:
      return largest<float>(value);
    case DType::f64:
      return largest<double>(value);
    default:
      return std::nullopt;
  }
}

std::optional<double> scalar_constant(const Instruction& instruction) {
  const Instruction& source = look_through(instruction);
  return source.shape().element_count() == 1 ? largest_constant(source) : std::nullopt;
}

// The n of a value whose elements are the positions 0 to n-1, as an iota or a constant.
std::optional<int64_t> positions(const Instruction& instruction) {
  const Instruction& source = look_through(instruction);
  if (source.op() == Op::iota) {
    const auto dimension = static_cast<size_t>(source.attrs<IotaAttrs>().iota_dimension);
    return dimension < source.shape().rank() ? std::optional(source.shape().dim(dimension)) : std::nullopt;
  }
  const auto most = source.shape().element_count() > 1 ? largest_constant(source) : std::nullopt;
  if (!most || *most < 0 || *most > 1e15) return std::nullopt;
  return static_cast<int64_t>(*most) + 1;
}

int64_t product_of(const Shape& shape, const Dims& dimensions) {
  int64_t product = 1;
  for (int64_t d : dimensions) product = saturating_multiply(product, shape.dim(static_cast<size_t>(d)));
  return product;
}

// How many starts a part has in the whole.
int64_t starts(int64_t whole, int64_t part) {
  const int64_t rest = whole - part;
  return rest < ValueUse::kNoLimit ? rest + 1 : rest;
}

ValueUse with_limit(int64_t limit) {
  ValueUse use;
  use.limit = std::max<int64_t>(limit, 1);
  return use;
}
ValueUse with_fan_in(int64_t fan_in) {
  ValueUse use;
  use.fan_in = std::max<int64_t>(fan_in, 1);
  return use;
}
ValueUse not_zero() {
  ValueUse use;
  use.low = 1;
  return use;
}

// ---- the walk ---------------------------------------------------------------------------------------------------

class UseAnalysis {
 public:
  explicit UseAnalysis(const Module& module);
  void run();
  std::vector<std::vector<ValueUse>> parameter_uses() const;

 private:
  using Uses = std::span<ValueUse>;

  // The uses of all values of one computation, leaf after leaf.
  struct Frame {
    std::vector<size_t> starts;
    std::vector<ValueUse> uses;
    std::vector<const Computation*> callers;
    int walks = 0;
    bool queued = false;
  };

  Uses uses_of(const Instruction& instruction) {
    Frame& frame = frames_[instruction.parent()];
    const size_t first = frame.starts[instruction.index()];
    return Uses(frame.uses).subspan(first, frame.starts[instruction.index() + 1] - first);
  }
  Uses uses_of_element(const Instruction& tuple, int64_t index);
  static bool join(Uses into, Uses from);
  void enqueue(const Computation* computation);

  void walk(const Computation& computation);
  void visit(const Instruction& i);
  void visit_arithmetic(const Instruction& i);
  void visit_indexing(const Instruction& i);
  void visit_control(const Instruction& i);

  // Demands of the op itself on all elements of an operand.
  void demand(const Instruction& operand, const ValueUse& use);
  // Demands on the result are demands on these operands.
  void pass(const Instruction& i, std::initializer_list<size_t> operands);
  void pass_unordered(const Instruction& i, std::initializer_list<size_t> operands);
  // The leaves of all operands, one after another, are the leaves of the result.
  void pass_leaves(const Instruction& i);
  void pass_scaled(const Instruction& i, size_t operand, double factor);

  void compare(const Instruction& i);
  void multiply(const Instruction& i);
  void contraction(const Instruction& i);
  void gather(const Instruction& i);
  void scatter(const Instruction& i);
  void index_vectors(const Instruction& indices, int64_t vector_dim, std::span<const int64_t> limits, ValueUse use);
  void start_indices(const Instruction& i, size_t first, const Shape& slice);

  void call(const Instruction& i, const Computation& callee, size_t first_operand);
  void demand_of_root(const Computation& callee, Uses uses);
  void loop(const Instruction& i);

  const Module& module_;
  std::unordered_map<const Computation*, Frame> frames_;
  std::deque<const Computation*> queue_;
};

UseAnalysis::UseAnalysis(const Module& module) : module_(module) {
  for (const auto& computation : module.computations()) {
    Frame& frame = frames_[computation.get()];
    frame.starts.push_back(0);
    for (const auto& i : computation->instructions())
      frame.starts.push_back(frame.starts.back() + leaves_of(i->shape()));
    frame.uses.resize(frame.starts.back());
  }
  for (const auto& computation : module.computations()) {
    for (const auto& i : computation->instructions()) {
      for (const Computation* callee : i->callees()) {
        auto& callers = frames_[callee].callers;
        if (callers.empty() || callers.back() != computation.get()) callers.push_back(computation.get());
      }
    }
    enqueue(computation.get());
  }
}

void UseAnalysis::run() {
  while (!queue_.empty()) {
    const Computation* computation = queue_.front();
    queue_.pop_front();
    Frame& frame = frames_[computation];
    frame.queued = false;
    if (frame.walks++ < kMostWalks) walk(*computation);
  }
}

std::vector<std::vector<ValueUse>> UseAnalysis::parameter_uses() const {
  std::vector<std::vector<ValueUse>> result;
  const Frame& frame = frames_.at(module_.entry());
  for (const Instruction* parameter : module_.entry()->parameters()) {
    const auto at = frame.uses.begin();
    result.emplace_back(at + static_cast<std::ptrdiff_t>(frame.starts[parameter->index()]),
                        at + static_cast<std::ptrdiff_t>(frame.starts[parameter->index() + 1]));
  }
  return result;
}

UseAnalysis::Uses UseAnalysis::uses_of_element(const Instruction& tuple, int64_t index) {
  size_t first = 0;
  for (int64_t i = 0; i < index; ++i) first += leaves_of(tuple.shape().element(static_cast<size_t>(i)));
  return uses_of(tuple).subspan(first, leaves_of(tuple.shape().element(static_cast<size_t>(index))));
}

bool UseAnalysis::join(Uses into, Uses from) {
  bool changed = false;
  for (size_t i = 0; i < std::min(into.size(), from.size()); ++i) changed |= into[i].join(from[i]);
  return changed;
}

void UseAnalysis::enqueue(const Computation* computation) {
  Frame& frame = frames_[computation];
  if (std::exchange(frame.queued, true)) return;
  queue_.push_back(computation);
}

void UseAnalysis::walk(const Computation& computation) {
  std::vector<ValueUse> before;
  for (const Instruction* parameter : computation.parameters()) {
    const Uses uses = uses_of(*parameter);
    before.insert(before.end(), uses.begin(), uses.end());
  }
  for (size_t at = computation.size(); at-- > 0;) visit(*computation.at(at));
  size_t at = 0;
  for (const Instruction* parameter : computation.parameters()) {
    for (const ValueUse& use : uses_of(*parameter)) {
      if (use == before[at++]) continue;
      for (const Computation* caller : frames_[&computation].callers) enqueue(caller);
      return;
    }
  }
}

void UseAnalysis::visit(const Instruction& i) {
  switch (i.op()) {
    case Op::tuple:
    case Op::copy:
    case Op::reshape:
    case Op::bitcast:
    case Op::convert:
    case Op::broadcast:
    case Op::slice:
    case Op::reduce_precision:
    case Op::opt_barrier:
    case Op::all_reduce:
    case Op::all_gather:
    case Op::all_to_all:
    case Op::collective_broadcast:
    case Op::collective_permute:
      return pass_leaves(i);
    case Op::custom_call:
      if (is_annotation(i)) pass_leaves(i);
      return;
    case Op::get_tuple_element:
      join(uses_of_element(*i.operand(0), i.attrs<TupleIndexAttrs>().index), uses_of(i));
      return;
    case Op::transpose:
    case Op::reverse:
    case Op::pad:
      return pass_unordered(i, {0});
    case Op::sort:
      for (ValueUse& use : uses_of(i)) use.sorted = false;
      return pass_leaves(i);
    case Op::concatenate:
      for (size_t operand = 0; operand < i.operand_count(); ++operand) pass_unordered(i, {operand});
      return;
    case Op::dot:
    case Op::ragged_dot:
    case Op::convolution:
      return contraction(i);
    default:
      visit_arithmetic(i);
      visit_indexing(i);
      visit_control(i);
  }
}

void UseAnalysis::visit_arithmetic(const Instruction& i) {
  ValueUse use;
  switch (i.op()) {
    case Op::add:
    case Op::maximum:
    case Op::minimum:
      return pass(i, {0, 1});
    case Op::subtract:
      use.below_one = scalar_constant(*i.operand(0)) == 1.0;
      demand(*i.operand(1), use);
      return pass(i, {0, 1});
    case Op::select:
      return pass(i, {1, 2});
    case Op::clamp:
      return pass(i, {1});
    case Op::abs:
      return pass(i, {0});
    case Op::multiply:
      return multiply(i);
    case Op::divide:
      demand(*i.operand(1), not_zero());
      if (const auto divisor = scalar_constant(*i.operand(1))) pass_scaled(i, 0, 1 / *divisor);
      return;
    case Op::remainder:
      return demand(*i.operand(1), not_zero());
    case Op::log:
    case Op::rsqrt:
      return demand(*i.operand(0), not_zero());
    case Op::acos:
    case Op::asin:
    case Op::atanh:
      use.below_one = true;
      return demand(*i.operand(0), use);
    case Op::acosh:
      use.above_one = true;
      return demand(*i.operand(0), use);
    case Op::compare:
      return compare(i);
    case Op::xor_:
    case Op::shift_left:
    case Op::shift_right_logical:
    case Op::rng_bit_generator:
      use.random_bits = true;
      return demand(*i.operand(0), use);
    default:
      return;
  }
}

void UseAnalysis::visit_indexing(const Instruction& i) {
  switch (i.op()) {
    case Op::dynamic_slice:
      pass(i, {0});
      return start_indices(i, 1, i.shape());
    case Op::dynamic_update_slice:
      pass(i, {0, 1});
      return start_indices(i, 2, i.operand(1)->shape());
    case Op::gather:
      pass_unordered(i, {0});
      return gather(i);
    case Op::scatter:
      return scatter(i);
    default:
      return;
  }
}

void UseAnalysis::visit_control(const Instruction& i) {
  switch (i.op()) {
    case Op::call:
    case Op::fusion:
      demand_of_root(*i.callees()[0], uses_of(i));
      return call(i, *i.callees()[0], 0);
    case Op::while_:
      return loop(i);
    case Op::conditional:
      demand(*i.operand(0), with_limit(static_cast<int64_t>(i.callees().size())));
      for (size_t branch = 0; branch < i.callees().size(); ++branch) {
        demand_of_root(*i.callees()[branch], uses_of(i));
        call(i, *i.callees()[branch], branch + 1);
      }
      return;
    case Op::async_start:
      if (i.shape().is_tuple() && i.shape().tuple_size() > 1) demand_of_root(*i.callees()[0], uses_of_element(i, 1));
      return call(i, *i.callees()[0], 0);
    case Op::async_update:
      return pass_leaves(i);
    case Op::async_done:
      if (i.operand(0)->shape().is_tuple() && i.operand(0)->shape().tuple_size() > 1) {
        join(uses_of_element(*i.operand(0), 1), uses_of(i));
      }
      return;
    default:
      return;
  }
}

void UseAnalysis::demand(const Instruction& operand, const ValueUse& use) {
  for (ValueUse& leaf : uses_of(operand)) leaf.join(use);
}

void UseAnalysis::pass(const Instruction& i, std::initializer_list<size_t> operands) {
  for (size_t operand : operands) join(uses_of(*i.operand(operand)), uses_of(i));
}

void UseAnalysis::pass_unordered(const Instruction& i, std::initializer_list<size_t> operands) {
  for (size_t operand : operands) {
    ValueUse use = uses_of(i)[0];
    use.sorted = use.unique = false;
    demand(*i.operand(operand), use);
  }
}

void UseAnalysis::pass_leaves(const Instruction& i) {
  Uses rest = uses_of(i);
  for (const Instruction* operand : i.operands()) {
    const Uses into = uses_of(*operand);
    join(into, rest.first(std::min(into.size(), rest.size())));
    rest = rest.subspan(std::min(into.size(), rest.size()));
  }
}

void UseAnalysis::pass_scaled(const Instruction& i, size_t operand, double factor) {
  ValueUse use = uses_of(i)[0];
  use.below_one = use.above_one = false;
  if (use.limit != ValueUse::kNoLimit && factor > 0) {
    const double limit = static_cast<double>(use.limit) / factor;
    use.limit = limit < 1e18 ? std::max<int64_t>(static_cast<int64_t>(limit), 1) : ValueUse::kNoLimit;
  }
  demand(*i.operand(operand), use);
}

// A position compared with all positions is one of them (one-hot), or a length (a mask: iota < length).
void UseAnalysis::compare(const Instruction& i) {
  const Direction direction = i.attrs<CompareAttrs>().direction;
  for (size_t side : {size_t{0}, size_t{1}}) {
    const Instruction& value = *i.operand(side);
    if (!is_integer(value.shape().type())) return;
    const auto count = positions(*i.operand(1 - side));
    if (!count) continue;
    ValueUse use = with_limit(*count);
    if (direction == (side == 1 ? Direction::LT : Direction::GT)) use.low = 1;
    demand(value, use);
  }
}

void UseAnalysis::multiply(const Instruction& i) {
  for (size_t side : {size_t{0}, size_t{1}}) {
    if (const auto factor = scalar_constant(*i.operand(1 - side))) pass_scaled(i, side, *factor);
  }
}

void UseAnalysis::contraction(const Instruction& i) {
  const Shape& lhs = i.operand(0)->shape();
  const Shape& rhs = i.operand(1)->shape();
  int64_t fan_in = 1;
  if (i.op() == Op::dot) {
    fan_in = product_of(lhs, i.attrs<DotAttrs>().lhs_contracting_dims);
  } else if (i.op() == Op::ragged_dot) {
    const auto& attrs = i.attrs<RaggedDotAttrs>();
    fan_in = product_of(lhs, attrs.lhs_contracting_dims);
    // The groups together are no longer than the ragged dimension.
    const int64_t groups = std::max<int64_t>(i.operand(2)->shape().element_count(), 1);
    demand(*i.operand(2), with_limit(starts(product_of(lhs, attrs.lhs_ragged_dims) / groups, 0)));
  } else {
    const auto& labels = i.attrs<ConvolutionAttrs>().dim_labels;
    fan_in = saturating_multiply(rhs.dim(static_cast<size_t>(labels.kernel_input_feature)),
                                 product_of(rhs, labels.kernel_spatial));
  }
  demand(*i.operand(0), with_fan_in(fan_in));
  demand(*i.operand(1), with_fan_in(fan_in));
}

void UseAnalysis::start_indices(const Instruction& i, size_t first, const Shape& slice) {
  const Shape& whole = i.operand(0)->shape();
  for (size_t d = 0; d < whole.rank() && first + d < i.operand_count(); ++d) {
    demand(*i.operand(first + d), with_limit(starts(whole.dim(d), slice.dim(d))));
  }
}

// Start indices, whose components along `vector_dim` have each an own limit.
void UseAnalysis::index_vectors(const Instruction& indices, int64_t vector_dim, std::span<const int64_t> limits,
                                ValueUse use) {
  if (limits.empty()) return;
  const auto rank = static_cast<int64_t>(indices.shape().rank());
  use.row = static_cast<int64_t>(limits.size());
  if (use.row > 1 && vector_dim != rank - 1) use.sorted = use.unique = false;
  // Vectors put together from their components: each of these has its own limit.
  const Instruction& source = is_annotation(indices) ? *indices.operand(0) : indices;
  if (source.op() == Op::concatenate && source.attrs<DimensionsAttrs>().dimensions[0] == vector_dim) {
    size_t component = 0;
    for (const Instruction* part : source.operands()) {
      const auto width = static_cast<size_t>(part->shape().dim(static_cast<size_t>(vector_dim)));
      for (size_t end = component + width; component < end && component < limits.size(); ++component) {
        demand(*part, with_limit(limits[component]));
      }
    }
    return;
  }
  use.limit = std::max<int64_t>(*std::min_element(limits.begin(), limits.end()), 1);
  demand(indices, use);
}

void UseAnalysis::gather(const Instruction& i) {
  const auto& attrs = i.attrs<GatherAttrs>();
  const Shape& whole = i.operand(0)->shape();
  Dims limits;
  for (int64_t d : attrs.start_index_map) {
    limits.push_back(starts(whole.dim(static_cast<size_t>(d)), attrs.slice_sizes[static_cast<size_t>(d)]));
  }
  ValueUse use;
  use.sorted = attrs.indices_are_sorted;
  index_vectors(*i.operand(1), attrs.index_vector_dim, {limits.data(), limits.size()}, use);
}

void UseAnalysis::scatter(const Instruction& i) {
  const auto& attrs = i.attrs<ScatterAttrs>();
  const size_t inputs = (i.operand_count() - 1) / 2;
  const Shape& whole = i.operand(0)->shape();
  const Shape& updates = i.operand(inputs + 1)->shape();
  // The size of the window in each dimension of the input: 1 where it was inserted.
  Dims window(whole.rank(), 1);
  size_t next = 0;
  for (size_t d = 0; d < whole.rank(); ++d) {
    const auto is_d = [d](int64_t other) { return other == static_cast<int64_t>(d); };
    if (std::any_of(attrs.inserted_window_dims.begin(), attrs.inserted_window_dims.end(), is_d)) continue;
    if (std::any_of(attrs.input_batching_dims.begin(), attrs.input_batching_dims.end(), is_d)) continue;
    if (next < attrs.update_window_dims.size()) {
      window[d] = updates.dim(static_cast<size_t>(attrs.update_window_dims[next++]));
    }
  }
  Dims limits;
  for (int64_t d : attrs.scatter_dims_to_operand_dims) {
    limits.push_back(starts(whole.dim(static_cast<size_t>(d)), window[static_cast<size_t>(d)]));
  }
  ValueUse use;
  use.sorted = attrs.indices_are_sorted;
  use.unique = attrs.unique_indices;
  index_vectors(*i.operand(inputs), attrs.index_vector_dim, {limits.data(), limits.size()}, use);
  for (size_t input = 0; input < inputs; ++input) {
    ValueUse result = uses_of(i)[input];
    result.sorted = result.unique = false;
    demand(*i.operand(input), result);
    demand(*i.operand(inputs + 1 + input), result);
  }
}

void UseAnalysis::demand_of_root(const Computation& callee, Uses uses) {
  if (join(uses_of(*callee.root()), uses)) enqueue(&callee);
}

void UseAnalysis::call(const Instruction& i, const Computation& callee, size_t first_operand) {
  for (const Instruction* parameter : callee.parameters()) {
    const size_t number = static_cast<size_t>(parameter->attrs<ParameterAttrs>().number) + first_operand;
    if (number < i.operand_count()) join(uses_of(*i.operand(number)), uses_of(*parameter));
  }
}

void UseAnalysis::loop(const Instruction& i) {
  const Computation& body = *i.callees()[1];
  call(i, *i.callees()[0], 0);
  call(i, body, 0);
  // What the next iteration, the condition or the user of the result asks for is asked of the body's result too.
  join(uses_of(*i.operand(0)), uses_of(i));
  demand_of_root(body, uses_of(*i.operand(0)));
}

}  // namespace

bool ValueUse::join(const ValueUse& other) {
  const ValueUse before = *this;
  limit = std::min(limit, other.limit);
  low = std::max(low, other.low);
  fan_in = std::max(fan_in, other.fan_in);
  row = std::max(row, other.row);
  below_one |= other.below_one;
  above_one |= other.above_one;
  random_bits |= other.random_bits;
  sorted |= other.sorted;
  unique |= other.unique;
  return !(*this == before);
}

std::vector<std::vector<ValueUse>> parameter_uses(const Module& module) {
  int64_t leaves = 0;
  for (const auto& computation : module.computations()) {
    for (const auto& i : computation->instructions()) leaves += i->shape().leaf_count();
  }
  if (leaves > kMostLeaves) {
    std::vector<std::vector<ValueUse>> none;
    for (const Instruction* parameter : module.entry()->parameters()) none.emplace_back(leaves_of(parameter->shape()));
    return none;
  }
  UseAnalysis analysis(module);
  analysis.run();
  return analysis.parameter_uses();
}

}  // namespace gshard
