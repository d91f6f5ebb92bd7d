#include "shard/program_estimate.h"

#include <algorithm>
#include <unordered_set>

#include "ops/table.h"
#include "shard/annotation_calls.h"
#include "shard/manual.h"
#include "shard/refusal.h"
#include "shard/reshard.h"
#include "shard/ring.h"

namespace gshard {
namespace {

using Block = MemoryTimeline::Block;

// One array of a device. What is `fused` is made element by element by its reader: it holds on to what it is made of.
struct Value {
  LiveValue live;
  std::vector<Block> blocks;
  bool is_fused = false;
  std::vector<std::pair<Sharding, size_t>> forms = {};  // brought into other shardings, as other values
};

// A leaf of an instruction's result, as the localizer would hold it.
struct Placed {
  Sharding sharding;
  size_t value;
};
using PlacedLeaves = std::vector<Placed>;

// Whether the op reads the elements of its operands one by one, so that it can make them on the way.
bool streams(const Instruction& i) {
  return has(row_of(i.op()).traits, Traits::pointwise) || i.op() == Op::reduce || i.op() == Op::reshape;
}

// How many of the first operands an op may write its results over.
size_t overwritable_operands(const Instruction& i) {
  if (has(row_of(i.op()).traits, Traits::pointwise)) return i.operand_count();
  if (i.op() == Op::dynamic_update_slice) return 1;
  return i.op() == Op::scatter ? i.operand_count() / 2 : 0;
}

// Walks one computation as the localizer does.
class Walk {
 public:
  Walk(ProgramEstimate& program, const Decision& decision, const Computation& from, ProgramEstimate::Run& into)
      : program_(program),
        decision_(decision),
        from_(from),
        form_(into.form),
        users_(from),
        choice_(decision, program.accumulators(), users_, form_),
        time_(into.time),
        memory_(into.memory),
        placed_(from.size()) {}

  void run() {
    for (const auto& i : from_.instructions()) placed_[i->index()] = visit(*i);
    const std::vector<size_t> values = brought(*from_.root(), form_.results, nullptr);
    memory_.next_moment();
    for (const size_t value : values) {
      read(value);
      for (const Block block : values_[value].blocks) memory_.keep(block);
    }
    memory_.end();
  }

 private:
  PlacedLeaves visit(const Instruction& i) {
    switch (i.op()) {
      case Op::parameter:
        return visit_parameter(i);
      case Op::constant:
        return visit_constant(i);
      case Op::iota:
        return {{decision_.sharding_of(i), add_fused(i, decision_.sharding_of(i), {})}};
      case Op::tuple:
        return operand_leaves(i);
      case Op::get_tuple_element:
        return visit_tuple_element(i);
      case Op::opt_barrier:
      case Op::domain:
        return leaves_of(*i.operand(0));
      case Op::after_all:
        return {{Sharding{}, add_value({})}};
      case Op::while_:
        return visit_while(i);
      case Op::conditional:
        return visit_conditional(i);
      case Op::call:
        return visit_call(i);
      case Op::copy_start:
        return {leaves_of(*i.operand(0))[0], leaves_of(*i.operand(0))[0], {Sharding{}, add_value({})}};
      case Op::copy_done:
        return {leaves_of(*i.operand(0))[0]};
      default:
        break;
    }
    check_is_supported(i);
    if (is_sharding_call(i)) return visit_annotation(i);
    if (is_to_manual_call(i) || is_to_automatic_call(i)) return visit_manual_edge(i);
    return visit_op(i);
  }

  const PlacedLeaves& leaves_of(const Instruction& i) const { return placed_[i.index()]; }

  double bytes_of_leaf(const Instruction& i, size_t leaf, const Sharding& sharding) const {
    return local_bytes(decision_.shape_of(i, leaf), sharding, decision_.mesh);
  }

  // ---- values ----

  size_t add_value(Value value) {
    values_.push_back(std::move(value));
    return values_.size() - 1;
  }
  size_t add_taken(const LiveValue& live, std::span<const Block> reusable = {}) {
    if (live.bytes == 0) return add_value({live, {}});
    return add_value({live, {memory_.take(live, reusable)}});
  }
  size_t add_fused(const Instruction& i, const Sharding& sharding, std::vector<Block> parts) {
    return add_value({{&i, 0, &i, bytes_of_leaf(i, 0, sharding)}, std::move(parts), true});
  }

  // The value as an array in memory, read now.
  void read(size_t number) {
    Value& value = values_[number];
    for (const Block block : value.blocks) memory_.use(block);
    if (!value.is_fused) return;
    value.is_fused = false;
    value.blocks = {memory_.take(value.live)};
  }

  // Element by element.
  void stream(size_t number) {
    for (const Block block : values_[number].blocks) memory_.use(block);
  }

  // A value in the sharding in which `maker` wants it.
  size_t resharded(const Instruction& i, size_t leaf, const Placed& placed, const Sharding& to,
                   const Instruction* maker) {
    const Shape& shape = decision_.shape_of(i, leaf);
    if (placed.sharding == to || !shape.is_array()) return placed.value;
    for (const auto& [sharding, value] : values_[placed.value].forms) {
      if (sharding == to) return value;
    }
    const LiveValue& live = values_[placed.value].live;
    if (live.value != nullptr && is_free_in_any_form(*live.value) && placed.sharding.partial == 0) {
      const Value again{{live.value, 0, maker, local_bytes(shape, to, decision_.mesh)}, {}, true};
      const size_t value = add_value(again);
      values_[placed.value].forms.emplace_back(to, value);
      return value;
    }
    Sharding from = placed.sharding;
    Sharding target = to;
    from.manual = target.manual = 0;
    const size_t moved = moved_along(reshard_steps(shape.dims(), from, target, decision_.mesh), shape.type(),
                                     {&i, leaf, maker, 0}, placed.value);
    values_[placed.value].forms.emplace_back(to, moved);
    return moved;
  }

  size_t moved_along(const std::vector<Step>& steps, DType type, LiveValue live, size_t value) {
    const auto element = static_cast<double>(bytes_of(type));
    time_.bytes_sent += elements_sent(steps, decision_.mesh) * element;
    time_.sending_seconds += gshard::seconds_of(steps, type, decision_.mesh, decision_.machine);
    for (const Step& step : steps) {
      memory_.next_moment();
      read(value);
      live.bytes = static_cast<double>(step.elements_after) * element;
      const std::vector<Block> before = values_[value].blocks;
      value = add_taken(live, step.kind == Step::Kind::all_reduce ? before : std::vector<Block>{});
    }
    return value;
  }

  // All leaves of a value in these shardings.
  std::vector<size_t> brought(const Instruction& i, const std::vector<Sharding>& shardings, const Instruction* maker) {
    std::vector<size_t> values;
    for (size_t leaf = 0; leaf < shardings.size(); ++leaf) {
      values.push_back(resharded(i, leaf, leaves_of(i)[leaf], shardings[leaf], maker));
    }
    return values;
  }

  // ---- values without operands, and names of others ----

  PlacedLeaves visit_parameter(const Instruction& i) {
    PlacedLeaves leaves;
    for (size_t leaf = 0; leaf < decision_.values.leaf_count(i); ++leaf) {
      const Sharding& sharding = form_.state.empty() ? decision_.sharding_of(i, leaf) : form_.state[leaf];
      const LiveValue live{&i, leaf, nullptr, bytes_of_leaf(i, leaf, sharding)};
      const Block block = memory_.take_parameter(live);
      if (&from_ == decision_.module.entry() && !is_given_away(i, leaf)) memory_.keep(block);
      leaves.push_back({sharding, add_value({live, {block}})});
    }
    return leaves;
  }

  // Whether the caller leaves the parameter's memory to the program.
  bool is_given_away(const Instruction& parameter, size_t leaf) const {
    const int64_t number = parameter.attrs<ParameterAttrs>().number;
    const auto is_meant = [&](const auto& entry) {
      return entry.parameter == number && leaf_at(parameter.shape(), entry.parameter_index) == leaf;
    };
    const ModuleHeader& header = decision_.module.header();
    return std::any_of(header.input_output_alias.begin(), header.input_output_alias.end(), is_meant) ||
           std::any_of(header.buffer_donor.begin(), header.buffer_donor.end(), is_meant);
  }

  PlacedLeaves visit_constant(const Instruction& i) {
    PlacedLeaves leaves;
    for (size_t leaf = 0; leaf < decision_.values.leaf_count(i); ++leaf) {
      const Shape& shape = decision_.shape_of(i, leaf);
      const Sharding whole = Sharding::replicated(shape.is_array() ? shape.rank() : 0);
      leaves.push_back({whole, add_taken({&i, leaf, &i, bytes_of_leaf(i, leaf, whole)})});
    }
    return leaves;
  }

  PlacedLeaves operand_leaves(const Instruction& i) const {
    PlacedLeaves all;
    for (const Instruction* operand : i.operands()) {
      all.insert(all.end(), leaves_of(*operand).begin(), leaves_of(*operand).end());
    }
    return all;
  }

  PlacedLeaves visit_tuple_element(const Instruction& i) const {
    const PlacedLeaves& all = leaves_of(*i.operand(0));
    const LeafRange range =
        leaves_of_element(i.operand(0)->shape(), static_cast<size_t>(i.attrs<TupleIndexAttrs>().index));
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(range.first);
    return PlacedLeaves(first, first + static_cast<std::ptrdiff_t>(range.count));
  }

  PlacedLeaves visit_annotation(const Instruction& i) {
    const std::vector<Sharding> shardings = decision_.shardings_of(i);
    return paired(shardings, brought(*i.operand(0), shardings, &i));
  }

  static PlacedLeaves paired(const std::vector<Sharding>& shardings, const std::vector<size_t>& values) {
    PlacedLeaves leaves;
    for (size_t leaf = 0; leaf < values.size(); ++leaf) leaves.push_back({shardings[leaf], values[leaf]});
    return leaves;
  }

  // What enters a manual region is each device's part of it, what leaves one is a part of the whole.
  PlacedLeaves visit_manual_edge(const Instruction& i) {
    PlacedLeaves leaves;
    for (const Sharding& edge : decision_.annotated.manual_edges.at(&i)) {
      const size_t leaf = leaves.size();
      const Instruction& operand = *i.operand(leaf);
      const bool enters = is_to_manual_call(i);
      const DigitSet manual = (enters ? decision_.sharding_of(i, leaf) : decision_.sharding_of(operand)).manual;
      const Sharding outside = around_manual(edge, manual);
      const Sharding inside = inside_manual(outside, manual);
      const size_t value = resharded(operand, 0, leaves_of(operand)[0], enters ? outside : inside, &i);
      read(value);
      // The same memory is a value of another type from here on.
      leaves.push_back({enters ? inside : outside, add_value({values_[value].live, values_[value].blocks})});
    }
    return leaves;
  }

  // ---- computations that call others ----

  void call(const Computation& callee, const Form& form, double times) {
    const ProgramEstimate::Run& run = program_.run_of(callee, form);
    memory_.call(run.memory);
    time_.add(run.time, times);
  }

  // The results of a computation that was called, each over the operand of the same number where there is one.
  PlacedLeaves results_of_call(const Instruction& i, const std::vector<Sharding>& shardings,
                               const std::vector<size_t>& over) {
    PlacedLeaves leaves;
    for (size_t leaf = 0; leaf < shardings.size(); ++leaf) {
      const LiveValue live{&i, leaf, &i, bytes_of_leaf(i, leaf, shardings[leaf])};
      const std::vector<Block> reusable = leaf < over.size() ? values_[over[leaf]].blocks : std::vector<Block>{};
      leaves.push_back({shardings[leaf], add_taken(live, reusable)});
    }
    return leaves;
  }

  void read_all(const std::vector<size_t>& values) {
    for (const size_t value : values) read(value);
  }

  PlacedLeaves visit_while(const Instruction& i) {
    std::vector<Accumulators::Start> starts;
    for (const Placed& start : leaves_of(*i.operand(0))) {
      const Instruction* value = values_[start.value].live.value;
      starts.push_back({start.sharding, value != nullptr && is_one_number(*value)});
    }
    const std::vector<Sharding> shardings = choice_.state_of(i, starts);
    const std::vector<size_t> state = brought(*i.operand(0), shardings, &i);
    memory_.next_moment();
    read_all(state);
    const double trips = program_.trips_of(i);
    call(*i.callees()[0], {decision_.shardings_of(*i.callees()[0]->root()), shardings}, trips);
    call(*i.callees()[1], {shardings, shardings, &i}, trips);
    PlacedLeaves leaves = results_of_call(i, shardings, state);
    for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
      const Sharding behind = choice_.wanted(i, leaf);
      leaves[leaf] = {behind, resharded(i, leaf, leaves[leaf], behind, &i)};
    }
    return leaves;
  }

  PlacedLeaves visit_conditional(const Instruction& i) {
    const std::vector<Sharding> shardings = decision_.shardings_of(i);
    std::vector<size_t> operands = brought(*i.operand(0), {Sharding::replicated(0)}, &i);
    for (size_t b = 0; b < i.callees().size(); ++b) {
      const auto more = brought(*i.operand(b + 1), decision_.shardings_of(*i.callees()[b]->parameter(0)), &i);
      operands.insert(operands.end(), more.begin(), more.end());
    }
    memory_.next_moment();
    read_all(operands);
    for (const Computation* branch : i.callees()) {
      call(*branch, {shardings}, 1 / static_cast<double>(i.callees().size()));
    }
    return results_of_call(i, shardings, {});
  }

  PlacedLeaves visit_call(const Instruction& i) {
    const Computation& callee = *i.callees()[0];
    std::vector<size_t> operands;
    for (size_t n = 0; n < i.operand_count(); ++n) {
      const auto more = brought(*i.operand(n), decision_.shardings_of(*callee.parameter(n)), &i);
      operands.insert(operands.end(), more.begin(), more.end());
    }
    memory_.next_moment();
    read_all(operands);
    const std::vector<Sharding> shardings = decision_.shardings_of(*callee.root());
    call(callee, {shardings}, 1);
    return results_of_call(i, shardings, {});
  }

  // ---- all other ops ----

  PlacedLeaves visit_op(const Instruction& i) {
    const OpContext op =
        choice_.context_of(i, [&](const Instruction& operand) { return leaves_of(operand)[0].sharding; });
    std::vector<Way> ways = ways_of(i);
    const OpPlan plan = choice_.plan_for(op, ways);
    std::vector<size_t> operands;
    for (size_t n = 0; n < i.operand_count(); ++n) bring_operand(op, plan, n, operands);
    time_.add(time_of(op, plan, target_for(i, decision_)), 1);
    memory_.next_moment();
    if (plan.ring) memory_.take({&i, 0, &i, bytes_going_around(op, plan, decision_.mesh)});
    for (const size_t value : operands) streams(i) ? stream(value) : read(value);
    PlacedLeaves leaves;
    for (size_t leaf = 0; leaf < op.results.size(); ++leaf) {
      const Sharding made = op.result_shapes[leaf].is_array() ? result_sharding(op, plan, leaf) : Sharding{};
      leaves.push_back({made, made_value(i, leaf, made, operands)});
    }
    for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
      if (leaves[leaf].sharding.partial != 0 && may_stay_partial(i, users_)) continue;
      leaves[leaf] = {op.results[leaf], resharded(i, leaf, leaves[leaf], op.results[leaf], &i)};
    }
    return leaves;
  }

  void bring_operand(const OpContext& op, const OpPlan& plan, size_t n, std::vector<size_t>& operands) {
    const Instruction& operand = *op.instruction.operand(n);
    std::vector<Sharding> wanted;
    if (operand.shape().is_array()) {
      wanted = {operand_sharding(op, plan, n)};
    } else {
      for (const Placed& leaf : leaves_of(operand)) wanted.push_back(Sharding::replicated(leaf.sharding.dims.size()));
    }
    for (const size_t value : brought(operand, wanted, &op.instruction)) operands.push_back(value);
  }

  size_t made_value(const Instruction& i, size_t leaf, const Sharding& sharding, const std::vector<size_t>& operands) {
    if (is_made_by_reader(i)) return add_fused(i, sharding, parts_of(operands));
    const LiveValue live{&i, leaf, &i, bytes_of_leaf(i, leaf, sharding)};
    const bool renames = i.op() == Op::reshape || i.op() == Op::bitcast;
    if (renames && values_[operands[0]].live.bytes == live.bytes) {
      read(operands[0]);
      return add_value({live, values_[operands[0]].blocks});
    }
    const auto first = operands.begin();
    const auto count = static_cast<std::ptrdiff_t>(std::min(overwritable_operands(i), operands.size()));
    return add_taken(live, parts_of({first, first + count}));
  }

  bool is_made_by_reader(const Instruction& i) const {
    if (i.op() == Op::broadcast) return true;
    const auto users = users_.users_of(i);
    return users.size() == 1 && streams(*users[0]) && has(row_of(i.op()).traits, Traits::pointwise);
  }

  // All blocks of some values, each once.
  std::vector<Block> parts_of(const std::vector<size_t>& values) {
    std::vector<Block> all;
    for (const size_t value : values) {
      std::vector<Block> parts = values_[value].blocks;
      if (parts.size() > all.size()) std::swap(parts, all);
      all.insert(all.end(), parts.begin(), parts.end());
    }
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }

  ProgramEstimate& program_;
  const Decision& decision_;
  const Computation& from_;
  const Form& form_;
  const UserTable users_;
  Choice choice_;
  EstimatedTime& time_;
  MemoryTimeline& memory_;
  std::vector<Value> values_;
  std::vector<PlacedLeaves> placed_;
};

}  // namespace

ProgramEstimate::ProgramEstimate(const Decision& decision, TripCount trip_count)
    : decision_(decision), trip_count_(std::move(trip_count)), accumulators_(decision) {
  run_of(*decision.module.entry(), {decision.results});
}

ProgramEstimate::~ProgramEstimate() = default;

const ProgramEstimate::Run& ProgramEstimate::run_of(const Computation& computation, const Form& form) {
  for (const Run* run : runs_[&computation]) {
    if (run->form.results == form.results && run->form.state == form.state) return *run;
  }
  auto run = std::make_unique<Run>(Run{form});
  Walk(*this, decision_, computation, *run).run();
  runs_[&computation].push_back(run.get());
  ended_.push_back(std::move(run));
  return *ended_.back();
}

Estimate ProgramEstimate::total() const {
  const Run& entry = *ended_.back();
  Estimate estimate{entry.time, entry.memory.peak(), entry.memory.at_peak()};
  std::stable_sort(estimate.at_peak.begin(), estimate.at_peak.end(),
                   [](const LiveValue& a, const LiveValue& b) { return a.bytes > b.bytes; });
  return estimate;
}

// From the entry on: what is held around a computation where most is.
std::vector<const Instruction*> ProgramEstimate::makers_beyond(double limit) const {
  std::map<const MemoryTimeline*, double> around = {{&ended_.back()->memory, 0}};
  std::unordered_set<const Instruction*> found;
  std::vector<const Instruction*> makers;
  for (auto run = ended_.rbegin(); run != ended_.rend(); ++run) {
    const MemoryTimeline& memory = (*run)->memory;
    const double outside = around[&memory];
    for (const LiveValue& value : memory.held_beyond(limit - outside)) {
      if (value.maker != nullptr && found.insert(value.maker).second) makers.push_back(value.maker);
    }
    for (const MemoryTimeline::Call& call : memory.calls()) {
      double& most = around[call.callee];
      most = std::max(most, outside + memory.held_around(call));
    }
  }
  return makers;
}

}  // namespace gshard
