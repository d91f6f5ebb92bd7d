#include "shard/remap.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

#include "shard/machine.h"

namespace gshard {
namespace {

// Collective-permutes that are not worth their latency, however little they send.
constexpr size_t kTooManyPermutes = 16;

using Values = std::vector<std::optional<int64_t>>;

// One collective-permute: each part is sent to at most one other, and each gets at most one.
struct Round {
  std::vector<std::pair<int64_t, int64_t>> pairs;  // from, to
  Values starts;                                   // by the sender: the first element that it sends
};

// One of the neighbouring parts that everybody's interval lies in, or a piece of it.
struct Slot {
  int64_t size = 0;
  size_t rounds = 0;  // none: everybody has it already
};

// How the elements come together: the slots joined are `length` elements, slot k a piece of part base[i] + k for
// device i. Devices are numbered along the digits and those of the copies.
struct Route {
  std::vector<int64_t> base;
  std::vector<Slot> slots;  // none: everything is gathered
  int64_t length = 0;
  double sent = 0;
  size_t permutes = 0;
};

// The real elements that a device wants, and the parts that they lie in.
struct Need {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t first = 0;
  int64_t last = 0;
};

class Planner {
 public:
  explicit Planner(const Remap& remap) : remap_(remap), devices_(static_cast<int64_t>(remap.wanted.size())) {
    needs_.reserve(remap.wanted.size());
    for (const Interval& wanted : remap.wanted) {
      const int64_t begin = std::max<int64_t>(wanted.start, 0);
      const int64_t end = std::min(wanted.start + wanted.size, remap.size);
      needs_.emplace_back();
      if (begin >= end) continue;
      needs_.back() = Need{begin, end, begin / remap.shard, (end - 1) / remap.shard};
      least_ = std::max(least_, elements_of_others(static_cast<int64_t>(needs_.size()) - 1));
    }
  }

  const std::vector<std::optional<Need>>& needs() const { return needs_; }

  Route best() const {
    Route best = gathered();
    std::vector<std::vector<int64_t>> tried;
    for (const auto& base : {bases_at_one_distance(), bases_of_their_own(), bases_by_start()}) {
      if (std::find(tried.begin(), tried.end(), base) != tried.end()) continue;
      tried.push_back(base);
      Route route = joined(base);
      const bool better = route.sent < best.sent || (route.sent == best.sent && route.permutes < best.permutes);
      if (route.permutes < kTooManyPermutes && better) best = std::move(route);
      if (best.permutes <= (least_ > 0 ? 1 : 0) && best.sent <= static_cast<double>(least_)) break;
    }
    return best;
  }

  // The collective-permutes of a slot: part base[i] + k goes to every i that needs it, from the copy that is like it.
  // What several need from one device is sent to one after the other.
  std::vector<Round> rounds_of(const Route& route, size_t k) const {
    std::vector<Round> rounds(route.slots[k].rounds);
    std::vector<size_t> sent(needs_.size(), 0);
    for (int64_t i = 0; i < devices_; ++i) {
      const auto& need = needs_[static_cast<size_t>(i)];
      const int64_t part = route.base[static_cast<size_t>(i)] + static_cast<int64_t>(k);
      if (!need || part < need->first || part > need->last) continue;
      const int64_t from = sender(part, i);
      rounds[sent[static_cast<size_t>(from)]++].pairs.emplace_back(from, i);
    }
    const bool is_only = route.slots.size() == 1;
    for (Round& round : rounds) {
      if (is_only) {
        round.starts = starts_of_pieces(route, round);
      } else if (k == 0) {
        round.starts.assign(needs_.size(), remap_.shard - route.slots[k].size);
      }
    }
    return rounds;
  }

  // The first element that each device has of the slots joined.
  std::vector<int64_t> origin_of(const Route& route) const {
    if (route.slots.empty()) return std::vector<int64_t>(needs_.size(), 0);
    const bool is_only = route.slots.size() == 1;
    std::vector<int64_t> origin;
    for (size_t i = 0; i < needs_.size(); ++i) {
      const int64_t b = route.base[i];
      if (!is_only) {
        origin.push_back((b + 1) * remap_.shard - route.slots[0].size);
      } else if (route.slots[0].rounds == 0 || !needs_[i]) {
        origin.push_back(b * remap_.shard);
      } else {
        origin.push_back(b * remap_.shard + start_of_piece(route, i));
      }
    }
    return origin;
  }

 private:
  Route gathered() const {
    Route route;
    route.length = devices_ / remap_.copy_count * remap_.shard;
    route.sent = static_cast<double>(route.length - remap_.shard);
    route.permutes = 1;
    return route;
  }

  int64_t part_of(int64_t device) const { return device / remap_.copy_count; }

  // What a device needs and does not hold: somebody sends it as much.
  int64_t elements_of_others(int64_t device) const {
    const Need& need = *needs_[static_cast<size_t>(device)];
    const int64_t own = part_of(device) * remap_.shard;
    const int64_t held = std::min(need.end, own + remap_.shard) - std::max(need.begin, own);
    return need.end - need.begin - std::max<int64_t>(held, 0);
  }

  // The first part that is brought to each device: one at the same distance from all, or the first one that it needs.
  std::vector<int64_t> bases_at_one_distance() const {
    int64_t distance = 0;
    bool found = false;
    for (size_t i = 0; i < needs_.size(); ++i) {
      if (!needs_[i]) continue;
      const int64_t d = needs_[i]->first - part_of(static_cast<int64_t>(i));
      distance = found ? std::min(distance, d) : d;
      found = true;
    }
    std::vector<int64_t> bases;
    for (int64_t i = 0; i < devices_; ++i) bases.push_back(part_of(i) + distance);
    return bases;
  }
  std::vector<int64_t> bases_of_their_own() const {
    std::vector<int64_t> bases;
    for (int64_t i = 0; i < devices_; ++i) {
      const auto& need = needs_[static_cast<size_t>(i)];
      bases.push_back(need ? need->first : part_of(i));
    }
    return bases;
  }

  // The same, but what lies before the beginning counts as parts too: mirrored intervals then differ by one part each.
  std::vector<int64_t> bases_by_start() const {
    std::vector<int64_t> bases;
    for (const Interval& wanted : remap_.wanted) {
      const int64_t part = wanted.start / remap_.shard;
      bases.push_back(part * remap_.shard > wanted.start ? part - 1 : part);
    }
    return bases;
  }

  int64_t sender(int64_t part, int64_t to) const { return part * remap_.copy_count + to % remap_.copy_count; }

  // Only counts the rounds: most routes are not taken.
  Route joined(const std::vector<int64_t>& base) const {
    size_t count = 1;
    for (size_t i = 0; i < needs_.size(); ++i) {
      if (needs_[i]) count = std::max(count, static_cast<size_t>(std::max<int64_t>(needs_[i]->last - base[i] + 1, 1)));
    }
    Route route;
    route.permutes = kTooManyPermutes;
    if (count > kTooManyPermutes) return route;
    route.permutes = 0;
    for (size_t k = 0; k < count; ++k) {
      route.slots.push_back({remap_.shard, count_rounds(base, static_cast<int64_t>(k))});
      route.permutes += route.slots.back().rounds;
      if (route.permutes >= kTooManyPermutes) return route;
    }
    route.base = base;
    if (count == 1) {
      trim_only(route);
    } else {
      trim_ends(route);
    }
    for (const Slot& slot : route.slots) {
      route.length += slot.size;
      route.sent += static_cast<double>(slot.rounds) * static_cast<double>(slot.size);
    }
    return route;
  }

  // As many as one device sends part base[i] + k to; none where everybody has it.
  size_t count_rounds(const std::vector<int64_t>& base, int64_t k) const {
    std::vector<uint32_t> sent(needs_.size(), 0);
    uint32_t most = 0;
    bool stays = true;
    for (int64_t i = 0; i < devices_; ++i) {
      const auto& need = needs_[static_cast<size_t>(i)];
      const int64_t part = base[static_cast<size_t>(i)] + k;
      if (!need || part < need->first || part > need->last) continue;
      const int64_t from = sender(part, i);
      stays = stays && from == i;
      most = std::max(most, ++sent[static_cast<size_t>(from)]);
    }
    return stays ? 0 : most;
  }

  // Of the first slot only the last elements are needed, of the last one the first.
  void trim_ends(Route& route) const {
    const auto last = static_cast<int64_t>(route.slots.size()) - 1;
    int64_t head = 0;
    int64_t tail = 0;
    for (size_t i = 0; i < needs_.size(); ++i) {
      if (!needs_[i]) continue;
      head = std::max(head, (route.base[i] + 1) * remap_.shard - needs_[i]->begin);
      tail = std::max(tail, needs_[i]->end - (route.base[i] + last) * remap_.shard);
    }
    route.slots.front().size = head;
    route.slots.back().size = tail;
  }

  // A single slot: each sender has its own piece of it to send.
  void trim_only(Route& route) const {
    if (route.slots[0].rounds == 0) return;
    route.slots[0].size = 1;
    for (const auto& need : needs_) {
      if (need) route.slots[0].size = std::max(route.slots[0].size, need->end - need->begin);
    }
  }

  // Where in its part the piece of a single slot begins that a device is sent.
  int64_t start_of_piece(const Route& route, size_t to) const {
    const int64_t at = needs_[to]->begin - route.base[to] * remap_.shard;
    return std::min(at, remap_.shard - route.slots[0].size);
  }

  Values starts_of_pieces(const Route& route, const Round& round) const {
    Values starts(needs_.size());
    for (const auto& [from, to] : round.pairs) {
      starts[static_cast<size_t>(from)] = start_of_piece(route, static_cast<size_t>(to));
    }
    return starts;
  }

  const Remap& remap_;
  const int64_t devices_;
  std::vector<std::optional<Need>> needs_;
  int64_t least_ = 0;  // elements that some device must be sent
};

// Writes a route.
class Writer {
 public:
  Writer(const Remap& remap, Emitter& emitter)
      : remap_(remap), emitter_(emitter), planner_(remap), devices_(remap.digits) {
    devices_.append({remap.copies.data(), remap.copies.size()});
  }

  Instruction* run(Instruction* value, Instruction* fill) {
    if (remap_.shard == 0 || remap_.length == 0) {
      value = emitter_.resize(value, remap_.dim, remap_.length);
    } else {
      const Route route = planner_.best();
      value = cut(route, join(route, value));
    }
    return fill == nullptr ? value : filled(value, fill);
  }

 private:
  Instruction* join(const Route& route, Instruction* value) {
    if (route.slots.empty()) return emitter_.all_gather(value, remap_.dim, remap_.digits);
    std::vector<Instruction*> slots;
    for (size_t k = 0; k < route.slots.size(); ++k) {
      const Slot& slot = route.slots[k];
      if (slot.size == 0) continue;
      if (slot.rounds == 0) {
        const bool is_head = k == 0 && route.slots.size() > 1;
        slots.push_back(emitter_.slice(value, remap_.dim, is_head ? remap_.shard - slot.size : 0, slot.size));
      } else {
        slots.push_back(send(planner_.rounds_of(route, k), slot.size, value));
      }
    }
    return emitter_.concatenate(slots, remap_.dim);
  }

  Instruction* send(const std::vector<Round>& rounds, int64_t size, Instruction* value) {
    Instruction* received = nullptr;
    Values round_of(remap_.wanted.size());
    for (size_t r = 0; r < rounds.size(); ++r) {
      for (const auto& [from, to] : rounds[r].pairs) round_of[static_cast<size_t>(to)] = static_cast<int64_t>(r);
    }
    for (size_t r = 0; r < rounds.size(); ++r) {
      const Round& round = rounds[r];
      Instruction* piece = emitter_.slice_at(value, remap_.dim, devices_, round.starts, size);
      piece = emitter_.collective_permute(piece, devices_, round.pairs);
      received = r == 0 ? piece : in_round(static_cast<int64_t>(r), round_of, piece, received);
    }
    return received;
  }

  // The piece on the devices that are sent to in this round, what they had before on the others.
  Instruction* in_round(int64_t round, const Values& round_of, Instruction* piece, Instruction* before) {
    Instruction* mine = emitter_.tabulated(devices_, round_of);
    Instruction* now = emitter_.add(Op::compare, Shape(DType::pred), {mine, emitter_.scalar_s32(round)},
                                    CompareAttrs{Direction::EQ, ComparisonType::automatic});
    const Shape& shape = piece->shape();
    return emitter_.add(Op::select, shape.without_layout(),
                        {emitter_.broadcast_scalar(now, shape.with_type(DType::pred)), piece, before});
  }

  // The wanted elements of what was brought together.
  Instruction* cut(const Route& route, Instruction* value) {
    const std::vector<int64_t> origin = planner_.origin_of(route);
    Values starts(remap_.wanted.size());
    int64_t before = 0;
    int64_t beyond = 0;
    for (size_t i = 0; i < starts.size(); ++i) {
      if (!planner_.needs()[i]) continue;
      starts[i] = remap_.wanted[i].start - origin[i];
      before = std::max(before, -*starts[i]);
      beyond = std::max(beyond, *starts[i] + remap_.length - route.length);
    }
    for (auto& start : starts) {
      if (start) *start += before;
    }
    const int64_t missing = remap_.length - route.length - before - beyond;
    value = emitter_.pad(value, remap_.dim, {before, beyond + std::max<int64_t>(missing, 0), 0}, nullptr);
    return emitter_.slice_at(value, remap_.dim, devices_, starts, remap_.length);
  }

  Instruction* filled(Instruction* value, Instruction* fill) {
    Values starts;
    bool below = false;
    bool above = false;
    for (const Interval& wanted : remap_.wanted) {
      starts.emplace_back();
      if (wanted.size == 0) continue;
      starts.back() = wanted.start;
      below = below || wanted.start < 0;
      above = above || wanted.start + wanted.size > remap_.size;
    }
    if (!below && !above) return value;
    const Bounds bounds{below ? std::optional<int64_t>(0) : std::nullopt,
                        above ? std::optional<int64_t>(remap_.size) : std::nullopt};
    return emitter_.keep_within(value, remap_.dim, emitter_.tabulated(devices_, starts), bounds, fill);
  }

  const Remap& remap_;
  Emitter& emitter_;
  const Planner planner_;
  Digits devices_;  // the digits that number them
};

}  // namespace

RemapTraffic traffic_of(const Remap& remap) {
  if (remap.shard == 0 || remap.length == 0) return {};
  const Route route = Planner(remap).best();
  const auto devices = static_cast<int64_t>(remap.wanted.size());
  const double messages =
      route.slots.empty() ? doublings(devices / remap.copy_count) : static_cast<double>(route.permutes);
  return {route.sent, messages};
}

Instruction* emit(const Remap& remap, Instruction* value, Instruction* fill, Emitter& emitter) {
  return Writer(remap, emitter).run(value, fill);
}

}  // namespace gshard
