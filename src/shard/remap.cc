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
  std::vector<Round> rounds;
  bool stays = false;  // everybody has it already
};

// How the elements come together: the slots joined are `length` elements, which for device i begin at origin[i].
// Devices are numbered along the digits and those of the copies.
struct Route {
  std::vector<Slot> slots;  // none: everything is gathered
  int64_t length = 0;
  std::vector<int64_t> origin;
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
    for (const Interval& wanted : remap.wanted) {
      const int64_t begin = std::max<int64_t>(wanted.start, 0);
      const int64_t end = std::min(wanted.start + wanted.size, remap.size);
      needs_.emplace_back();
      if (begin < end) needs_.back() = Need{begin, end, begin / remap.shard, (end - 1) / remap.shard};
    }
  }

  const std::vector<std::optional<Need>>& needs() const { return needs_; }

  Route best() const {
    Route best = gathered();
    for (const auto& base : {bases_at_one_distance(), bases_of_their_own(), bases_by_start()}) {
      Route route = joined(base);
      const bool better = route.sent < best.sent || (route.sent == best.sent && route.permutes < best.permutes);
      if (route.permutes < kTooManyPermutes && better) best = std::move(route);
    }
    return best;
  }

 private:
  Route gathered() const {
    Route route;
    route.length = devices_ / remap_.copy_count * remap_.shard;
    route.origin.assign(needs_.size(), 0);
    route.sent = static_cast<double>(route.length - remap_.shard);
    route.permutes = 1;
    return route;
  }

  int64_t part_of(int64_t device) const { return device / remap_.copy_count; }

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

  Route joined(const std::vector<int64_t>& base) const {
    int64_t count = 1;
    for (size_t i = 0; i < needs_.size(); ++i) {
      if (needs_[i]) count = std::max(count, needs_[i]->last - base[i] + 1);
    }
    Route route;
    if (count > static_cast<int64_t>(kTooManyPermutes)) route.permutes = kTooManyPermutes;
    for (int64_t k = 0; k < count && route.permutes < kTooManyPermutes; ++k) {
      Slot slot = slot_at(base, k);
      slot.size = remap_.shard;
      route.permutes += slot.rounds.size();
      route.slots.push_back(std::move(slot));
    }
    if (route.permutes >= kTooManyPermutes) return route;
    if (count == 1) {
      trim_only(base, route);
    } else {
      trim_ends(base, route);
    }
    for (const Slot& slot : route.slots) {
      route.length += slot.size;
      route.sent += static_cast<double>(slot.rounds.size()) * static_cast<double>(slot.size);
    }
    return route;
  }

  // Part base[i] + k for every i that needs it, from the copy that is like it. What several need from one device is
  // sent to one after the other.
  Slot slot_at(const std::vector<int64_t>& base, int64_t k) const {
    Slot slot;
    slot.stays = true;
    std::vector<size_t> sent(needs_.size(), 0);
    for (int64_t i = 0; i < devices_; ++i) {
      const auto& need = needs_[static_cast<size_t>(i)];
      const int64_t part = base[static_cast<size_t>(i)] + k;
      if (!need || part < need->first || part > need->last) continue;
      const int64_t from = part * remap_.copy_count + i % remap_.copy_count;
      slot.stays = slot.stays && from == i;
      const size_t round = sent[static_cast<size_t>(from)]++;
      if (round == slot.rounds.size()) slot.rounds.emplace_back();
      slot.rounds[round].pairs.emplace_back(from, i);
    }
    if (slot.stays) slot.rounds.clear();
    return slot;
  }

  // Of the first slot only the last elements are needed, of the last one the first.
  void trim_ends(const std::vector<int64_t>& base, Route& route) const {
    const auto last = static_cast<int64_t>(route.slots.size()) - 1;
    int64_t head = 0;
    int64_t tail = 0;
    for (size_t i = 0; i < needs_.size(); ++i) {
      if (!needs_[i]) continue;
      head = std::max(head, (base[i] + 1) * remap_.shard - needs_[i]->begin);
      tail = std::max(tail, needs_[i]->end - (base[i] + last) * remap_.shard);
    }
    route.slots.front().size = head;
    route.slots.back().size = tail;
    for (const int64_t b : base) route.origin.push_back((b + 1) * remap_.shard - head);
    for (Round& round : route.slots.front().rounds) round.starts.assign(needs_.size(), remap_.shard - head);
  }

  // A single slot: each sender has its own piece of it to send.
  void trim_only(const std::vector<int64_t>& base, Route& route) const {
    Slot& slot = route.slots[0];
    for (const int64_t b : base) route.origin.push_back(b * remap_.shard);
    if (slot.stays) return;
    slot.size = 1;
    for (const auto& need : needs_) {
      if (need) slot.size = std::max(slot.size, need->end - need->begin);
    }
    for (Round& round : slot.rounds) {
      round.starts.resize(needs_.size());
      for (const auto& [from, to] : round.pairs) {
        const int64_t at = needs_[static_cast<size_t>(to)]->begin - part_of(from) * remap_.shard;
        const int64_t start = std::min(at, remap_.shard - slot.size);
        round.starts[static_cast<size_t>(from)] = start;
        route.origin[static_cast<size_t>(to)] += start;
      }
    }
  }

  const Remap& remap_;
  const int64_t devices_;
  std::vector<std::optional<Need>> needs_;
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
      if (slot.rounds.empty()) {
        const bool is_head = k == 0 && route.slots.size() > 1;
        slots.push_back(emitter_.slice(value, remap_.dim, is_head ? remap_.shard - slot.size : 0, slot.size));
      } else {
        slots.push_back(send(slot, value));
      }
    }
    return emitter_.concatenate(slots, remap_.dim);
  }

  Instruction* send(const Slot& slot, Instruction* value) {
    Instruction* received = nullptr;
    Values round_of(remap_.wanted.size());
    for (size_t r = 0; r < slot.rounds.size(); ++r) {
      for (const auto& [from, to] : slot.rounds[r].pairs) round_of[static_cast<size_t>(to)] = static_cast<int64_t>(r);
    }
    for (size_t r = 0; r < slot.rounds.size(); ++r) {
      const Round& round = slot.rounds[r];
      Instruction* piece = emitter_.slice_at(value, remap_.dim, devices_, round.starts, slot.size);
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
    Values starts(remap_.wanted.size());
    int64_t before = 0;
    int64_t beyond = 0;
    for (size_t i = 0; i < starts.size(); ++i) {
      if (!planner_.needs()[i]) continue;
      starts[i] = remap_.wanted[i].start - route.origin[i];
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
