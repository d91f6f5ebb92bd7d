#include "shard/annotate.h"

#include <algorithm>
#include <map>

#include "base/split.h"
#include "shard/annotation_calls.h"
#include "shard/canonical_order.h"
#include "shard/manual.h"
#include "shard/refusal.h"
#include "shard/spec_reader.h"

namespace gshard {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p, ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

class Annotator {
 public:
  Annotator(const Module& module, const ValueTable& values, const PartitionOptions& options)
      : module_(module),
        values_(values),
        options_(options),
        choice_(module, options),
        reader_(choice_),
        result_{choice_.mesh(), ShardingTable(values), {}, {}, {}, {}, {}} {}

  Annotated run() && {
    fixed_.resize(values_.class_count());
    fixed_by_.resize(values_.class_count());
    result_.results.resize(values_.leaf_count(*module_.entry()->root()));
    add_outside();
    for (const auto& computation : module_.computations()) {
      for (const auto& instruction : computation->instructions()) add_located(*instruction);
    }
    suggest_edges();
    for (auto& [id, members] : groups_) result_.groups.push_back(std::move(members));
    close_boundary();
    return std::move(result_);
  }

 private:
  void add_located(const Instruction& instruction) {
    try {
      add(instruction);
    } catch (const Error& error) {
      if (error.position()) throw;
      throw located(error, instruction);
    }
  }

  void add(const Instruction& instruction) {
    if (is_to_manual_call(instruction)) return add_to_manual(instruction);
    if (is_to_automatic_call(instruction)) return add_to_automatic(instruction);
    const size_t leaves = values_.leaf_count(instruction);
    for (size_t leaf = 0; leaf < leaves; ++leaf) {
      add_to_group(instruction, leaf);
      const auto spec = spec_of(instruction, leaf);
      if (!spec || is_outdone(instruction, leaf)) continue;
      fix_as_annotated(instruction, leaf, *spec);
      note_placement(instruction, leaf, spec->placement);
      const bool is_closed = std::find(spec->open.begin(), spec->open.end(), true) == spec->open.end();
      if (&instruction == module_.entry()->root() && is_closed) result_.results[leaf] = spec->sharding;
    }
  }

  std::optional<Spec> spec_of(const Instruction& instruction, size_t leaf) const {
    const Shape& shape = values_.shape_of(values_.class_of(instruction, leaf));
    if (!shape.is_array()) return std::nullopt;
    return reader_.read(instruction, leaf, values_.leaf_count(instruction), shape.rank());
  }

  // Of contradicting annotations in the module of one class of values the entry's parameter's holds, that of a tuple
  // only where its elements have none, else one that does not depend on the order of the text. Annotations from outside
  // came before.
  void fix_as_annotated(const Instruction& instruction, size_t leaf, const Spec& spec) {
    const auto value = static_cast<size_t>(values_.class_of(instruction, leaf));
    if (fixed_by_[value] != nullptr && comes_before(instruction, *fixed_by_[value])) fixed_[value] = false;
    if (fixed_[value]) return;
    fix(instruction, leaf, spec);
    fixed_by_[value] = &instruction;
  }

  // A tiling names no axes of size 1, by which the resized mesh may cut: of one value Shardy's sharding holds, and it
  // stands at an operand of the tuple that the tiling is for.
  bool is_outdone(const Instruction& instruction, size_t leaf) const {
    const Instruction* other = fixed_by_[static_cast<size_t>(values_.class_of(instruction, leaf))];
    const auto names_axes = [](const Instruction& i) { return frontend_attribute(i, "xla.sdy.sharding").has_value(); };
    return choice_.is_resized() && choice_.is_shardy() && other != nullptr && names_axes(*other) &&
           !names_axes(instruction);
  }

  // What came first holds.
  void fix(const Instruction& instruction, size_t leaf, const Spec& spec) {
    const ValueClass value = values_.class_of(instruction, leaf);
    if (fixed_[static_cast<size_t>(value)]) return;
    fixed_[static_cast<size_t>(value)] = true;
    PartialSharding sharding{spec.sharding, spec.open, spec.replicated};
    // What is annotated as partial stays so only where the op makes it so: it is a wish, not a fact.
    sharding.sharding.partial = 0;
    sharding.sharding.reducer = Reducer::none;
    result_.shardings.set(value, sharding);
  }

  bool comes_before(const Instruction& a, const Instruction& b) {
    const auto is_given = [&](const Instruction& i) {
      return i.op() == Op::parameter && i.parent() == module_.entry();
    };
    if (is_given(a) != is_given(b)) return is_given(a);
    if ((a.op() == Op::tuple) != (b.op() == Op::tuple)) return b.op() == Op::tuple;
    if (numbers_.empty()) numbers_ = canonical_numbers(module_, values_);
    return numbers_[values_.position_of(a)] < numbers_[values_.position_of(b)];
  }

  void note_placement(const Instruction& instruction, size_t leaf, const Placement& placement) {
    if (placement.is_of_mesh() || instruction.parent() != module_.entry()) return;
    if (instruction.op() == Op::parameter) result_.parameter_placements[{&instruction, leaf}] = placement;
    if (&instruction == module_.entry()->root()) result_.result_placements[leaf] = placement;
  }

  void add_to_group(const Instruction& instruction, size_t leaf) {
    const HloSharding* sharding = instruction.notes().sharding.get();
    if (sharding == nullptr || sharding->group == HloSharding::Group::none) return;
    groups_[sharding->group_id].push_back(values_.class_of(instruction, leaf));
  }

  // SPMDFullToShardShape: the operand's annotation says how it lies outside, its own which digits are manual.
  // xla.sdy.GlobalToLocalShape says both for each operand.
  void add_to_manual(const Instruction& call) {
    if (choice_.is_resized()) {
      throw Error::program("a manual region is written for the mesh " + choice_.original().to_string() +
                           ", which therefore cannot be resized");
    }
    std::vector<Sharding>& outside = result_.manual_edges[&call];
    if (const auto text = frontend_attribute(call, "xla.sdy.in_shardings")) {
      const DigitSet manual = manual_axes(call);
      const std::vector<ShardySharding> shardings = read_shardy_shardings(*text);
      check_count(call, shardings.size());
      for (size_t leaf = 0; leaf < values_.leaf_count(call); ++leaf) {
        Spec spec = reader_.of_shardy(shardings[leaf], call.operand(leaf)->shape().rank());
        outside.push_back(spec.sharding);
        spec.sharding = inside_manual(spec.sharding, manual);
        fix_as_annotated(call, leaf, spec);
      }
      return;
    }
    const Instruction& operand = *call.operand(0);
    const auto inside = spec_of(call, 0);
    const auto around = spec_of(operand, 0);
    if (!inside) throw Error::program("its sharding says not which devices are manual");
    outside.push_back(around ? around->sharding : Sharding::replicated(operand.shape().rank()));
    fix_as_annotated(call, 0, *inside);
  }

  void add_to_automatic(const Instruction& call) {
    std::vector<Sharding>& outside = result_.manual_edges[&call];
    if (const auto text = frontend_attribute(call, "xla.sdy.out_shardings")) {
      const std::vector<ShardySharding> shardings = read_shardy_shardings(*text);
      check_count(call, shardings.size());
      for (size_t leaf = 0; leaf < values_.leaf_count(call); ++leaf) {
        const Spec spec = reader_.of_shardy(shardings[leaf], values_.shape_of(values_.class_of(call, leaf)).rank());
        outside.push_back(spec.sharding);
        fix_as_annotated(call, leaf, spec);
      }
      return;
    }
    const auto spec = spec_of(call, 0);
    if (!spec) throw Error::program("it has no sharding");
    outside.push_back(spec->sharding);
    fix_as_annotated(call, 0, *spec);
  }

  // What enters a manual region had best lie as it is wanted there.
  void suggest_edges() {
    for (const auto& [call, outside] : result_.manual_edges) {
      if (!is_to_manual_call(*call)) continue;
      for (size_t leaf = 0; leaf < outside.size(); ++leaf) {
        const ValueClass value = values_.class_of(*call->operand(leaf));
        if (fixed_[static_cast<size_t>(value)]) continue;
        Sharding suggested = result_.shardings[value];
        suggested.dims = outside[leaf].dims;
        result_.shardings.set(value, suggested);
      }
    }
  }

  DigitSet manual_axes(const Instruction& call) const {
    const auto text = frontend_attribute(call, "xla.sdy.manual_axes");
    if (!text) throw Error::program("it has no xla.sdy.manual_axes");
    return reader_.manual_digits(read_manual_axes(*text));
  }

  void check_count(const Instruction& call, size_t shardings) const {
    const size_t leaves = values_.leaf_count(call);
    if (shardings == leaves && leaves == call.operand_count()) return;
    throw Error::program("it has " + std::to_string(shardings) + " shardings for " +
                         std::to_string(call.operand_count()) + " operands and " + std::to_string(leaves) + " results");
  }

  void add_outside() {
    for (const OutsideAnnotation& annotation : options_.annotations) {
      bool found = false;
      for (const auto& computation : module_.computations()) {
        for (const auto& instruction : computation->instructions()) {
          if (!instruction->shape().is_array() || !is_meant(annotation, *instruction)) continue;
          found = true;
          const Spec spec = reader_.of_outside(annotation, instruction->shape().rank());
          fix(*instruction, 0, spec);
          if (instruction.get() == module_.entry()->root()) outside_root_ = spec.sharding;
        }
      }
      if (!found) throw Error::usage("--annotate '" + annotation.pattern + "': no array of that name in the module");
    }
  }

  static bool is_meant(const OutsideAnnotation& annotation, const Instruction& instruction) {
    if (matches(annotation.pattern, instruction.name())) return true;
    const auto& metadata = instruction.notes().metadata;
    return metadata != nullptr && !metadata->op_name.empty() && matches(annotation.pattern, metadata->op_name);
  }

  // Flags of the header: false keeps a parameter or result as it is annotated, or whole.
  void close_boundary() {
    if (outside_root_) result_.results[0] = *outside_root_;
    const ModuleHeader& header = module_.header();
    const auto& parameters = module_.entry()->parameters();
    size_t number = 0;
    for (const Instruction* parameter : parameters) {
      for (size_t leaf = 0; leaf < values_.leaf_count(*parameter); ++leaf, ++number) {
        const size_t flag =
            parameters.size() == 1 ? leaf : static_cast<size_t>(parameter->attrs<ParameterAttrs>().number);
        if (!is_forbidden(header.allow_spmd_sharding_propagation_to_parameters, flag)) continue;
        fix(*parameter, leaf, whole(*parameter, leaf));
      }
    }
    const Instruction& root = *module_.entry()->root();
    for (size_t leaf = 0; leaf < result_.results.size(); ++leaf) {
      if (result_.results[leaf] || !is_forbidden(header.allow_spmd_sharding_propagation_to_output, leaf)) continue;
      const ValueClass value = values_.class_of(root, leaf);
      result_.results[leaf] =
          fixed_[static_cast<size_t>(value)] ? result_.shardings[value] : whole(root, leaf).sharding;
    }
  }

  static bool is_forbidden(const std::vector<bool>& allowed, size_t index) {
    if (allowed.empty()) return false;
    return !(allowed.size() == 1 ? allowed[0] : index < allowed.size() && allowed[index]);
  }

  Spec whole(const Instruction& instruction, size_t leaf) const {
    const size_t rank = values_.shape_of(values_.class_of(instruction, leaf)).rank();
    return {Sharding::replicated(rank), std::vector<bool>(rank, false)};
  }

  const Module& module_;
  const ValueTable& values_;
  const PartitionOptions& options_;
  const MeshChoice choice_;
  const SpecReader reader_;
  Annotated result_;
  std::vector<bool> fixed_;
  std::vector<const Instruction*> fixed_by_;
  std::vector<uint64_t> numbers_;  // of all instructions, once they are needed
  std::map<int64_t, std::vector<ValueClass>> groups_;
  std::optional<Sharding> outside_root_;
};

}  // namespace

OutsideAnnotation parse_annotation(const std::string& text) {
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error::usage("--annotate '" + text + "': expected PATTERN=axis,_,axis");
  }
  const std::string dims = text.substr(equals + 1);
  return {text.substr(0, equals), split(dims, ',')};
}

std::vector<MeshAxis> parse_mesh(const std::string& text) {
  std::vector<MeshAxis> axes;
  for (const std::string& part : split(text, ',')) {
    const size_t equals = part.find('=');
    const std::string size = equals == std::string::npos ? "" : part.substr(equals + 1);
    const bool is_number =
        !size.empty() && size.size() < 10 && size.find_first_not_of("0123456789") == std::string::npos;
    if (equals == 0 || !is_number || std::stoll(size) < 1) {
      throw Error::usage("--mesh '" + text + "': expected axis=size,axis=size with sizes from 1");
    }
    axes.push_back({part.substr(0, equals), std::stoll(size)});
  }
  return axes;
}

Annotated annotate(const Module& module, const ValueTable& values, const PartitionOptions& options) {
  return Annotator(module, values, options).run();
}

}  // namespace gshard
