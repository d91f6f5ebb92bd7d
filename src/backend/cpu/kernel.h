// A kernel: the loops over which a group of instructions runs as one, before they become machine code.
//
// The softmax of rows, exp(x - max x) / sum exp(x - max x) for x f32[64,1000], is one kernel:
//
//   loops 64, 1000; outer loops {0}
//   stage 0, loop 1:  reduce maximum of load x[1000*i0 + i1]
//   stage 1, loop 1:  reduce add of exp(load x - that maximum)
//   stage 2, loop 1:  store exp(load x - that maximum) / that sum
//
// The outer loops may run in any order and on any thread. For each of their iterations the stages run one after the
// other, each over its own inner loops; what one stage reduces is a number that later stages read. Places in memory
// are affine functions of the loops, plus run-time numbers for slices and gathers. Nothing here knows LLVM.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/cpu/accuracy.h"
#include "ir/module.h"

namespace gshard::cpu {

// A set of loops, by their bits.
using LoopSet = uint64_t;
inline constexpr size_t kMaxLoops = 64;
constexpr LoopSet loop_bit(int loop) { return LoopSet{1} << loop; }

// offset + the sum of factor * loop + the sum of factor * value of a node (an integer known at run time).
struct Index {
  struct Term {
    int node;
    int64_t factor;
    bool operator==(const Term&) const = default;
  };
  int64_t offset = 0;
  SmallVector<int64_t, 8> factors = {};  // by loop; 0 for the loops beyond its size
  SmallVector<Term, 1> terms = {};

  int64_t factor(size_t loop) const { return loop < factors.size() ? factors[loop] : 0; }
  void add_loop(size_t loop, int64_t factor);
  void add(const Index& other, int64_t scale);
  LoopSet loops() const;
  bool operator==(const Index& other) const;
};

// One number per iteration of the loops in its domain.
struct Node {
  enum class Kind : uint8_t {
    load,      // the element at `index` of an argument
    constant,  // `instruction` is a scalar constant
    counter,   // the value of `index`, as `type`
    in_range,  // whether low <= index < high
    both,      // whether two preds hold
    choose,    // operand 1 where pred operand 0 holds, else operand 2
    op,        // the pointwise `instruction` of the operands
    clamped,   // operand 0, an integer, brought into [low, high], as s64
    reduced,   // result `result` of reduction `reduction`
  };
  Kind kind;
  DType type;
  const Instruction* instruction = nullptr;
  SmallVector<int, 3> operands = {};
  Index index = {};
  int64_t low = 0;
  int64_t high = 0;
  int argument = -1;
  int guard = -1;  // of a load: a pred; where it does not hold nothing is read and the value is 0
  int reduction = -1;
  int result = 0;
  LoopSet domain = 0;
  int level = 0;  // how many reductions, one after the other, it waits for
  Accuracy accuracy = Accuracy::full;  // that it needs (mark_accuracy.h)
  // The stage that computes it and keeps its values of a row for later stages over the same loops; -1 where every
  // stage computes it anew.
  int kept_by = -1;
};

struct Reduction {
  const Computation* reducer;
  std::vector<int> inputs = {};  // nodes, one per result
  std::vector<int> starts = {};  // nodes: the initial values
  LoopSet loops = 0;             // over which it runs
  LoopSet domain = 0;            // of the result
  int level = 0;                 // of the inputs
};

struct Store {
  int argument;
  Index index;
  int node;
  int guard = -1;  // a pred; where it does not hold nothing is written
};

// One array of an instruction's value: the value itself, or leaf `part` of a tuple, counted in the order of the text.
struct Leaf {
  const Instruction* value = nullptr;
  size_t part = 0;
  const Shape& shape() const;
  bool operator==(const Leaf&) const = default;
};
// Leaf `part` of a shape.
const Shape& leaf_of(const Shape& shape, size_t part);

// An array that the kernel reads or writes.
struct Argument {
  Leaf leaf;
  DType type;
  int64_t elements;
  bool written = false;
  // What the array must hold before the kernel writes a part of it; `value` is null where the kernel writes all.
  Leaf before = {};
};

struct Stage {
  std::vector<int> loops;  // inner loops from the outermost in; a lane loop stands last
  int lane = -1;           // the inner loop whose iterations are the lanes of vectors
  std::vector<int> reductions;
  std::vector<int> stores;
};

// Work, in iterations of innermost loops, below which a second thread does not pay.
inline constexpr int64_t kWorkOfPart = 1 << 15;

struct Kernel {
  std::vector<int64_t> loops;  // extents
  std::vector<Node> nodes;     // operands first
  std::vector<Reduction> reductions;
  std::vector<Store> stores;
  std::vector<Argument> arguments;

  std::vector<int> outer;  // from the outermost in, without the lane loop
  int outer_lane = -1;     // an outer loop whose iterations are the lanes in all stages
  // The innermost outer loop, where loads run through memory along it and not along the lanes: squares of such loads
  // are transposed in registers, so that a permutation of dimensions reads and writes whole lines of the cache. -1 for
  // none.
  int tile = -1;
  std::vector<Stage> stages;
  int lanes = 16;  // numbers in a vector
  // Rows run one after the other, because several may update the same element (a scatter): window by window, in the
  // order of these numbers.
  bool in_order = false;
  Index window_number = {};
  // Outer loops, the innermost ones, whose iterations add to the same elements: those of one block of rows
  // (add_rows.h).
  LoopSet added_over = 0;

  // Vectors that one round of a loop of lanes works on, so that sums do not wait for each other.
  static constexpr int kParts = 4;
  // Lanes of a round: so many divide every range of lanes that does not end with the last.
  int64_t lane_block() const { return int64_t{kParts} * lanes; }
  // Whether no element is written by different iterations of `outer_lane`, whatever the other loops and the numbers
  // known at run time are: windows that a scatter moves by whole rows, and not such that may overlap.
  bool has_lanes_apart() const;

  int64_t rows() const;  // iterations of `outer`
  // Rows that always run together, those of the innermost outer loops: so many divide every range of rows.
  int64_t row_block() const;
  int64_t work() const;  // iterations of the innermost bodies, all stages
  // Whether a load, in every iteration at a place known by the loops alone, runs through memory along one loop, and not
  // along another that is to be the lanes.
  static bool runs_across(const Node& node, int along, int lane);
  // Whether a load is one of those that `tile` speaks of.
  bool is_transposed(const Node& node) const;
};

// Structure and types, without names: equal for kernels that are the same code.
std::string to_string(const Kernel& kernel);

}  // namespace gshard::cpu
