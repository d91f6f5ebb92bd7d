// Reading one annotation, in either dialect or from outside, onto the chosen mesh.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shard/mesh_choice.h"
#include "shard/shardy.h"

namespace gshard {

// What one annotation says of one array.
struct Spec {
  Sharding sharding;
  std::vector<bool> open;
  Placement placement = {};  // where a tiling numbers the devices otherwise than the mesh
  DigitSet replicated = 0;   // by which no dimension may be cut
};

class SpecReader {
 public:
  explicit SpecReader(const MeshChoice& choice) : choice_(choice) {}

  // What an instruction's annotation says of one of its leaves; nullopt where it says nothing.
  std::optional<Spec> read(const Instruction& instruction, size_t leaf, size_t leaf_count, size_t rank) const;
  Spec of_shardy(const ShardySharding& shardy, size_t rank) const;
  // What does not fit the mesh is wrong usage here.
  Spec of_outside(const OutsideAnnotation& annotation, size_t rank) const;
  DigitSet manual_digits(const std::vector<std::string>& axes) const;

 private:
  Spec read_outside(const OutsideAnnotation& annotation, size_t rank) const;
  std::optional<Spec> of_tiling(const HloSharding& tiling, const Instruction& instruction, size_t rank) const;
  void check_agreement(const Spec& spec, const HloSharding& tiling, size_t rank) const;
  Digits digits_of(const ShardyAxis& axis) const;
  void check_once(const Spec& spec) const;
  // The same axes in the resized mesh.
  Sharding rescaled(const Sharding& sharding) const;
  Digits rescaled(const Digits& digits) const;
  DigitSet rescaled(DigitSet set) const;

  const MeshChoice& choice_;
};

}  // namespace gshard
