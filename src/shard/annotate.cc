#include "shard/annotate.h"

#include <algorithm>
#include <map>

#include "shard/annotation_calls.h"
#include "shard/canonical_order.h"
#include "shard/manual.h"
#include "shard/shardy.h"

namespace gshard {
namespace {

Error located(const Error& error, const Instruction& instruction) {
  return Error(error.kind(), "%" + instruction.name() + ": " + error.what())
      .at({instruction.parent()->parent()->file(), instruction.text_line(), instruction.text_column(), ""});
}

// What one annotation says of one array.
struct Spec {
  Sharding sharding;
  std::vector<bool> open;
  Placement placement = {};  // where a tiling numbers the devices otherwise than the mesh
};

// ---- the mesh -----------------------------------------------------------------------------------------------------

std::vector<const HloSharding*> tilings_of(const Module& module) {
  std::vector<const HloSharding*> all;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (instruction->notes().sharding != nullptr) all.push_back(instruction->notes().sharding.get());
    }
  }
  return all;
}

int64_t device_count_of(const HloSharding& sharding) {
  int64_t count = 1;
  if (sharding.kind == HloSharding::Kind::tiled) {
    for (const int64_t dim : sharding.tiles.dims) count = saturating_multiply(count, dim);
  }
  if (sharding.kind == HloSharding::Kind::maximal) count = sharding.device + 1;
  for (const HloSharding& element : sharding.elements) count = std::max(count, device_count_of(element));
  return count;
}

std::string joined_names(const std::vector<MeshAxis>& axes) {
  std::string names;
  for (const MeshAxis& axis : axes) names += (names.empty() ? "" : ", ") + axis.name;
  return names;
}

// The mesh as the module has it and as the options want it.
class MeshChoice {
 public:
  MeshChoice(const Module& module, const PartitionOptions& options) {
    if (const auto text = frontend_attribute(module.header().frontend_attributes, "xla.sdy.meshes")) {
      choose_shardy(*text);
    } else {
      choose_found(module);
    }
    resize(options);
  }

  bool is_shardy() const { return !shardy_.empty(); }
  bool is_resized() const { return resized_; }
  const Mesh& original() const { return original_; }
  const Mesh& mesh() const { return mesh_; }
  const std::string& shardy_name() const { return shardy_; }

 private:
  void choose_shardy(const std::string& text) {
    const std::vector<ShardyMesh> meshes = read_shardy_meshes(text);
    for (const ShardyMesh& mesh : meshes) {
      if (mesh.axes.empty()) continue;
      if (!shardy_.empty()) {
        throw Error::program("the module has two meshes, @" + shardy_ + " and @" + mesh.name +
                             "; partitioning needs one");
      }
      shardy_ = mesh.name;
      original_ = Mesh(mesh.axes, mesh.device_ids);
    }
  }

  void choose_found(const Module& module) {
    const std::vector<const HloSharding*> tilings = tilings_of(module);
    int64_t devices = module.header().num_partitions;
    for (const HloSharding* tiling : tilings) devices = std::max(devices, device_count_of(*tiling));
    original_ = find_mesh(tilings, devices);
  }

  void resize(const PartitionOptions& options) {
    mesh_ = original_;
    std::vector<MeshAxis> axes = original_.axes();
    const bool is_new = original_.device_count() == 1 && !is_shardy();
    if (is_new && !options.mesh.empty()) {
      axes = options.mesh;
    } else {
      for (const MeshAxis& wanted : options.mesh) axis_named(axes, wanted.name).size = wanted.size;
    }
    if (options.devices) set_devices(axes, *options.devices);
    if (axes == original_.axes()) return;
    resized_ = !is_new;
    mesh_ = Mesh(std::move(axes));
  }

  static MeshAxis& axis_named(std::vector<MeshAxis>& axes, const std::string& name) {
    for (MeshAxis& axis : axes) {
      if (axis.name == name) return axis;
    }
    throw Error::usage("--mesh: the module's mesh has no axis '" + name + "'; it has " + joined_names(axes));
  }

  static void set_devices(std::vector<MeshAxis>& axes, int64_t devices) {
    if (axes.empty()) axes.push_back({"x", 1});
    int64_t count = 1;
    std::vector<MeshAxis*> cut;
    for (MeshAxis& axis : axes) {
      count *= axis.size;
      if (axis.size > 1) cut.push_back(&axis);
    }
    if (count == devices) return;
    if (axes.size() == 1) cut = {&axes[0]};
    if (cut.size() != 1) {
      throw Error::usage("--devices " + std::to_string(devices) + ": the module's mesh " + Mesh(axes).to_string() +
                         " has " + (cut.empty() ? "no axis" : "several axes") +
                         " that could be resized; say which with --mesh");
    }
    cut[0]->size = devices;
  }

  std::string shardy_;
  Mesh original_;
  Mesh mesh_;
  bool resized_ = false;
};

// ---- one annotation -----------------------------------------------------------------------------------------------

class SpecReader {
 public:
  explicit SpecReader(const MeshChoice& choice) : choice_(choice) {}

  // What an instruction's annotation says of one of its leaves; nullopt where it says nothing.
  std::optional<Spec> read(const Instruction& instruction, size_t leaf, size_t leaf_count, size_t rank) const {
    const auto text = frontend_attribute(instruction, "xla.sdy.sharding");
    const HloSharding* tiling = element_of(instruction, leaf, leaf_count);
    if (!text || !choice_.is_shardy()) return tiling == nullptr ? std::nullopt : of_tiling(*tiling, instruction, rank);
    const std::vector<ShardySharding> all = read_shardy_shardings(*text);
    if (all.size() != leaf_count && all.size() != 1) {
      throw Error::program("its xla.sdy.sharding is for " + std::to_string(all.size()) + " values, it has " +
                           std::to_string(leaf_count));
    }
    Spec spec = of_shardy(all.size() == 1 ? all[0] : all[leaf], rank);
    if (tiling != nullptr && !choice_.is_resized()) check_agreement(spec, *tiling, rank);
    return spec;
  }

  Spec of_shardy(const ShardySharding& shardy, size_t rank) const {
    if (shardy.dims.size() != rank) {
      throw Error::program("its Shardy sharding has " + std::to_string(shardy.dims.size()) +
                           " dimensions, the value has " + std::to_string(rank));
    }
    Spec spec{Sharding::replicated(rank), std::vector<bool>(rank, false)};
    for (size_t d = 0; d < rank; ++d) {
      spec.open[d] = shardy.dims[d].open;
      for (const ShardyAxis& axis : shardy.dims[d].axes) {
        const Digits digits = digits_of(axis);
        spec.sharding.dims[d].append({digits.data(), digits.size()});
      }
    }
    for (const ShardyAxis& axis : shardy.unreduced) spec.sharding.partial |= set_of(digits_of(axis));
    if (spec.sharding.partial != 0) spec.sharding.reducer = Reducer::add;
    check_once(spec.sharding);
    return spec;
  }

  // What does not fit the mesh is wrong usage here.
  Spec of_outside(const OutsideAnnotation& annotation, size_t rank) const {
    try {
      return read_outside(annotation, rank);
    } catch (const Error& error) {
      throw Error::usage("--annotate '" + annotation.pattern + "': " + error.what());
    }
  }

  DigitSet manual_digits(const std::vector<std::string>& axes) const {
    DigitSet all = 0;
    for (const std::string& name : axes) all |= set_of(digits_of({name, 1, std::nullopt}));
    return all;
  }

 private:
  Spec read_outside(const OutsideAnnotation& annotation, size_t rank) const {
    if (annotation.dims.size() != rank) {
      throw Error::usage("it has " + std::to_string(annotation.dims.size()) + " dimensions, the value has " +
                         std::to_string(rank));
    }
    Spec spec{Sharding::replicated(rank), std::vector<bool>(rank, false)};
    for (size_t d = 0; d < rank; ++d) {
      const std::string& text = annotation.dims[d];
      spec.open[d] = text == "?";
      if (text == "_" || text == "?") continue;
      for (size_t at = 0; at <= text.size();) {
        const size_t end = std::min(text.find('+', at), text.size());
        const Digits digits = digits_of({text.substr(at, end - at), 1, std::nullopt});
        spec.sharding.dims[d].append({digits.data(), digits.size()});
        at = end + 1;
      }
    }
    check_once(spec.sharding);
    return spec;
  }

  static const HloSharding* element_of(const Instruction& instruction, size_t leaf, size_t leaf_count) {
    const HloSharding* sharding = instruction.notes().sharding.get();
    if (sharding == nullptr || sharding->kind != HloSharding::Kind::tuple) return sharding;
    return sharding->elements.size() == leaf_count ? &sharding->elements[leaf] : nullptr;
  }

  std::optional<Spec> of_tiling(const HloSharding& tiling, const Instruction& instruction, size_t rank) const {
    if (tiling.kind == HloSharding::Kind::unknown) return std::nullopt;
    Placement placement = place(tiling, choice_.original(), rank);
    Spec spec{rescaled(placement.sharding), std::vector<bool>(rank, false)};
    if (!choice_.is_resized()) spec.placement = std::move(placement);
    for (const int64_t d : unspecified_dims(instruction)) {
      if (d < static_cast<int64_t>(rank)) spec.open[static_cast<size_t>(d)] = true;
    }
    return spec;
  }

  // backend_config="unspecified_dims=[0,2]".
  static std::vector<int64_t> unspecified_dims(const Instruction& instruction) {
    const auto& config = instruction.notes().backend_config;
    constexpr std::string_view kStart = "unspecified_dims=[";
    const size_t start = config == nullptr ? std::string::npos : config->find(kStart);
    std::vector<int64_t> dims;
    if (start == std::string::npos) return dims;
    for (size_t at = start + kStart.size(); at < config->size() && std::isdigit((*config)[at]) != 0; ++at) {
      int64_t dim = 0;
      while (at < config->size() && std::isdigit((*config)[at]) != 0) dim = (dim * 10 + ((*config)[at++] - '0')) % 1000;
      dims.push_back(dim);
    }
    return dims;
  }

  void check_agreement(const Spec& spec, const HloSharding& tiling, size_t rank) const {
    if (tiling.kind != HloSharding::Kind::tiled && tiling.kind != HloSharding::Kind::replicated) return;
    const Sharding other = from_hlo(tiling, choice_.original(), rank);
    for (size_t d = 0; d < rank; ++d) {
      if (spec.open[d] || spec.sharding.dims[d] == other.dims[d]) continue;
      throw Error::program("its sharding " + other.to_string(choice_.original()) + " and its xla.sdy.sharding " +
                           spec.sharding.to_string(choice_.original()) + " disagree; remove one of them");
    }
  }

  Digits digits_of(const ShardyAxis& axis) const {
    const Mesh& mesh = choice_.mesh();
    const auto index = mesh.find_axis(axis.name);
    if (!index) {
      throw Error::program("the mesh " + mesh.to_string() + " has no axis '" + axis.name + "'");
    }
    const Digits all = mesh.digits_of_axis(*index);
    if (!axis.size) return all;
    Digits part;
    int64_t major = 1;
    int64_t size = 1;
    for (const Digit digit : all) {
      if (major < axis.major) {
        major *= mesh.digits()[digit].size;
      } else if (size < *axis.size) {
        size *= mesh.digits()[digit].size;
        part.push_back(digit);
      }
    }
    if (major != axis.major || size != *axis.size) {
      throw Error::program("'" + axis.name + "':(" + std::to_string(axis.major) + ")" + std::to_string(*axis.size) +
                           " is no part of that axis in the mesh " + mesh.to_string());
    }
    return part;
  }

  void check_once(const Sharding& sharding) const {
    DigitSet used = 0;
    for (const Digits& digits : sharding.dims) {
      for (const Digit digit : digits) {
        if ((used & digit_bit(digit)) != 0) {
          throw Error::program("a sharding uses " + choice_.mesh().name_of(Digits{digit}) + " twice");
        }
        used |= digit_bit(digit);
      }
    }
  }

  // The same axes in the resized mesh.
  Sharding rescaled(const Sharding& sharding) const {
    if (!choice_.is_resized()) return sharding;
    Sharding result = sharding;
    for (Digits& digits : result.dims) digits = rescaled(digits);
    result.partial = rescaled(sharding.partial);
    result.manual = rescaled(sharding.manual);
    return result;
  }

  Digits rescaled(const Digits& digits) const {
    const Mesh& from = choice_.original();
    Digits result;
    for (size_t at = 0; at < digits.size();) {
      const auto axis = static_cast<size_t>(from.digits()[digits[at]].axis);
      const Digits whole = from.digits_of_axis(axis);
      const bool complete =
          digits.size() - at >= whole.size() && std::equal(whole.begin(), whole.end(), digits.begin() + at);
      if (!complete) {
        throw Error::usage("a sharding uses a part of the axis " + from.axes()[axis].name +
                           ", which cannot be resized");
      }
      const Digits now = choice_.mesh().digits_of_axis(axis);
      result.append({now.data(), now.size()});
      at += whole.size();
    }
    return result;
  }

  DigitSet rescaled(DigitSet set) const {
    Digits digits;
    for (size_t i = 0; i < choice_.original().digits().size(); ++i) {
      if ((set >> i & 1) != 0) digits.push_back(static_cast<Digit>(i));
    }
    return set_of(rescaled(digits));
  }

  const MeshChoice& choice_;
};

// ---- all of them --------------------------------------------------------------------------------------------------

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
      : module_(module), values_(values), options_(options), choice_(module, options), reader_(choice_) {}

  Annotated run() && {
    result_.mesh = choice_.mesh();
    for (size_t value = 0; value < values_.class_count(); ++value) {
      const size_t rank = values_.shape_of(static_cast<ValueClass>(value)).rank();
      result_.classes.push_back({Sharding::replicated(rank), std::vector<bool>(rank, true)});
    }
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

  // Of contradicting annotations in the module of one class of values the entry's parameter's holds, else one that does
  // not depend on the order of the text. Annotations from outside came before.
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
    const auto value = static_cast<size_t>(values_.class_of(instruction, leaf));
    if (fixed_[value]) return;
    fixed_[value] = true;
    result_.classes[value] = {spec.sharding, spec.open};
    // What is annotated as partial stays so only where the op makes it so: it is a wish, not a fact.
    result_.classes[value].sharding.partial = 0;
    result_.classes[value].sharding.reducer = Reducer::none;
  }

  bool comes_before(const Instruction& a, const Instruction& b) {
    const auto is_given = [&](const Instruction& i) {
      return i.op() == Op::parameter && i.parent() == module_.entry();
    };
    if (is_given(a) != is_given(b)) return is_given(a);
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
        const auto value = static_cast<size_t>(values_.class_of(*call->operand(leaf)));
        if (!fixed_[value]) result_.classes[value].sharding.dims = outside[leaf].dims;
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
      const auto value = static_cast<size_t>(values_.class_of(root, leaf));
      result_.results[leaf] = fixed_[value] ? result_.classes[value].sharding : whole(root, leaf).sharding;
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

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(separator, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

}  // namespace

OutsideAnnotation parse_annotation(const std::string& text) {
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error::usage("--annotate '" + text + "': expected PATTERN=axis,_,axis");
  }
  const std::string dims = text.substr(equals + 1);
  return {text.substr(0, equals), dims.empty() ? std::vector<std::string>{} : split(dims, ',')};
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
