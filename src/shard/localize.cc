#include "shard/localize.h"

#include <map>
#include <unordered_map>

#include "ops/reducer.h"
#include "ops/table.h"
#include "shard/emitter.h"
#include "shard/localize_attributes.h"
#include "shard/plan.h"
#include "shard/reshard.h"

namespace gshard {
namespace {

// The per-device values of one original value: its array and token leaves in order.
using Leaves = std::vector<Instruction*>;

Error refusal(const Instruction& instruction, const std::string& why) {
  return Error::program(std::string(keyword_of(instruction.op())) + ": %" + instruction.name() + " " + why)
      .at({instruction.parent()->parent()->file(), instruction.text_line(), instruction.text_column(), ""});
}

bool is_annotation(const Instruction& instruction) {
  if (instruction.op() != Op::custom_call) return false;
  const std::string& target = instruction.attrs<CustomCallAttrs>().custom_call_target;
  return target == "Sharding" || target.starts_with("xla.sdy.");
}

class ModuleLocalizer;

// One computation. Tuples do not exist inside: every value is its leaves, and tuples are made where a computation
// begins, ends, or hands state to another.
class ComputationLocalizer {
 public:
  ComputationLocalizer(ModuleLocalizer& module, const Computation& from, Computation& to);

  // The root's leaves are brought into the shardings in which `like` holds them.
  void run(const Instruction& like);

 private:
  Leaves visit(const Instruction& i);
  Leaves visit_parameter(const Instruction& i);
  Leaves visit_constant(const Instruction& i);
  Leaves visit_iota(const Instruction& i);
  Leaves visit_while(const Instruction& i);
  Leaves visit_conditional(const Instruction& i);
  Leaves visit_call(const Instruction& i);
  Leaves visit_op(const Instruction& i);

  const Leaves& leaves_of(const Instruction& i) const { return local_.at(&i); }
  Leaves gather_leaves(const Instruction& i);  // of all operands, one after the other
  // All leaves of `from`, in the shardings in which `like` holds them.
  Leaves leaves_as(const Instruction& from, const Instruction& like);
  Instruction* resharded(Instruction* value, const Shape& global, const Sharding& from, const Sharding& to);
  Instruction* pack(const Shape& shape, const Leaves& leaves, size_t& next);
  void unpack(Instruction* value, const Shape& shape, Leaves& leaves);
  Shape local_shape(const Shape& shape, const Instruction& owner, size_t& leaf) const;
  Instruction* masked(const OpContext& op, const OpPlan& plan, size_t operand, Instruction* value);
  OpContext context_of(const Instruction& i, const Rule& rule);
  const Sharding& sharding_of(const Instruction& i, size_t leaf = 0) const;

  ModuleLocalizer& module_;
  const Computation& from_;
  Emitter emitter_;
  std::unordered_map<const Instruction*, Leaves> local_;
  struct Resharded {
    Sharding to;
    Instruction* value;
  };
  std::unordered_map<const Instruction*, std::vector<Resharded>> resharded_;
};

class ModuleLocalizer {
 public:
  ModuleLocalizer(const Module& module, const ValueTable& values, const Mesh& mesh,
                  const std::vector<Sharding>& shardings)
      : from(module), values(values), mesh(mesh), shardings(shardings), to(std::make_unique<Module>(module.name())) {}

  std::unique_ptr<Module> run() {
    to->set_file(from.file());
    to->mutable_source_tables() = from.source_tables();
    to->set_entry(localized(*from.entry(), *from.entry()->root()));
    to->mutable_header().num_partitions = mesh.device_count();
    to->mutable_header().replica_count = from.header().replica_count;
    to->sort_and_prune_computations();
    return std::move(to);
  }

  // The per-device form of a computation over values that lie on the mesh, with its result as `like` lies.
  Computation* localized(const Computation& computation, const Instruction& like) {
    const std::pair key(&computation, &like);
    if (const auto found = localized_.find(key); found != localized_.end()) return found->second;
    Computation* target = to->add_computation(computation.name());
    ComputationLocalizer(*this, computation, *target).run(like);
    return localized_[key] = target;
  }

  // A copy of a computation over scalars (a reducer, a comparator).
  Computation* copied(const Computation& computation) {
    if (const auto found = copied_.find(&computation); found != copied_.end()) return found->second;
    Computation* target = to->add_computation(computation.name());
    std::vector<Instruction*> parameters;
    for (const Instruction* parameter : computation.parameters()) {
      parameters.push_back(
          target->add(Op::parameter, parameter->shape(), {}, parameter->attributes(), parameter->name()));
    }
    Instruction* root = clone_body(computation, parameters, *target);
    for (const auto& instruction : target->instructions()) {
      for (Computation*& callee : instruction->mutable_callees()) {
        if (callee->parent() == &from) callee = copied(*callee);
      }
    }
    target->set_root(root);
    copied_[&computation] = target;
    return target;
  }

  const Module& from;
  const ValueTable& values;
  const Mesh& mesh;
  const std::vector<Sharding>& shardings;
  std::unique_ptr<Module> to;
  int64_t next_channel = 1;

 private:
  std::map<std::pair<const Computation*, const Instruction*>, Computation*> localized_;
  std::unordered_map<const Computation*, Computation*> copied_;
};

ComputationLocalizer::ComputationLocalizer(ModuleLocalizer& module, const Computation& from, Computation& to)
    : module_(module), from_(from), emitter_(to, module.mesh, module.next_channel) {}

const Sharding& ComputationLocalizer::sharding_of(const Instruction& i, size_t leaf) const {
  return module_.shardings[static_cast<size_t>(module_.values.class_of(i, leaf))];
}

void ComputationLocalizer::run(const Instruction& like) {
  for (const auto& instruction : from_.instructions()) {
    const size_t before = emitter_.computation().size();
    Leaves leaves = visit(*instruction);
    // What was emitted for an instruction comes from the same place of the user's model.
    for (size_t n = before; n < emitter_.computation().size(); ++n) {
      Instruction& emitted = *emitter_.computation().at(n);
      emitted.mutable_notes().metadata = instruction->notes().metadata;
      emitted.set_text_position(instruction->text_line(), instruction->text_column());
    }
    local_.emplace(instruction.get(), std::move(leaves));
  }
  size_t next = 0;
  emitter_.computation().set_root(pack(from_.root()->shape(), leaves_as(*from_.root(), like), next));
}

Leaves ComputationLocalizer::visit(const Instruction& i) {
  switch (i.op()) {
    case Op::parameter:
      return visit_parameter(i);
    case Op::constant:
      return visit_constant(i);
    case Op::iota:
      return visit_iota(i);
    case Op::tuple:
      return gather_leaves(i);
    case Op::get_tuple_element: {
      const auto& all = leaves_of(*i.operand(0));
      const LeafRange range =
          leaves_of_element(i.operand(0)->shape(), static_cast<size_t>(i.attrs<TupleIndexAttrs>().index));
      return Leaves(all.begin() + static_cast<std::ptrdiff_t>(range.first),
                    all.begin() + static_cast<std::ptrdiff_t>(range.first + range.count));
    }
    case Op::opt_barrier:
    case Op::domain:
      return leaves_of(*i.operand(0));
    case Op::while_:
      return visit_while(i);
    case Op::conditional:
      return visit_conditional(i);
    case Op::call:
      return visit_call(i);
    case Op::fusion:
    case Op::async_start:
    case Op::async_update:
    case Op::async_done:
      throw refusal(i, "must be inlined before partitioning");
    default:
      break;
  }
  if (is_annotation(i))
    return {resharded(leaves_of(*i.operand(0))[0], i.shape(), sharding_of(*i.operand(0)), sharding_of(i))};
  if (has(row_of(i.op()).traits, Traits::collective)) {
    throw refusal(i, "is a collective of the input, which can only stand in a manual region");
  }
  if (has_side_effect(i)) throw refusal(i, "has a side effect, which the partitioner does not support");
  return visit_op(i);
}

Leaves ComputationLocalizer::gather_leaves(const Instruction& i) {
  Leaves all;
  for (const Instruction* operand : i.operands()) {
    const Leaves& leaves = leaves_of(*operand);
    all.insert(all.end(), leaves.begin(), leaves.end());
  }
  return all;
}

Leaves ComputationLocalizer::leaves_as(const Instruction& from, const Instruction& like) {
  Leaves leaves = leaves_of(from);
  for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    const ValueClass target = module_.values.class_of(like, leaf);
    leaves[leaf] =
        resharded(leaves[leaf], module_.values.shape_of(target), sharding_of(from, leaf), sharding_of(like, leaf));
  }
  return leaves;
}

Instruction* ComputationLocalizer::resharded(Instruction* value, const Shape& global, const Sharding& from,
                                             const Sharding& to) {
  if (from == to) return value;
  std::vector<Resharded>& known = resharded_[value];
  for (const Resharded& other : known) {
    if (other.to == to) return other.value;
  }
  Instruction* result = emit(reshard_steps(global.dims(), from, to, module_.mesh), value, emitter_);
  resharded_[value].push_back({to, result});
  return result;
}

Shape ComputationLocalizer::local_shape(const Shape& shape, const Instruction& owner, size_t& leaf) const {
  if (shape.is_tuple()) {
    std::vector<Shape> elements;
    for (const Shape& element : shape.elements()) elements.push_back(local_shape(element, owner, leaf));
    return Shape::tuple(std::move(elements));
  }
  if (!shape.is_array()) return shape;
  return Shape(shape.type(), shard_sizes(shape.dims(), sharding_of(owner, leaf++), module_.mesh));
}

Instruction* ComputationLocalizer::pack(const Shape& shape, const Leaves& leaves, size_t& next) {
  if (!shape.is_tuple()) return leaves[next++];
  std::vector<Instruction*> elements;
  std::vector<Shape> shapes;
  for (const Shape& element : shape.elements()) {
    elements.push_back(pack(element, leaves, next));
    shapes.push_back(elements.back()->shape());
  }
  return emitter_.computation().add(Op::tuple, Shape::tuple(std::move(shapes)), elements);
}

void ComputationLocalizer::unpack(Instruction* value, const Shape& shape, Leaves& leaves) {
  if (!shape.is_tuple()) {
    leaves.push_back(value);
    return;
  }
  for (size_t e = 0; e < shape.tuple_size(); ++e) {
    const Shape& element = value->shape().element(e);
    unpack(emitter_.add(Op::get_tuple_element, element, {value}, TupleIndexAttrs{static_cast<int64_t>(e)}), element,
           leaves);
  }
}

Leaves ComputationLocalizer::visit_parameter(const Instruction& i) {
  size_t leaf = 0;
  Instruction* parameter =
      emitter_.computation().add(Op::parameter, local_shape(i.shape(), i, leaf), {}, i.attributes(), i.name());
  Leaves leaves;
  unpack(parameter, parameter->shape(), leaves);
  return leaves;
}

Leaves ComputationLocalizer::visit_constant(const Instruction& i) {
  Instruction* whole = emitter_.computation().add(Op::constant, i.shape(), {}, i.attributes(), i.name());
  Leaves leaves;
  unpack(whole, whole->shape(), leaves);
  size_t leaf = 0;
  for (Instruction*& value : leaves) {
    if (!value->shape().is_array()) continue;
    const Sharding& sharding = sharding_of(i, leaf++);
    value = resharded(value, value->shape(), Sharding::replicated(value->shape().rank()), sharding);
  }
  return leaves;
}

Leaves ComputationLocalizer::visit_iota(const Instruction& i) {
  size_t leaf = 0;
  const Shape local = local_shape(i.shape(), i, leaf);
  const auto dim = static_cast<size_t>(i.attrs<IotaAttrs>().iota_dimension);
  Instruction* value = emitter_.add(Op::iota, local, {}, i.attributes());
  const Digits& digits = sharding_of(i).dims[dim];
  if (digits.empty()) return {value};
  Instruction* start = emitter_.add(Op::multiply, Shape(DType::s32),
                                    {emitter_.index_along(digits), emitter_.scalar_s32(local.dim(dim))});
  if (local.type() != DType::s32) start = emitter_.add(Op::convert, Shape(local.type()), {start});
  return {emitter_.add(Op::add, local, {value, emitter_.broadcast_scalar(start, local)})};
}

Leaves ComputationLocalizer::visit_while(const Instruction& i) {
  size_t next = 0;
  Instruction* state = pack(i.shape(), leaves_as(*i.operand(0), i), next);
  Computation* condition = module_.localized(*i.callees()[0], *i.callees()[0]->root());
  Computation* body = module_.localized(*i.callees()[1], i);
  Instruction* loop = emitter_.add(Op::while_, state->shape(), {state});
  loop->mutable_callees() = {condition, body};
  Leaves leaves;
  unpack(loop, loop->shape(), leaves);
  return leaves;
}

Leaves ComputationLocalizer::visit_conditional(const Instruction& i) {
  const Instruction& predicate = *i.operand(0);
  std::vector<Instruction*> operands = {
      resharded(leaves_of(predicate)[0], predicate.shape(), sharding_of(predicate), Sharding::replicated(0))};
  Instruction::Callees branches;
  for (size_t b = 0; b < i.callees().size(); ++b) {
    size_t next = 0;
    const Instruction& parameter = *i.callees()[b]->parameter(0);
    operands.push_back(pack(parameter.shape(), leaves_as(*i.operand(b + 1), parameter), next));
    branches.push_back(module_.localized(*i.callees()[b], i));
  }
  size_t leaf = 0;
  Instruction* choice = emitter_.computation().add(Op::conditional, local_shape(i.shape(), i, leaf), operands);
  choice->mutable_callees() = branches;
  Leaves leaves;
  unpack(choice, choice->shape(), leaves);
  return leaves;
}

Leaves ComputationLocalizer::visit_call(const Instruction& i) {
  const Computation& callee = *i.callees()[0];
  std::vector<Instruction*> operands;
  for (size_t n = 0; n < i.operand_count(); ++n) {
    size_t next = 0;
    operands.push_back(pack(i.operand(n)->shape(), leaves_as(*i.operand(n), *callee.parameter(n)), next));
  }
  Computation* local = module_.localized(callee, *callee.root());
  Instruction* call = emitter_.computation().add(Op::call, local->root()->shape(), operands, i.attributes(), i.name());
  call->mutable_callees() = {local};
  Leaves leaves;
  unpack(call, call->shape(), leaves);
  for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    const Shape& global = module_.values.shape_of(module_.values.class_of(i, leaf));
    leaves[leaf] = resharded(leaves[leaf], global, sharding_of(*callee.root(), leaf), sharding_of(i, leaf));
  }
  return leaves;
}

OpContext ComputationLocalizer::context_of(const Instruction& i, const Rule& rule) {
  OpContext op{rule, {}, {}, {}, {}};
  for (const Instruction* operand : i.operands()) {
    op.operand_shapes.push_back(operand->shape());
    op.operands.push_back(operand->shape().is_array() ? sharding_of(*operand) : Sharding{});
  }
  for (size_t leaf = 0; leaf < module_.values.leaf_count(i); ++leaf) {
    op.result_shapes.push_back(module_.values.shape_of(module_.values.class_of(i, leaf)));
    op.results.push_back(sharding_of(i, leaf));
  }
  return op;
}

// An operand whose padding the op would read is given the neutral element there.
Instruction* ComputationLocalizer::masked(const OpContext& op, const OpPlan& plan, size_t operand, Instruction* value) {
  const TensorFactors& dims = op.rule.operands[operand];
  for (size_t d = 0; d < dims.size(); ++d) {
    const Factor& factor = op.rule.factors[static_cast<size_t>(dims[d][0])];
    const Digits& digits = plan.cut[static_cast<size_t>(dims[d][0])];
    if (factor.kind != FactorKind::reduce || digits.empty() || factor.size % module_.mesh.size_of(digits) == 0)
      continue;
    const DType type = value->shape().type();
    const bool is_index = op.rule.index_operand == static_cast<int>(operand);
    Instruction* fill = is_index ? emitter_.out_of_range(type) : emitter_.neutral(factor.reducer, type);
    value = emitter_.mask(value, d, digits, factor.size, fill);
  }
  return value;
}

Leaves ComputationLocalizer::visit_op(const Instruction& i) {
  const Rule rule = rule_of(i);
  const OpContext op = context_of(i, rule);
  const OpPlan plan = choose_plan(op, module_.mesh);
  std::vector<Instruction*> operands;
  for (size_t n = 0; n < i.operand_count(); ++n) {
    const Instruction& operand = *i.operand(n);
    if (operand.shape().is_tuple())
      throw refusal(i, "reads a tuple, which the partitioner does not support for this op");
    Instruction* value = leaves_of(operand)[0];
    if (operand.shape().is_array()) {
      value = resharded(value, operand.shape(), sharding_of(operand), operand_sharding(op, plan, n));
      value = masked(op, plan, n, value);
    }
    operands.push_back(value);
  }
  std::vector<Shape> local;
  for (size_t leaf = 0; leaf < op.result_shapes.size(); ++leaf) {
    Sharding made = result_sharding(op, plan, leaf);
    local.emplace_back(op.result_shapes[leaf].type(), shard_sizes(op.result_shapes[leaf].dims(), made, module_.mesh));
  }
  const Shape shape = i.shape().is_tuple() ? Shape::tuple(local) : local[0];
  Instruction* result = emitter_.computation().add(
      i.op(), shape, operands, localized_attributes(i, plan, rule, local[0], module_.mesh), i.name());
  for (const Computation* callee : i.callees()) result->mutable_callees().push_back(module_.copied(*callee));
  Leaves leaves;
  unpack(result, shape, leaves);
  for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    leaves[leaf] = resharded(leaves[leaf], op.result_shapes[leaf], result_sharding(op, plan, leaf), op.results[leaf]);
  }
  return leaves;
}

}  // namespace

std::unique_ptr<Module> localize(const Module& module, const ValueTable& values, const Mesh& mesh,
                                 const std::vector<Sharding>& shardings) {
  return ModuleLocalizer(module, values, mesh, shardings).run();
}

}  // namespace gshard
