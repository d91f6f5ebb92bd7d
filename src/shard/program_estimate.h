// What a program will take on each device, without writing it: time, bytes sent, and the most memory that is held at
// once.
//
//   const Estimate estimate = ProgramEstimate(decision).total();
//   estimate.peak_bytes;             // of the shards that live at the same time, in program order
//   estimate.at_peak[0].value;       // the largest of them
//
// Every op is taken in the plan that the localizer will choose for it. Pointwise chains with one reader, broadcasts and
// iotas are taken as parts of the loop that reads them, and take no memory; pointwise ops and updates write into an
// operand that they read last. Parameters are held throughout unless they are donated or aliased to a result.
#pragma once

#include <map>
#include <memory>

#include "ops/cost.h"
#include "shard/choice.h"
#include "shard/memory_timeline.h"

namespace gshard {

class ProgramEstimate {
 public:
  // Without `trip_count` every loop runs once. Throws Error(program) at ops that cannot be partitioned.
  explicit ProgramEstimate(const Decision& decision, TripCount trip_count = {});
  ~ProgramEstimate();

  Estimate total() const;
  // The ops that made what is held while more than `limit` bytes are.
  std::vector<const Instruction*> makers_beyond(double limit) const;

  // One form of a computation.
  struct Run {
    Form form;
    EstimatedTime time = {};
    MemoryTimeline memory = {};
  };
  const Run& run_of(const Computation& computation, const Form& form);
  Accumulators& accumulators() { return accumulators_; }
  double trips_of(const Instruction& loop) const { return trip_count_ ? trip_count_(loop) : 1; }

 private:
  const Decision& decision_;
  const TripCount trip_count_;
  Accumulators accumulators_;
  std::map<const Computation*, std::vector<const Run*>> runs_;
  std::vector<std::unique_ptr<Run>> ended_;  // those that are called before those that call them
};

}  // namespace gshard
