#include "shard/spec_reader.h"

#include <algorithm>

namespace gshard {
namespace {

const HloSharding* element_of(const Instruction& instruction, size_t leaf, size_t leaf_count) {
  const HloSharding* sharding = instruction.notes().sharding.get();
  if (sharding == nullptr || sharding->kind != HloSharding::Kind::tuple) return sharding;
  return sharding->elements.size() == leaf_count ? &sharding->elements[leaf] : nullptr;
}

// backend_config="unspecified_dims=[0,2]".
std::vector<int64_t> unspecified_dims(const Instruction& instruction) {
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

// What cuts nothing needs no mesh.
void check_mesh_is_listed(const ShardySharding& sharding, const MeshChoice& choice) {
  const bool cuts =
      std::any_of(sharding.dims.begin(), sharding.dims.end(), [](const ShardyDim& dim) { return !dim.axes.empty(); });
  if (!cuts || sharding.inline_mesh || choice.lists(sharding.mesh)) return;
  throw Error::program("its xla.sdy.sharding is for the mesh @" + sharding.mesh +
                       "; the module's header has no xla.sdy.meshes that says what that is");
}

}  // namespace

std::optional<Spec> SpecReader::read(const Instruction& instruction, size_t leaf, size_t leaf_count,
                                     size_t rank) const {
  const auto text = frontend_attribute(instruction, "xla.sdy.sharding");
  const HloSharding* tiling = element_of(instruction, leaf, leaf_count);
  // Of shardings that are the only ones of their value, in a module that says nothing of meshes.
  if (text && tiling == nullptr && !choice_.lists_meshes() && !choice_.is_shardy()) {
    for (const ShardySharding& sharding : read_shardy_shardings(*text)) check_mesh_is_listed(sharding, choice_);
  }
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

Spec SpecReader::of_shardy(const ShardySharding& shardy, size_t rank) const {
  check_mesh_is_listed(shardy, choice_);
  // Without dimensions where the mesh is one device: the value is sent to all where it enters.
  if (shardy.dims.empty() && shardy.unreduced.empty() && shardy.mesh != choice_.shardy_name()) {
    return {Sharding::replicated(rank), std::vector<bool>(rank, false)};
  }
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
  for (const ShardyAxis& axis : shardy.replicated) spec.replicated |= set_of(digits_of(axis));
  for (const ShardyAxis& axis : shardy.unreduced) spec.sharding.partial |= set_of(digits_of(axis));
  if (spec.sharding.partial != 0) spec.sharding.reducer = Reducer::add;
  check_once(spec);
  return spec;
}

Spec SpecReader::of_outside(const OutsideAnnotation& annotation, size_t rank) const {
  try {
    return read_outside(annotation, rank);
  } catch (const Error& error) {
    throw Error::usage("--annotate '" + annotation.pattern + "': " + error.what());
  }
}

DigitSet SpecReader::manual_digits(const std::vector<std::string>& axes) const {
  DigitSet all = 0;
  for (const std::string& name : axes) all |= set_of(digits_of({name, 1, std::nullopt}));
  return all;
}

Spec SpecReader::read_outside(const OutsideAnnotation& annotation, size_t rank) const {
  if (annotation.dims.size() != rank) {
    const size_t dims = annotation.dims.size();
    throw Error::usage("it has " + std::to_string(dims) + (dims == 1 ? " dimension" : " dimensions") +
                       ", the value has " + std::to_string(rank));
  }
  Spec spec{Sharding::replicated(rank), std::vector<bool>(rank, false)};
  for (size_t d = 0; d < rank; ++d) {
    const std::string& text = annotation.dims[d];
    spec.open[d] = text == "?";
    if (text == "_" || text == "?") continue;
    if (choice_.mesh().axes().empty()) {
      const std::string axis = text.substr(0, text.find('+'));
      throw Error::usage("the module has no mesh with an axis '" + axis + "'; give it one, as --mesh " + axis + "=4");
    }
    for (size_t at = 0; at <= text.size();) {
      const size_t end = std::min(text.find('+', at), text.size());
      const Digits digits = digits_of({text.substr(at, end - at), 1, std::nullopt});
      spec.sharding.dims[d].append({digits.data(), digits.size()});
      at = end + 1;
    }
  }
  check_once(spec);
  return spec;
}

std::optional<Spec> SpecReader::of_tiling(const HloSharding& tiling, const Instruction& instruction,
                                          size_t rank) const {
  if (tiling.kind == HloSharding::Kind::unknown) return std::nullopt;
  Placement placement = place(tiling, choice_.original(), rank);
  Spec spec{rescaled(placement.sharding), std::vector<bool>(rank, false)};
  if (!choice_.is_resized()) spec.placement = std::move(placement);
  for (const int64_t d : unspecified_dims(instruction)) {
    if (d < static_cast<int64_t>(rank)) spec.open[static_cast<size_t>(d)] = true;
  }
  return spec;
}

void SpecReader::check_agreement(const Spec& spec, const HloSharding& tiling, size_t rank) const {
  if (tiling.kind != HloSharding::Kind::tiled && tiling.kind != HloSharding::Kind::replicated) return;
  const Sharding other = from_hlo(tiling, choice_.original(), rank);
  for (size_t d = 0; d < rank; ++d) {
    if (spec.open[d] || spec.sharding.dims[d] == other.dims[d]) continue;
    throw Error::program("its sharding " + other.to_string(choice_.original()) + " and its xla.sdy.sharding " +
                         spec.sharding.to_string(choice_.original()) + " disagree; remove one of them");
  }
}

Digits SpecReader::digits_of(const ShardyAxis& axis) const {
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

void SpecReader::check_once(const Spec& spec) const {
  DigitSet used = spec.replicated;
  for (const Digits& digits : spec.sharding.dims) {
    for (const Digit digit : digits) {
      if ((used & digit_bit(digit)) != 0) {
        const auto axis = static_cast<size_t>(choice_.mesh().digits()[digit].axis);
        throw Error::program("a sharding uses the axis '" + choice_.mesh().axes()[axis].name + "' twice");
      }
      used |= digit_bit(digit);
    }
  }
}

Sharding SpecReader::rescaled(const Sharding& sharding) const {
  if (!choice_.is_resized()) return sharding;
  Sharding result = sharding;
  for (Digits& digits : result.dims) digits = rescaled(digits);
  result.partial = rescaled(sharding.partial);
  result.manual = rescaled(sharding.manual);
  return result;
}

Digits SpecReader::rescaled(const Digits& digits) const {
  const Mesh& from = choice_.original();
  Digits result;
  for (size_t at = 0; at < digits.size();) {
    const auto axis = static_cast<size_t>(from.digits()[digits[at]].axis);
    const Digits whole = from.digits_of_axis(axis);
    const bool complete =
        digits.size() - at >= whole.size() && std::equal(whole.begin(), whole.end(), digits.begin() + at);
    if (!complete) {
      throw Error::usage("a sharding uses a part of the axis " + from.axes()[axis].name + ", which cannot be resized");
    }
    const Digits now = choice_.mesh().digits_of_axis(axis);
    result.append({now.data(), now.size()});
    at += whole.size();
  }
  return result;
}

DigitSet SpecReader::rescaled(DigitSet set) const {
  Digits digits;
  for (size_t i = 0; i < choice_.original().digits().size(); ++i) {
    if ((set >> i & 1) != 0) digits.push_back(static_cast<Digit>(i));
  }
  return set_of(rescaled(digits));
}

}  // namespace gshard
