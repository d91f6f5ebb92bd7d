// The mean of the weights of several checkpoints: it translates better than each of them.
//
//   const WeightAverage average({"a.safetensors", "b.safetensors"});
//   average.of("decoder/embedding", shape)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/array_archive.h"

namespace gshard {

class WeightAverage {
 public:
  // One archive at least. Throws Error(program) where one cannot be read; so does of(), which reads one array of each.
  explicit WeightAverage(const std::vector<std::string>& archives);
  // Of f32 weights.
  Literal of(const std::string& name, const Shape& shape) const;

 private:
  std::vector<std::unique_ptr<ArrayArchive>> archives_;
};

}  // namespace gshard
