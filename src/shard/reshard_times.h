// How values are brought from one sharding into another and the estimated times, each worked out once: the plans of one
// op, and of ops of the same sizes, ask for the same ones.
#pragma once

#include <unordered_map>

#include "shard/reshard.h"

namespace gshard {

class ReshardTimes {
 public:
  // Both live as long as this.
  ReshardTimes(const Mesh& mesh, const Machine& machine) : mesh_(mesh), machine_(machine) {}

  // In seconds; 0 for what is no array. Where each device does as it likes, nothing is moved.
  double between(const Shape& shape, const Sharding& from, const Sharding& to);
  // What takes that time. They live as long as this.
  const std::vector<Step>& steps_between(const Shape& shape, const Sharding& from, const Sharding& to);

 private:
  struct Question {
    DType type;
    Dims dims;
    Sharding from;
    Sharding to;
    bool operator==(const Question&) const = default;
  };
  struct Hash {
    size_t operator()(const Question& question) const;
  };
  struct Answer {
    std::vector<Step> steps;
    double seconds = 0;
  };
  const Answer& answer(const Shape& shape, const Sharding& from, const Sharding& to);

  const Mesh& mesh_;
  const Machine& machine_;
  std::unordered_map<Question, Answer, Hash> known_;
};

}  // namespace gshard
