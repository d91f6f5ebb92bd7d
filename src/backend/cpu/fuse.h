// Which instructions run together as one kernel.
//
//   %e = exp(%x)   %s = reduce(%e, 0)   %b = broadcast(%s)   %y = divide(%e, %b)     one kernel: two stages per row
#pragma once

#include <vector>

#include "backend/cpu/build_kernel.h"
#include "backend/cpu/plan_dots.h"

namespace gshard::cpu {

struct Group {
  Members members;
  Members copies = {};  // members of other groups that this one computes again, because that costs less than memory
  std::vector<Leaf> outputs;  // what others read
  Kernel kernel;
};

// The groups of a computation's loop ops. No group waits for itself: they can run in some order among the other
// instructions. What dots see through or write by their plans is in no group.
class Fusion {
 public:
  enum class Merging : uint8_t { where_faster, never };
  Fusion(const Computation& computation, const Reads& reads, Merging merging = Merging::where_faster);

  // The group that computes an instruction; null where none does.
  const Group* group_of(const Instruction& x) const;

 private:
  std::vector<Group> groups_;
  std::vector<int> group_of_;  // by instruction; -1 for none
};

// Bytes that a kernel reads and writes: each array once, or as much of it as is looked at.
double bytes_touched(const Kernel& kernel);

// Estimated nanoseconds of a kernel on one core.
double cost_of(const Kernel& kernel);

}  // namespace gshard::cpu
