#include "backend/cpu/build_kernel.h"

#include <algorithm>
#include <unordered_map>

#include "backend/cpu/loop_ops.h"
#include "backend/cpu/loop_space.h"
#include "backend/cpu/schedule_kernel.h"
#include "backend/cpu/split_sums.h"
#include "eval/indices.h"
#include "eval/strided.h"

namespace gshard::cpu {
namespace {

// What is built stays within these, so that a kernel compiles fast.
constexpr size_t kMaxNodes = 400;

class Builder {
 public:
  explicit Builder(const Members& members) : members_(members) {}

  std::optional<Kernel> build(std::span<const Leaf> outputs) {
    // How the rows of a sum are cut is to be known where others go through them.
    for (const bool is_split : {true, false}) {
      for (const Leaf& output : outputs) {
        if (is_split_sum(*output.value) == is_split) add_output(output);
        if (failed()) return std::nullopt;
      }
    }
    finish();
    if (failed() || !schedule(kernel_)) return std::nullopt;
    return std::move(kernel_);
  }

 private:
  struct Made {
    Place at;
    int guard;
    int node;
  };
  // The loops of a reduction, until all splits are known.
  struct ReductionLoops {
    Place kept;
    Place reduced;
  };

  int fail() {
    failed_ = true;
    return 0;
  }
  bool failed() const { return failed_ || space_.failed(); }

  // ---- nodes ------------------------------------------------------------------------------------------------------

  int add_node(Node node) {
    if (kernel_.nodes.size() >= kMaxNodes) return fail();
    kernel_.nodes.push_back(std::move(node));
    return static_cast<int>(kernel_.nodes.size()) - 1;
  }

  int argument_of(const Leaf& leaf) {
    for (size_t i = 0; i < kernel_.arguments.size(); ++i) {
      if (kernel_.arguments[i].leaf == leaf && !kernel_.arguments[i].written) return static_cast<int>(i);
    }
    kernel_.arguments.push_back({leaf, leaf.shape().type(), leaf.shape().element_count(), false, {}});
    return static_cast<int>(kernel_.arguments.size()) - 1;
  }

  int load(const Leaf& leaf, const Place& at, int guard) {
    Node node{Node::Kind::load, leaf.shape().type()};
    node.index = linear_index(at, leaf.shape().dims());
    node.argument = argument_of(leaf);
    node.guard = guard;
    return add_node(std::move(node));
  }

  int counter(DType type, const Index& index) {
    Node node{Node::Kind::counter, type};
    node.index = index;
    return add_node(std::move(node));
  }

  int in_range(const Index& index, int64_t low, int64_t high) {
    Node node{Node::Kind::in_range, DType::pred};
    node.index = index;
    node.low = low;
    node.high = high;
    return add_node(std::move(node));
  }

  // The conjunction of two preds, of which -1 always holds.
  int both(int a, int b) {
    if (a < 0 || b < 0) return std::max(a, b);
    Node node{Node::Kind::both, DType::pred};
    node.operands = {a, b};
    return add_node(std::move(node));
  }

  int choose(int condition, int then, int otherwise) {
    Node node{Node::Kind::choose, kernel_.nodes[static_cast<size_t>(then)].type};
    node.operands = {condition, then, otherwise};
    return add_node(std::move(node));
  }

  int clamped(int number, int64_t low, int64_t high) {
    for (size_t n = 0; n < kernel_.nodes.size(); ++n) {
      const Node& made = kernel_.nodes[n];
      if (made.kind != Node::Kind::clamped || made.operands[0] != number) continue;
      if (made.low == low && made.high == high) return static_cast<int>(n);
    }
    Node node{Node::Kind::clamped, DType::s64};
    node.operands = {number};
    node.low = low;
    node.high = high;
    return add_node(std::move(node));
  }

  // ---- values -----------------------------------------------------------------------------------------------------

  // The node for the element of `leaf` at a place, read only where `guard` holds.
  int value(const Leaf& leaf, Place at, int guard) {
    if (failed()) return 0;
    space_.refresh(at);
    const Instruction& x = *leaf.value;
    if (!members_.contains(&x) && !is_free(x)) return load(leaf, at, guard);
    auto& made = made_[&x];
    for (Made& m : made) {
      space_.refresh(m.at);
      if (m.guard == guard && m.at == at) return m.node + static_cast<int>(leaf.part);
    }
    const int node = compute(x, at, guard);
    space_.refresh(at);
    made_[&x].push_back({std::move(at), guard, node});
    return node + static_cast<int>(leaf.part);
  }

  int value(const Instruction& x, Place at, int guard) { return value(Leaf{&x}, std::move(at), guard); }

  int compute(const Instruction& x, const Place& at, int guard) {
    switch (x.op()) {
      case Op::constant:
        return constant(x);
      case Op::iota:
        return counter(x.shape().type(), at[static_cast<size_t>(x.attrs<IotaAttrs>().iota_dimension)]);
      case Op::broadcast:
        return broadcast(x, at, guard);
      case Op::bitcast:
      case Op::reshape:
        return reshape(x, at, guard);
      case Op::transpose:
        return transpose(x, at, guard);
      case Op::slice:
        return slice(x, at, guard);
      case Op::reverse:
        return reverse(x, at, guard);
      case Op::pad:
        return pad(x, at, guard);
      case Op::concatenate:
        return concatenate(x, at, guard);
      case Op::dynamic_slice:
        return dynamic_slice(x, at, guard);
      case Op::gather:
        return gather(x, at, guard);
      case Op::reduce:
        return reduce(x, at, guard);
      case Op::reduce_window:
        return reduce_window(x, at, guard);
      case Op::dynamic_update_slice:
      case Op::scatter:
        return fail();  // are only written
      case Op::get_tuple_element:
        return value(Leaf{x.operand(0), static_cast<size_t>(x.attrs<TupleIndexAttrs>().index)}, at, guard);
      case Op::copy:
        return value(*x.operand(0), at, guard);
      default:
        return pointwise(x, at, guard);
    }
  }

  int constant(const Instruction& x) {
    Node node{Node::Kind::constant, x.shape().type(), &x};
    return add_node(std::move(node));
  }

  int pointwise(const Instruction& x, const Place& at, int guard) {
    Node node{Node::Kind::op, x.shape().type(), &x};
    for (const Instruction* operand : x.operands()) {
      node.operands.push_back(value(*operand, operand->shape().is_scalar() ? Place{} : at, guard));
    }
    return failed() ? 0 : add_node(std::move(node));
  }

  int reshape(const Instruction& x, const Place& at, int guard) {
    const Dims& inside = x.operand(0)->shape().dims();
    Place from = space_.reshaped(at, x.shape().dims(), inside);
    if (is_in_split_sum_) space_.remember(from, inside);
    return value(*x.operand(0), std::move(from), guard);
  }

  int broadcast(const Instruction& x, const Place& at, int guard) {
    Place from;
    for (int64_t d : x.attrs<DimensionsAttrs>().dimensions) from.push_back(at[static_cast<size_t>(d)]);
    return value(*x.operand(0), std::move(from), guard);
  }

  int transpose(const Instruction& x, const Place& at, int guard) {
    const Dims& permutation = x.attrs<DimensionsAttrs>().dimensions;
    Place from(at.size());
    for (size_t d = 0; d < at.size(); ++d) from[static_cast<size_t>(permutation[d])] = at[d];
    return value(*x.operand(0), std::move(from), guard);
  }

  int slice(const Instruction& x, const Place& at, int guard) {
    const SliceRanges& ranges = x.attrs<SliceAttrs>().slice;
    Place from(at.size());
    for (size_t d = 0; d < at.size(); ++d) {
      from[d].add(at[d], ranges.strides.empty() ? 1 : ranges.strides[d]);
      from[d].offset += ranges.starts[d];
    }
    return value(*x.operand(0), std::move(from), guard);
  }

  int reverse(const Instruction& x, const Place& at, int guard) {
    Place from = at;
    for (int64_t d : x.attrs<DimensionsAttrs>().dimensions) {
      const auto dim = static_cast<size_t>(d);
      from[dim] = {};
      from[dim].add(at[dim], -1);
      from[dim].offset += x.shape().dim(dim) - 1;
    }
    return value(*x.operand(0), std::move(from), guard);
  }

  int pad(const Instruction& x, const Place& at, int guard) {
    const auto& padding = x.attrs<PadAttrs>().padding.dims;
    const Dims& inside = x.operand(0)->shape().dims();
    Place from = at;
    int condition = -1;
    for (size_t d = 0; d < at.size(); ++d) {
      if (padding[d].low == 0 && padding[d].high == 0) continue;
      from[d].offset -= padding[d].low;
      condition = both(condition, in_range(from[d], 0, inside[d]));
    }
    if (condition < 0) return value(*x.operand(0), std::move(from), guard);
    const int filler = value(*x.operand(1), {}, guard);
    const int element = value(*x.operand(0), std::move(from), both(guard, condition));
    return failed() ? 0 : choose(condition, element, filler);
  }

  int concatenate(const Instruction& x, const Place& at, int guard) {
    const auto dim = static_cast<size_t>(x.attrs<DimensionsAttrs>().dimensions[0]);
    int result = -1;
    int64_t start = x.shape().dim(dim);
    for (size_t i = x.operand_count(); i-- > 0;) {
      const int64_t size = x.operand(i)->shape().dim(dim);
      start -= size;
      if (size == 0) continue;
      Place from = at;
      from[dim].offset -= start;
      const int inside = in_range(from[dim], 0, size);
      const int element = value(*x.operand(i), std::move(from), both(guard, inside));
      if (failed()) return 0;
      result = result < 0 ? element : choose(inside, element, result);
    }
    return result < 0 ? fail() : result;
  }

  // The start of a slice of `size` in a dimension of `extent`, as an index.
  Index start_index(int number, int64_t extent, int64_t size) {
    Index index;
    if (extent > size) index.terms.push_back({clamped(number, 0, extent - size), 1});
    return index;
  }

  int dynamic_slice(const Instruction& x, const Place& at, int guard) {
    const Dims& inside = x.operand(0)->shape().dims();
    Place from = at;
    for (size_t d = 0; d < at.size(); ++d) {
      if (inside[d] == x.shape().dim(d)) continue;
      const int start = value(*x.operand(d + 1), {}, -1);
      if (failed()) return 0;
      from[d].add(start_index(start, inside[d], x.shape().dim(d)), 1);
    }
    return value(*x.operand(0), std::move(from), guard);
  }

  int gather(const Instruction& x, const Place& at, int guard) {
    const auto& attrs = x.attrs<GatherAttrs>();
    const Shape& operand = x.operand(0)->shape();
    Place from = in_windows(x, IndexDimensions::of(attrs), at, guard, [&](size_t d, int number) {
      return start_index(number, operand.dim(d), attrs.slice_sizes[d]);
    });
    return failed() ? 0 : value(*x.operand(0), std::move(from), guard);
  }

  // The place in operand 0 of a gather or scatter to which the element at `at` of its windows belongs, operand 1 saying
  // where they start: start(d, node) is the start in dimension d for that number.
  template <class Start>
  Place in_windows(const Instruction& x, const IndexDimensions& dims, const Place& at, int guard, Start&& start) {
    const Shape& indices = x.operand(1)->shape();
    Place batch;
    Place offsets;
    for (size_t d = 0; d < at.size(); ++d) {
      (is_among(static_cast<int64_t>(d), dims.window_dims) ? offsets : batch).push_back(at[d]);
    }
    // Where the index vector of this window stands.
    Place where;
    size_t next = 0;
    for (size_t d = 0; d < indices.rank(); ++d) {
      where.push_back(static_cast<int64_t>(d) == dims.vector_dim ? Index{} : batch[next++]);
    }
    Place place(x.operand(0)->shape().rank());
    next = 0;
    for (size_t d = 0; d < place.size(); ++d) {
      const auto dim = static_cast<int64_t>(d);
      if (!is_among(dim, dims.dropped_dims) && !is_among(dim, dims.operand_batching_dims)) place[d] = offsets[next++];
    }
    for (size_t i = 0; i < dims.operand_batching_dims.size(); ++i) {
      place[static_cast<size_t>(dims.operand_batching_dims[i])] =
          where[static_cast<size_t>(dims.indices_batching_dims[i])];
    }
    for (size_t i = 0; i < dims.component_dims.size(); ++i) {
      const auto d = static_cast<size_t>(dims.component_dims[i]);
      Place element = where;
      if (static_cast<size_t>(dims.vector_dim) < indices.rank()) {
        element[static_cast<size_t>(dims.vector_dim)].offset = static_cast<int64_t>(i);
      }
      const int number = value(*x.operand(1), std::move(element), guard);
      if (failed()) return {};
      place[d].add(start(d, number), 1);
    }
    return place;
  }

  // ---- reductions -------------------------------------------------------------------------------------------------

  // Whether numbers can be reduced at a place: reductions are not guarded, and run over loops alone.
  bool may_reduce(const Place& at, int guard) const {
    return guard < 0 && std::all_of(at.begin(), at.end(), [](const Index& index) { return index.terms.empty(); });
  }

  int reduce(const Instruction& x, const Place& at, int guard) {
    if (!may_reduce(at, guard)) return fail();
    const Dims& reduced = x.attrs<DimensionsAttrs>().dimensions;
    const Dims& dims = x.operand(0)->shape().dims();
    ReductionLoops loops{at, {}};
    LoopSet used = space_.loops_of(loops.kept);
    Place from(dims.size());
    size_t next = 0;
    for (size_t d = 0; d < dims.size(); ++d) {
      const bool is_reduced = is_among(static_cast<int64_t>(d), reduced);
      from[d] = is_reduced ? space_.index_through(dims[d], used) : at[next++];
      if (is_reduced) loops.reduced.push_back(from[d]);
    }
    return reduce_at(x, std::move(loops), from, -1);
  }

  // The elements under the window at a place; those of padding are passed over by taking the initial value.
  int reduce_window(const Instruction& x, const Place& at, int guard) {
    if (!may_reduce(at, guard)) return fail();
    const std::vector<WindowDim>& window = x.attrs<WindowAttrs>().window.dims;
    const Dims& dims = x.operand(0)->shape().dims();
    const Shape& output = x.shape().is_tuple() ? x.shape().element(0) : x.shape();
    ReductionLoops loops{at, {}};
    LoopSet used = space_.loops_of(loops.kept);
    Place from(dims.size());
    int inside = -1;
    for (size_t d = 0; d < dims.size(); ++d) {
      from[d].add(at[d], window[d].stride);
      from[d].offset -= window[d].pad_low;
      if (window[d].size > 1) {
        loops.reduced.push_back(space_.index_through(window[d].size, used));
        from[d].add(loops.reduced.back(), window[d].window_dilation);
      }
      if (reaches_padding(window[d], dims[d], output.dim(d))) inside = both(inside, in_range(from[d], 0, dims[d]));
    }
    return reduce_at(x, std::move(loops), from, inside);
  }

  // Reduces the operands' elements at `from`, where `inside` holds.
  int reduce_at(const Instruction& x, ReductionLoops loops, const Place& from, int inside) {
    const size_t count = x.operand_count() / 2;
    Reduction reduction{x.callees()[0]};
    for (size_t i = 0; i < count; ++i) {
      const int element = value(*x.operand(i), from, inside);
      reduction.starts.push_back(value(*x.operand(count + i), {}, -1));
      reduction.inputs.push_back(inside < 0 ? element : choose(inside, element, reduction.starts.back()));
    }
    if (failed()) return 0;
    kernel_.reductions.push_back(std::move(reduction));
    reduction_loops_.push_back(std::move(loops));
    // The results stand one after the other, so that a part of the tuple is found by its number.
    const auto first = static_cast<int>(kernel_.nodes.size());
    for (size_t i = 0; i < count; ++i) {
      Node node{Node::Kind::reduced, x.operand(i)->shape().type()};
      node.reduction = static_cast<int>(kernel_.reductions.size()) - 1;
      node.result = static_cast<int>(i);
      add_node(std::move(node));
    }
    return first;
  }

  // ---- outputs ----------------------------------------------------------------------------------------------------

  // The place at which an output was computed already, or else one in the loops of other outputs, or in new ones.
  Place place_of(const Leaf& output) {
    const Dims& dims = output.shape().dims();
    for (Made& made : made_[output.value]) {
      if (made.guard < 0 && space_.covers(made.at, dims)) return made.at;
    }
    for (auto& [other_dims, place] : outputs_) {
      if (other_dims == dims) return place;
    }
    for (auto& [other_dims, place] : outputs_) {
      if (Shape(DType::pred, other_dims).element_count() != output.shape().element_count()) continue;
      return space_.reshaped(place, other_dims, dims);
    }
    return space_.place_through(dims);
  }

  // Writes the update to its place in an array that holds the operand.
  void add_update(const Leaf& output) {
    const Instruction& x = *output.value;
    // The array must be there before the kernel runs.
    if (members_.contains(x.operand(0))) return void(fail());
    const Shape& update = x.operand(1)->shape();
    Place at = place_of({x.operand(1)});
    const int node = value(*x.operand(1), at, -1);
    Index index = linear_index(at, x.shape().dims());
    const Dims strides = row_major_strides(x.shape().dims());
    for (size_t d = 0; d < update.rank() && !failed(); ++d) {
      if (update.dim(d) == x.shape().dim(d)) continue;
      const int start = value(*x.operand(d + 2), {}, -1);
      index.add(start_index(start, x.shape().dim(d), update.dim(d)), strides[d]);
    }
    if (failed()) return;
    kernel_.arguments.push_back(
        {output, output.shape().type(), output.shape().element_count(), true, Leaf{x.operand(0)}});
    kernel_.stores.push_back({static_cast<int>(kernel_.arguments.size()) - 1, std::move(index), node});
    outputs_.emplace_back(update.dims(), std::move(at));
  }

  // Combines the updates with what stands in an array that holds the operand, one window after the other.
  void add_scatter(const Leaf& output) {
    const Instruction& x = *output.value;
    if (members_.contains(x.operand(0))) return void(fail());
    const auto dims = IndexDimensions::of(x.attrs<ScatterAttrs>());
    const Shape& updates = x.operand(2)->shape();
    const Dims sizes = WindowStrides(dims, updates, x.shape().rank()).sizes;
    const Place at = place_of({x.operand(2)});
    const int update = value(*x.operand(2), at, -1);
    int inside = -1;
    Place to = in_windows(x, dims, at, -1, [&](size_t d, int number) {
      Index start;
      start.terms.push_back({clamped(number, -1, x.shape().dim(d)), 1});
      inside = both(inside, in_range(start, 0, x.shape().dim(d) - sizes[d] + 1));
      return start;
    });
    if (failed()) return;
    kernel_.arguments.push_back(
        {output, output.shape().type(), output.shape().element_count(), true, Leaf{x.operand(0)}});
    const int argument = static_cast<int>(kernel_.arguments.size()) - 1;
    Index index = linear_index(to, x.shape().dims());
    const int node = combined(x, argument, index, update, inside);
    kernel_.stores.push_back({argument, std::move(index), node, inside});
    kernel_.in_order = true;
    kernel_.window_number = window_number(at, updates.dims(), dims.window_dims);
  }

  // The number of the window to which the element of a scatter's updates at a place belongs.
  static Index window_number(const Place& at, const Dims& sizes, const Dims& window_dims) {
    Place batch;
    Dims batch_sizes;
    for (size_t d = 0; d < at.size(); ++d) {
      if (is_among(static_cast<int64_t>(d), window_dims)) continue;
      batch.push_back(at[d]);
      batch_sizes.push_back(sizes[d]);
    }
    return linear_index(batch, batch_sizes);
  }

  // The update, or what the combiner makes of it and of the element that is there.
  int combined(const Instruction& scatter, int argument, const Index& index, int update, int guard) {
    const Instruction& root = *scatter.callees()[0]->root();
    if (root.op() == Op::parameter) return update;
    Node old{Node::Kind::load, scatter.shape().type()};
    old.index = index;
    old.argument = argument;
    old.guard = guard;
    const int before = add_node(std::move(old));
    Node node{Node::Kind::op, root.shape().type(), &root};
    for (const Instruction* operand : root.operands()) {
      node.operands.push_back(operand->attrs<ParameterAttrs>().number == 0 ? before : update);
    }
    return add_node(std::move(node));
  }

  void add_output(const Leaf& output) {
    is_in_split_sum_ = is_split_sum(*output.value);
    if (output.value->op() == Op::dynamic_update_slice) return add_update(output);
    if (output.value->op() == Op::scatter) return add_scatter(output);
    Place at = place_of(output);
    const int node = value(output, at, -1);
    if (failed()) return;
    space_.refresh(at);
    kernel_.arguments.push_back({output, output.shape().type(), output.shape().element_count(), true, {}});
    kernel_.stores.push_back(
        {static_cast<int>(kernel_.arguments.size()) - 1, linear_index(at, output.shape().dims()), node});
    outputs_.emplace_back(output.shape().dims(), std::move(at));
  }

  // ---- the end ----------------------------------------------------------------------------------------------------

  void finish() {
    kernel_.loops = space_.extents();
    for (Node& node : kernel_.nodes) space_.renumber(node.index);
    for (Store& store : kernel_.stores) space_.renumber(store.index);
    space_.renumber(kernel_.window_number);
    for (size_t r = 0; r < kernel_.reductions.size(); ++r) {
      for (Place* place : {&reduction_loops_[r].kept, &reduction_loops_[r].reduced}) {
        LoopSet set = 0;
        for (Index& index : *place) {
          space_.renumber(index);
          set |= index.loops();
        }
        (place == &reduction_loops_[r].kept ? kernel_.reductions[r].domain : kernel_.reductions[r].loops) = set;
      }
    }
    for (Node& node : kernel_.nodes) set_domain(node);
  }

  void set_domain(Node& node) {
    node.domain = node.index.loops();
    const auto include = [&](int other) {
      node.domain |= kernel_.nodes[static_cast<size_t>(other)].domain;
      node.level = std::max(node.level, kernel_.nodes[static_cast<size_t>(other)].level);
    };
    for (int operand : node.operands) include(operand);
    for (const Index::Term& term : node.index.terms) include(term.node);
    if (node.guard >= 0) include(node.guard);
    if (node.kind != Node::Kind::reduced) return;
    Reduction& reduction = kernel_.reductions[static_cast<size_t>(node.reduction)];
    reduction.level = 0;
    for (const auto* nodes : {&reduction.inputs, &reduction.starts}) {
      for (int n : *nodes) reduction.level = std::max(reduction.level, kernel_.nodes[static_cast<size_t>(n)].level);
    }
    node.domain = reduction.domain;
    node.level = reduction.level + 1;
  }

  const Members& members_;
  Kernel kernel_;
  LoopSpace space_;
  std::unordered_map<const Instruction*, std::vector<Made>> made_;
  std::vector<ReductionLoops> reduction_loops_;
  std::vector<std::pair<Dims, Place>> outputs_;
  bool is_in_split_sum_ = false;
  bool failed_ = false;
};

}  // namespace

std::optional<Kernel> build_kernel(const Members& members, std::span<const Leaf> outputs) {
  return Builder(members).build(outputs);
}

}  // namespace gshard::cpu
