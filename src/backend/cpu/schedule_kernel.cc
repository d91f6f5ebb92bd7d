#include "backend/cpu/schedule_kernel.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <optional>

#include "backend/cpu/add_rows.h"
#include "backend/cpu/mark_accuracy.h"
#include "ops/reducer.h"
#include "ops/table.h"

namespace gshard::cpu {
namespace {

// A kernel of several stages with fewer outer iterations than this would leave cores idle, where it is larger than
// kSmallWork.
constexpr int64_t kFewRows = 8;
constexpr int64_t kSmallWork = 1 << 16;
// Estimated cost of joining the lanes of one reduction, in vector operations.
constexpr double kJoinLanes = 12;
// Loops that are shorter fill no squares that are worth transposing.
constexpr int64_t kLeastTile = 8;
constexpr int kMostTransposedLanes = 16;

const Node& node_at(const Kernel& kernel, int n) { return kernel.nodes[static_cast<size_t>(n)]; }

// ---- joining loops ------------------------------------------------------------------------------------------------

template <class F>
void for_each_index(Kernel& kernel, F&& f) {
  for (Node& node : kernel.nodes) f(node.index);
  for (Store& store : kernel.stores) f(store.index);
  f(kernel.window_number);
}

// Whether `inner` always runs inside of `outer` as if both were one loop.
bool run_as_one(Kernel& kernel, int outer, int inner) {
  const int64_t extent = kernel.loops[static_cast<size_t>(inner)];
  bool as_one = true;
  for_each_index(kernel, [&](const Index& index) {
    as_one &= index.factor(static_cast<size_t>(outer)) == index.factor(static_cast<size_t>(inner)) * extent;
  });
  const auto same_side = [&](LoopSet set) { return ((set >> outer) & 1) == ((set >> inner) & 1); };
  for (const Reduction& r : kernel.reductions) as_one &= same_side(r.loops) && same_side(r.domain);
  for (const Node& node : kernel.nodes) as_one &= same_side(node.domain);
  return as_one;
}

// The loop `outer` vanishes: `inner` runs through both.
void join(Kernel& kernel, int outer, int inner) {
  kernel.loops[static_cast<size_t>(inner)] *= kernel.loops[static_cast<size_t>(outer)];
  kernel.loops[static_cast<size_t>(outer)] = 1;
  for_each_index(kernel, [&](Index& index) {
    if (static_cast<size_t>(outer) < index.factors.size()) index.factors[static_cast<size_t>(outer)] = 0;
  });
  for (Node& node : kernel.nodes) node.domain &= ~loop_bit(outer);
  for (Reduction& r : kernel.reductions) {
    r.loops &= ~loop_bit(outer);
    r.domain &= ~loop_bit(outer);
  }
}

void join_loops(Kernel& kernel) {
  const auto count = static_cast<int>(kernel.loops.size());
  bool changed = true;
  while (changed) {
    changed = false;
    for (int a = 0; a < count; ++a) {
      for (int b = 0; b < count; ++b) {
        if (a == b || kernel.loops[static_cast<size_t>(a)] == 1 || kernel.loops[static_cast<size_t>(b)] == 1) continue;
        if (!run_as_one(kernel, a, b)) continue;
        join(kernel, a, b);
        changed = true;
      }
    }
  }
}

// ---- stages -------------------------------------------------------------------------------------------------------

std::vector<int> members(LoopSet set) {
  std::vector<int> loops;
  for (; set != 0; set &= set - 1) loops.push_back(std::countr_zero(set));
  return loops;
}

LoopSet domain_of(const Kernel& kernel, const Store& store) {
  LoopSet set = store.index.loops() | node_at(kernel, store.node).domain;
  for (const Index::Term& term : store.index.terms) set |= node_at(kernel, term.node).domain;
  if (store.guard >= 0) set |= node_at(kernel, store.guard).domain;
  return set;
}

// Whether a store adds to what stands in the array.
bool is_added(const Kernel& kernel, const Store& store) {
  return std::any_of(kernel.nodes.begin(), kernel.nodes.end(), [&](const Node& node) {
    return kernel.added_over != 0 && node.kind == Node::Kind::load && node.argument == store.argument;
  });
}

// The loops that all parts of the kernel share; none where they do not share them.
std::optional<LoopSet> outer_loops(const Kernel& kernel) {
  if (kernel.in_order) {
    if (kernel.stores.size() > 1 || !kernel.reductions.empty()) return std::nullopt;
    // Also those that nothing depends on: equal updates of one element are added as often as they stand there.
    LoopSet all = domain_of(kernel, kernel.stores[0]);
    for (size_t l = 0; l < kernel.loops.size(); ++l) {
      if (kernel.loops[l] != 1) all |= loop_bit(static_cast<int>(l));
    }
    return all;
  }
  if (kernel.reductions.empty()) {
    const LoopSet outer = kernel.stores[0].index.loops();
    for (const Store& store : kernel.stores) {
      if (store.index.loops() != outer || domain_of(kernel, store) != outer) return std::nullopt;
    }
    return outer;
  }
  const LoopSet outer = kernel.reductions[0].domain;
  for (const Reduction& r : kernel.reductions) {
    if (r.domain != outer) return std::nullopt;
    for (int input : r.inputs) {
      if ((node_at(kernel, input).domain & ~(outer | r.loops)) != 0) return std::nullopt;
    }
    for (int start : r.starts) {
      if ((node_at(kernel, start).domain & ~outer) != 0) return std::nullopt;
    }
  }
  for (const Store& store : kernel.stores) {
    const LoopSet loops = store.index.loops() | (is_added(kernel, store) ? kernel.added_over : 0);
    if ((outer & ~loops) != 0 || domain_of(kernel, store) != loops) return std::nullopt;
  }
  return outer;
}

// How many reductions, one after the other, a store waits for: also those that say where it writes.
int level_of(const Kernel& kernel, const Store& store) {
  int level = node_at(kernel, store.node).level;
  for (const Index::Term& term : store.index.terms) level = std::max(level, node_at(kernel, term.node).level);
  return store.guard < 0 ? level : std::max(level, node_at(kernel, store.guard).level);
}

// Reductions and stores that run over the same inner loops at the same level are one stage.
void make_stages(Kernel& kernel, LoopSet outer) {
  std::map<std::pair<int, LoopSet>, Stage> stages;
  for (size_t r = 0; r < kernel.reductions.size(); ++r) {
    stages[{kernel.reductions[r].level, kernel.reductions[r].loops}].reductions.push_back(static_cast<int>(r));
  }
  for (size_t s = 0; s < kernel.stores.size(); ++s) {
    const Store& store = kernel.stores[s];
    stages[{level_of(kernel, store), store.index.loops() & ~outer}].stores.push_back(static_cast<int>(s));
  }
  for (auto& [key, stage] : stages) {
    stage.loops = members(key.second);
    kernel.stages.push_back(std::move(stage));
  }
}

// ---- lanes --------------------------------------------------------------------------------------------------------

int64_t extent(const Kernel& kernel, int loop) { return kernel.loops[static_cast<size_t>(loop)]; }

// The numbers of one vector register of the type in which most is computed.
int lanes_for(const Kernel& kernel) {
  int64_t widest = 1;
  for (const Node& node : kernel.nodes) {
    const bool is_value =
        node.kind == Node::Kind::op || node.kind == Node::Kind::load || node.kind == Node::Kind::choose;
    if (!is_value) continue;
    widest = std::max(widest, is_floating(node.type) ? std::max<int64_t>(bytes_of(node.type), 4) : bytes_of(node.type));
  }
  return static_cast<int>(64 / std::max<int64_t>(widest, 2));
}

double access_cost(int64_t factor, int lanes) {
  if (factor == 0) return 0.1;
  return factor == 1 || factor == -1 ? 1 : lanes;
}

// The loop along which a load runs through memory that would be transposed where `lane` are the lanes; -1 for none.
int tile_of(const Kernel& kernel, const Node& node, int lane) {
  if (!kernel.reductions.empty() || kernel.in_order || extent(kernel, lane) < kLeastTile) return -1;
  for (int l : members(node.index.loops())) {
    if (Kernel::runs_across(node, l, lane) && extent(kernel, l) >= kLeastTile) return l;
  }
  return -1;
}

double load_cost(const Kernel& kernel, const Node& node, int lane) {
  if (tile_of(kernel, node, lane) >= 0) return kTransposedLoad;
  return access_cost(node.index.factor(static_cast<size_t>(lane)), kernel.lanes);
}

// Vector operations for one run through the loop as lanes, per vector of everything else.
double lane_cost(const Kernel& kernel, const Stage& stage, int lane) {
  double cost = 0.5;
  for (int n : nodes_of(kernel, stage)) {
    const Node& node = node_at(kernel, n);
    if (node.kind == Node::Kind::load) {
      cost += load_cost(kernel, node, lane);
    } else if (node.kind == Node::Kind::op && (node.domain & loop_bit(lane)) != 0) {
      cost += 0.5;
    }
  }
  for (int s : stage.stores) {
    cost += access_cost(kernel.stores[static_cast<size_t>(s)].index.factor(static_cast<size_t>(lane)), kernel.lanes);
  }
  const int64_t iterations = extent(kernel, lane);
  return cost * static_cast<double>((iterations + kernel.lanes - 1) / kernel.lanes);
}

// Whether every reduction of the stage may be done in any order.
bool is_any_order(const Kernel& kernel, const Stage& stage) {
  return std::all_of(stage.reductions.begin(), stage.reductions.end(), [&](int r) {
    return reducer_of(*kernel.reductions[static_cast<size_t>(r)].reducer) != Reducer::none;
  });
}

// The cheapest inner loop for the lanes of a stage, and its cost per row; -1 where it has none.
std::pair<int, double> best_inner_lane(const Kernel& kernel, const Stage& stage) {
  double iterations = 1;
  for (int l : stage.loops) iterations *= static_cast<double>(extent(kernel, l));
  std::pair<int, double> best{-1, iterations * 2};
  if (!is_any_order(kernel, stage)) return best;
  for (int l : stage.loops) {
    const double others = iterations / static_cast<double>(extent(kernel, l));
    double cost = others * lane_cost(kernel, stage, l);
    cost += kJoinLanes * static_cast<double>(stage.reductions.size());
    if (cost < best.second) best = {l, cost};
  }
  return best;
}

double outer_lane_cost(const Kernel& kernel, int lane) {
  double cost = 0;
  for (const Stage& stage : kernel.stages) {
    double iterations = 1;
    for (int l : stage.loops) iterations *= static_cast<double>(extent(kernel, l));
    cost += iterations * lane_cost(kernel, stage, lane);
  }
  return cost;
}

// Whether iterations of a loop may write the same element, because a number known at run time says where.
bool may_collide(const Kernel& kernel, int loop) {
  LoopSet run_time = 0;
  const Store& store = kernel.stores[0];
  for (const Index::Term& term : store.index.terms) run_time |= node_at(kernel, term.node).domain;
  if (store.guard >= 0) run_time |= node_at(kernel, store.guard).domain;
  return (run_time & loop_bit(loop)) != 0 || store.index.factor(static_cast<size_t>(loop)) == 0;
}

void choose_lanes(Kernel& kernel, LoopSet outer) {
  double rows = 1;
  for (int l : members(outer)) rows *= static_cast<double>(extent(kernel, l));
  double best = 0;
  std::vector<int> inner;
  for (const Stage& stage : kernel.stages) {
    const auto [lane, cost] = best_inner_lane(kernel, stage);
    inner.push_back(lane);
    best += rows * cost;
  }
  for (int l : members(outer)) {
    if (kernel.added_over != 0 || (kernel.in_order && may_collide(kernel, l))) continue;
    const double cost = rows / static_cast<double>(extent(kernel, l)) * outer_lane_cost(kernel, l);
    if (cost > best) continue;
    best = cost;
    kernel.outer_lane = l;
  }
  if (kernel.outer_lane < 0) {
    for (size_t s = 0; s < kernel.stages.size(); ++s) kernel.stages[s].lane = inner[s];
  }
}

// The tile that most loads ask for.
void choose_tile(Kernel& kernel) {
  if (kernel.outer_lane < 0) return;
  std::map<int, int> wanted;
  for (const Node& node : kernel.nodes) {
    const int tile = tile_of(kernel, node, kernel.outer_lane);
    if (tile >= 0 && ++wanted[tile] > wanted[kernel.tile]) kernel.tile = tile;
  }
  // A square is as many instructions as lanes times their logarithm, for each load.
  if (kernel.tile >= 0) kernel.lanes = std::min(kernel.lanes, kMostTransposedLanes);
}

// Vectors as short as the longest loop of lanes.
void shorten_lanes(Kernel& kernel) {
  int64_t longest = kernel.outer_lane < 0 ? 0 : extent(kernel, kernel.outer_lane);
  for (const Stage& stage : kernel.stages) {
    if (stage.lane >= 0) longest = std::max(longest, extent(kernel, stage.lane));
  }
  const auto needed = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(longest, 2))));
  kernel.lanes = static_cast<int>(std::min<int64_t>(kernel.lanes, needed));
}

// ---- order --------------------------------------------------------------------------------------------------------

// How far apart in memory two iterations of a loop are, over all accesses: loops with long steps stand outside.
int64_t step_of(const Kernel& kernel, int loop) {
  int64_t step = 0;
  for (const Store& store : kernel.stores) step += 4 * std::abs(store.index.factor(static_cast<size_t>(loop)));
  for (const Node& node : kernel.nodes) {
    if (node.kind == Node::Kind::load) step += std::abs(node.index.factor(static_cast<size_t>(loop)));
  }
  return step;
}

void order_loops(const Kernel& kernel, std::vector<int>& loops, int lane) {
  std::stable_sort(loops.begin(), loops.end(), [&](int a, int b) {
    if ((a == lane) != (b == lane)) return b == lane;
    return step_of(kernel, a) > step_of(kernel, b);
  });
}

// Windows one after the other, and each as a whole: of two that overlap the later one has the last word. Loops stand in
// the order of the updates' dimensions, or where a reshape cut them behind all others.
void order_windows(const Kernel& kernel, std::vector<int>& loops) {
  const auto step = [&](int loop) { return kernel.window_number.factor(static_cast<size_t>(loop)); };
  std::stable_sort(loops.begin(), loops.end(), [&](int a, int b) { return step(a) > step(b); });
}

// ---- values of a row that several stages need
// ------------------------------------------------------------------------

// What is kept of a row stays in the first caches.
constexpr int64_t kMostKeptBytes = 1 << 17;

// Whether one stage finds what the other kept of a row where it looks for it: as many values at a time, and as wide.
bool goes_alike(const Stage& a, const Stage& b) { return a.loops == b.loops && a.lane == b.lane; }

// Whether it takes long to compute, for each iteration of the stage.
bool is_worth_keeping(const Node& node, const Stage& stage) {
  LoopSet loops = 0;
  for (int l : stage.loops) loops |= loop_bit(l);
  return node.kind == Node::Kind::op && is_floating(node.type) && (loops & ~node.domain) == 0 &&
         has(row_of(node.instruction->op()).traits, Traits::transcendental);
}

bool is_computed_again(const Kernel& kernel, int n, size_t stage) {
  for (size_t later = stage + 1; later < kernel.stages.size(); ++later) {
    if (!goes_alike(kernel.stages[later], kernel.stages[stage])) continue;
    const std::vector<int> nodes = nodes_of(kernel, kernel.stages[later]);
    if (std::binary_search(nodes.begin(), nodes.end(), n)) return true;
  }
  return false;
}

// The last in a chain first: what goes into it is then computed once too.
void keep_values(Kernel& kernel) {
  int64_t bytes = 0;
  for (size_t s = 0; s + 1 < kernel.stages.size(); ++s) {
    const Stage& stage = kernel.stages[s];
    if (stage.lane < 0) continue;
    const int64_t row = row_size(kernel, stage);
    const std::vector<int> nodes = nodes_of(kernel, stage);
    for (size_t i = nodes.size(); i-- > 0;) {
      Node& node = kernel.nodes[static_cast<size_t>(nodes[i])];
      const int64_t size = std::max<int64_t>(bytes_of(node.type), 4) * row;
      if (node.kept_by >= 0 || !is_worth_keeping(node, stage) || bytes + size > kMostKeptBytes) continue;
      if (!is_computed_again(kernel, nodes[i], s)) continue;
      node.kept_by = static_cast<int>(s);
      bytes += size;
    }
  }
}

bool has_enough_rows(const Kernel& kernel) {
  int64_t rows = kernel.rows() * (kernel.outer_lane < 0 ? 1 : extent(kernel, kernel.outer_lane));
  for (int l : members(kernel.added_over)) rows /= extent(kernel, l);
  const auto loops =
      std::count_if(kernel.stages.begin(), kernel.stages.end(), [](const Stage& s) { return !s.loops.empty(); });
  return loops <= 1 || rows >= kFewRows || kernel.work() <= kSmallWork;
}

}  // namespace

int64_t row_size(const Kernel& kernel, const Stage& stage) {
  int64_t size = 1;
  for (int l : stage.loops) {
    const int64_t padded = (extent(kernel, l) + kernel.lanes - 1) / kernel.lanes * kernel.lanes;
    size *= l == stage.lane ? padded : extent(kernel, l);
  }
  return size;
}

bool is_kept_for(const Kernel& kernel, const Node& node, const Stage& stage) {
  if (node.kept_by < 0) return false;
  const Stage& keeper = kernel.stages[static_cast<size_t>(node.kept_by)];
  return &stage > &keeper && goes_alike(stage, keeper);
}

std::vector<int> nodes_of(const Kernel& kernel, const Stage& stage) {
  std::vector<char> wanted(kernel.nodes.size());
  std::vector<int> pending;
  const auto want = [&](int n) {
    if (n < 0 || wanted[static_cast<size_t>(n)] != 0) return;
    wanted[static_cast<size_t>(n)] = 1;
    pending.push_back(n);
  };
  for (int r : stage.reductions) {
    for (int n : kernel.reductions[static_cast<size_t>(r)].inputs) want(n);
    for (int n : kernel.reductions[static_cast<size_t>(r)].starts) want(n);
  }
  for (int s : stage.stores) {
    want(kernel.stores[static_cast<size_t>(s)].node);
    want(kernel.stores[static_cast<size_t>(s)].guard);
    for (const Index::Term& term : kernel.stores[static_cast<size_t>(s)].index.terms) want(term.node);
  }
  while (!pending.empty()) {
    const Node& node = node_at(kernel, pending.back());
    pending.pop_back();
    if (is_kept_for(kernel, node, stage)) continue;
    for (int operand : node.operands) want(operand);
    for (const Index::Term& term : node.index.terms) want(term.node);
    want(node.guard);
  }
  std::vector<int> nodes;
  for (size_t n = 0; n < wanted.size(); ++n) {
    if (wanted[n] != 0) nodes.push_back(static_cast<int>(n));
  }
  return nodes;
}

bool schedule(Kernel& kernel) {
  join_loops(kernel);
  add_rows(kernel);
  const std::optional<LoopSet> outer = outer_loops(kernel);
  if (!outer) return false;
  make_stages(kernel, *outer);
  kernel.lanes = lanes_for(kernel);
  choose_lanes(kernel, *outer);
  choose_tile(kernel);
  shorten_lanes(kernel);
  for (int l : members(*outer)) {
    if (l != kernel.outer_lane) kernel.outer.push_back(l);
  }
  if (kernel.in_order) {
    order_windows(kernel, kernel.outer);
  } else {
    order_loops(kernel, kernel.outer, kernel.tile);
  }
  std::stable_partition(kernel.outer.begin(), kernel.outer.end(),
                        [&](int l) { return (kernel.added_over & loop_bit(l)) == 0; });
  for (Stage& stage : kernel.stages) order_loops(kernel, stage.loops, stage.lane);
  keep_values(kernel);
  mark_accuracy(kernel);
  return has_enough_rows(kernel);
}

}  // namespace gshard::cpu
