// State of a loop that its body only adds to.
//
//   body:  g' = add(g, dot(x, y))      the dot is partial over the axes that cut its contraction
//
// Where nothing else reads g, each device can add up its own part of the sum from round to round: one reduction behind
// the loop then does what one in each round would do. The start value is kept on one device of each group, and the
// others start with the neutral element. The same holds for the largest of all rounds, and for whatever else the body
// does that is linear in the state: scaling it, choosing between two forms of it, handing it to a loop inside.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "shard/forecast.h"

namespace gshard {

class Accumulators {
 public:
  explicit Accumulators(const Decision& decision) : decision_(decision), forecast_(decision) {}

  Forecast& forecast() { return forecast_; }

  // In the body of a loop, with no calls in between: the leaf of its state from which alone this value is made, and
  // into which alone it goes, or to which alone it is added. Nullopt for all others.
  std::optional<size_t> state_of(const Instruction& loop, const Instruction& value, size_t leaf);

  // How the loop best holds a leaf of its state that would otherwise lie as `wanted`, where it starts as `start`.
  struct Start {
    Sharding sharding;
    bool is_one_number = false;  // everywhere, so that any form of it is free
  };
  Sharding best_for(const Instruction& loop, size_t leaf, const Start& start, const Sharding& wanted);

 private:
  // A value that is added, so many times in a round of the loop.
  struct Term {
    const Instruction* value;
    double times;
  };
  struct State {
    bool only_adds = true;
    Reducer reducer = Reducer::none;  // `none`: values are only chosen among
    std::vector<Term> terms;
  };
  struct Flow {
    std::vector<State> state;  // by leaf
    // By value in the body: for each leaf the one of the state that it is made from, or kNone. None are left out.
    std::unordered_map<const Instruction*, std::vector<int>> origins;
    // Of what is added to one leaf of the state and read by nothing else.
    std::unordered_map<const Instruction*, int> added_to;
  };
  static constexpr int kNone = -1;

  class Tracer;

  const Flow& flow_of(const Instruction& loop);
  double seconds_with(const State& state, const Shape& shape, const Start& start, const Sharding& held,
                      const Sharding& wanted);

  const Decision& decision_;
  Forecast forecast_;
  std::unordered_map<const Instruction*, Flow> flows_;
};

}  // namespace gshard
