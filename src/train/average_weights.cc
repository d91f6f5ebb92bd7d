#include "train/average_weights.h"

namespace gshard {

WeightAverage::WeightAverage(const std::vector<std::string>& archives) {
  for (const std::string& path : archives) archives_.push_back(ArrayArchive::open(path));
}

Literal WeightAverage::of(const std::string& name, const Shape& shape) const {
  Literal mean = archives_[0]->read(name, shape);
  if (archives_.size() == 1) return mean;
  const auto values = mean.mutable_values<float>();
  for (size_t i = 1; i < archives_.size(); ++i) {
    const Literal other = archives_[i]->read(name, shape);
    const auto added = other.values<float>();
    for (size_t n = 0; n < values.size(); ++n) values[n] += added[n];
  }
  for (float& value : values) value /= static_cast<float>(archives_.size());
  return mean;
}

}  // namespace gshard
