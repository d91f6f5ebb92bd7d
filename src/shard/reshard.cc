#include "shard/reshard.h"

#include <algorithm>
#include <optional>

#include "base/ceil_div.h"

namespace gshard {
namespace {

Digits prefix(const Digits& digits, size_t count) { return Digits(digits.begin(), digits.begin() + count); }
Digits suffix(const Digits& digits, size_t from) { return Digits(digits.begin() + from, digits.end()); }

bool starts_with(const Digits& digits, const Digits& start) {
  return start.size() <= digits.size() && std::equal(start.begin(), start.end(), digits.begin());
}

size_t common_start(const Digits& a, const Digits& b) {
  size_t same = 0;
  while (same < a.size() && same < b.size() && a[same] == b[same]) ++same;
  return same;
}

bool contains(const Digits& digits, Digit digit) {
  return std::find(digits.begin(), digits.end(), digit) != digits.end();
}

// Intervals are listed for each device along the digits that change; beyond this many they are not considered.
constexpr int64_t kMostDevices = 512;

// Of each device, by its number along `devices`, where it stands along `digits`, which are some of them.
std::vector<int64_t> places_along(const Digits& digits, const Digits& devices, const Mesh& mesh) {
  return weighted_places(devices, mesh, [&](Digit digit) {
    const auto* at = std::find(digits.begin(), digits.end(), digit);
    return at == digits.end() ? 0 : mesh.size_of(Digits(at + 1, digits.end()));
  });
}

// Walks from the first sharding to the second, keeping the local sizes beside.
class Walk {
 public:
  Walk(const Dims& sizes, const Sharding& from, const Sharding& to, const Mesh& mesh)
      : sizes_(sizes), now_(from), to_(to), mesh_(mesh), local_(shard_sizes(sizes, from, mesh)) {}

  std::vector<Step> steps() && {
    scatter_partials();
    reduce_partials();
    while (exchange_once()) {
    }
    for (size_t d = 0; d < sizes_.size(); ++d) gather_extra(d);
    for (size_t d = 0; d < sizes_.size(); ++d) slice_missing(d);
    make_partials();
    return std::move(steps_);
  }

 private:
  // Whether cutting a dimension into `pieces`, then each into `more`, lands on the same places as cutting it at once.
  bool nests(size_t d, int64_t pieces, int64_t more) const { return pieces == 1 || sizes_[d] % (pieces * more) == 0; }

  int64_t pieces(const Digits& digits) const { return mesh_.size_of(digits); }

  int64_t elements() const {
    int64_t count = 1;
    for (const int64_t size : local_) count *= size;
    return count;
  }

  void push(Step step, const auto& change) {
    step.elements_before = elements();
    change();
    step.elements_after = elements();
    steps_.push_back(std::move(step));
  }

  void resize(size_t d, int64_t size) {
    if (local_[d] == size) return;
    Step step{Step::Kind::resize};
    step.dim = d;
    step.size = size;
    push(step, [&] { local_[d] = size; });
  }

  // Makes a dimension ready to be cut by `more`: a whole one is padded to a multiple.
  void prepare_cut(size_t d, const Digits& more) {
    if (now_.dims[d].empty()) resize(d, ceil_div(sizes_[d], pieces(more)) * pieces(more));
  }
  // After parts were joined: a dimension that is whole again has its real size.
  void finish_join(size_t d) {
    if (now_.dims[d].empty()) resize(d, sizes_[d]);
  }

  // The digits that `to` puts next on a dimension, where what is there now is its beginning.
  Digits wanted_next(size_t d) const {
    if (!starts_with(to_.dims[d], now_.dims[d])) return {};
    return suffix(to_.dims[d], now_.dims[d].size());
  }

  // Whether these are the first of them.
  bool wants_next(size_t d, const Digits& run) const {
    const Digits& wanted = to_.dims[d];
    const Digits& now = now_.dims[d];
    return wanted.size() >= now.size() + run.size() && starts_with(wanted, now) &&
           std::equal(run.begin(), run.end(), wanted.begin() + now.size());
  }

  void scatter_partials() {
    for (size_t d = 0; d < sizes_.size(); ++d) {
      Digits run;
      for (const Digit digit : wanted_next(d)) {
        if ((now_.partial & ~to_.partial & digit_bit(digit)) == 0) break;
        run.push_back(digit);
      }
      if (run.empty() || !nests(d, pieces(now_.dims[d]), pieces(run))) continue;
      prepare_cut(d, run);
      Step step{Step::Kind::reduce_scatter};
      step.dim = d;
      step.digits = run;
      step.reducer = now_.reducer;
      push(step, [&] {
        local_[d] /= pieces(run);
        now_.dims[d].append({run.data(), run.size()});
        now_.partial &= ~set_of(run);
      });
    }
  }

  void reduce_partials() {
    const DigitSet done = now_.partial & ~to_.partial;
    if (done == 0) return;
    Step step{Step::Kind::all_reduce};
    step.digits = digits_of(done);
    step.reducer = now_.reducer;
    push(step, [&] { now_.partial &= ~done; });
  }

  // One all-to-all: the longest run at the minor end of a dimension that another one wants next.
  bool exchange_once() {
    for (size_t d = 0; d < sizes_.size(); ++d) {
      const size_t kept = common_start(now_.dims[d], to_.dims[d]);
      for (size_t first = kept; first < now_.dims[d].size(); ++first) {
        const Digits run = suffix(now_.dims[d], first);
        for (size_t e = 0; e < sizes_.size(); ++e) {
          if (e != d && wants_next(e, run) && exchange(d, e, first, run)) return true;
        }
      }
    }
    return false;
  }

  bool exchange(size_t d, size_t e, size_t first, const Digits& run) {
    const Digits left = prefix(now_.dims[d], first);
    if (!nests(d, pieces(left), pieces(run)) || !nests(e, pieces(now_.dims[e]), pieces(run))) return false;
    prepare_cut(e, run);
    Step step{Step::Kind::all_to_all};
    step.dim = d;
    step.to_dim = e;
    step.digits = run;
    push(step, [&] {
      local_[d] *= pieces(run);
      local_[e] /= pieces(run);
      now_.dims[d] = left;
      now_.dims[e].append({run.data(), run.size()});
    });
    finish_join(d);
    return true;
  }

  void gather_extra(size_t d) {
    size_t kept = common_start(now_.dims[d], to_.dims[d]);
    const int64_t before = pieces(prefix(now_.dims[d], kept));
    const bool cuts_nest =
        nests(d, before, pieces(suffix(now_.dims[d], kept))) && nests(d, before, pieces(suffix(to_.dims[d], kept)));
    if (!cuts_nest) kept = 0;
    const Digits extra = suffix(now_.dims[d], kept);
    if (extra.empty() || now_.dims[d] == to_.dims[d]) return;
    const bool only_joins = cuts_nest && kept == to_.dims[d].size();
    if (only_joins && (set_of(extra) & ~to_.partial) == 0) return place(d, kept, extra);
    if (!only_joins && fetch_interval(d, pieces(extra) - 1)) return;
    Step step{Step::Kind::all_gather};
    step.dim = d;
    step.digits = extra;
    push(step, [&] {
      local_[d] *= pieces(extra);
      now_.dims[d] = prefix(now_.dims[d], kept);
    });
    finish_join(d);
  }

  void place(size_t d, size_t kept, const Digits& extra) {
    Step step{Step::Kind::place};
    step.dim = d;
    step.digits = extra;
    step.reducer = to_.reducer;
    push(step, [&] {
      local_[d] *= pieces(extra);
      now_.dims[d] = prefix(now_.dims[d], kept);
      now_.partial |= set_of(extra);
    });
    finish_join(d);
  }

  // Goes all the way at once, if that sends less than `limit` times what a device holds.
  bool fetch_interval(size_t d, int64_t limit) {
    if (Emitter::place_type(sizes_[d]) != DType::s32) return false;
    const Digits& wanted = to_.dims[d];
    Remap remap{d, now_.dims[d], sizes_[d], local_[d], ceil_div(sizes_[d], pieces(wanted)), {}};
    for (const Digit digit : wanted) {
      if (contains(remap.digits, digit)) continue;
      if ((now_.used() & digit_bit(digit)) != 0) return false;
      remap.copies.push_back(digit);
    }
    remap.copy_count = pieces(remap.copies);
    Digits devices = remap.digits;
    devices.append({remap.copies.data(), remap.copies.size()});
    if (wanted.empty() || pieces(devices) > kMostDevices) return false;
    for (const int64_t place : places_along(wanted, devices, mesh_)) {
      const int64_t start = place * remap.length;
      remap.wanted.push_back({start, std::clamp<int64_t>(sizes_[d] - start, 0, remap.length)});
    }
    const RemapTraffic traffic = traffic_of(remap);
    if (traffic.elements >= static_cast<double>(limit * local_[d])) return false;
    Step step{Step::Kind::remap};
    step.dim = d;
    step.digits = devices;
    step.traffic = traffic;
    step.remap = std::move(remap);
    push(std::move(step), [&] {
      local_[d] = ceil_div(sizes_[d], pieces(wanted));
      now_.dims[d] = wanted;
    });
    return true;
  }

  void slice_missing(size_t d) {
    const Digits missing = wanted_next(d);
    if (missing.empty()) return;
    prepare_cut(d, missing);
    Step step{Step::Kind::local_slice};
    step.dim = d;
    step.digits = missing;
    push(step, [&] {
      local_[d] /= pieces(missing);
      now_.dims[d] = to_.dims[d];
    });
  }

  void make_partials() {
    const DigitSet fresh = to_.partial & ~now_.partial;
    if (fresh == 0) return;
    Step step{Step::Kind::make_partial};
    step.digits = digits_of(fresh);
    step.reducer = to_.reducer;
    push(step, [&] { now_.partial |= fresh; });
  }

  Digits digits_of(DigitSet set) const {
    Digits digits;
    for (size_t i = 0; i < mesh_.digits().size(); ++i) {
      if ((set >> i & 1) != 0) digits.push_back(static_cast<Digit>(i));
    }
    return digits;
  }

  const Dims& sizes_;
  Sharding now_;
  const Sharding& to_;
  const Mesh& mesh_;
  Dims local_;
  std::vector<Step> steps_;
};

// One permutation of the devices, where both shardings cut every dimension by digits of the same sizes: what lay at
// some places along the first digits then lies at these places along the others. Digits that only one of them has hold
// copies under the other, and change places with those that the other has.
std::optional<Step> permutation(const Dims& sizes, const Sharding& from, const Sharding& to, const Mesh& mesh) {
  Step step{Step::Kind::permute};
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (from.dims[d].size() != to.dims[d].size()) return std::nullopt;
    for (size_t k = 0; k < from.dims[d].size(); ++k) {
      if (mesh.digits()[from.dims[d][k]].size != mesh.digits()[to.dims[d][k]].size) return std::nullopt;
    }
    step.digits.append({from.dims[d].data(), from.dims[d].size()});
    step.to_digits.append({to.dims[d].data(), to.dims[d].size()});
  }
  const DigitSet all = from.cut() | to.cut();
  if (from.partial != to.partial || (all & (from.partial | from.manual)) != 0) return std::nullopt;
  for (const Digit digit : Digits(step.to_digits)) {
    if (contains(step.digits, digit)) continue;
    const auto fits = [&](Digit other) {
      return !contains(step.to_digits, other) && mesh.digits()[other].size == mesh.digits()[digit].size;
    };
    const Digit* other = std::find_if(step.digits.begin(), step.digits.end(), fits);
    if (other == step.digits.end()) return std::nullopt;
    step.to_digits.push_back(*other);
    step.digits.push_back(digit);
  }
  step.elements_before = step.elements_after = 1;
  for (const int64_t size : shard_sizes(sizes, from, mesh)) step.elements_before *= size;
  step.elements_after = step.elements_before;
  return step;
}

// A sharding that differs from the second only in which digits cut: those that cut in the first, where they do already
// or after they left another dimension. From there one permutation of the devices is left. nullopt where digits of
// other sizes would be needed.
std::optional<Sharding> in_other_places(const Sharding& from, const Sharding& to, const Mesh& mesh) {
  const auto are_alike = [&](Digit a, Digit b) { return mesh.digits()[a].size == mesh.digits()[b].size; };
  Sharding middle = to;
  Digits leaving;
  for (size_t d = 0; d < to.dims.size(); ++d) {
    const auto kept = static_cast<size_t>(
        std::mismatch(from.dims[d].begin(), from.dims[d].end(), to.dims[d].begin(), to.dims[d].end(), are_alike).first -
        from.dims[d].begin());
    middle.dims[d] = prefix(from.dims[d], kept);
    const Digits rest = suffix(from.dims[d], kept);
    leaving.append({rest.data(), rest.size()});
  }
  for (size_t d = 0; d < to.dims.size(); ++d) {
    for (const Digit wanted : suffix(to.dims[d], middle.dims[d].size())) {
      if ((from.cut() & digit_bit(wanted)) == 0) {
        middle.dims[d].push_back(wanted);
        continue;
      }
      const auto* next =
          std::find_if(leaving.begin(), leaving.end(), [&](Digit digit) { return are_alike(digit, wanted); });
      if (next == leaving.end()) return std::nullopt;
      middle.dims[d].push_back(*next);
      leaving = within(leaving, ~digit_bit(*next));
    }
  }
  return middle;
}

// First the parts become what they are to be, by digits that are at hand; then they go where they belong.
std::vector<Step> steps_with_permutation(const Dims& sizes, const Sharding& from, const Sharding& to,
                                         const Mesh& mesh) {
  const auto middle = in_other_places(from, to, mesh);
  if (!middle || *middle == to) return {};
  const auto moved = permutation(sizes, *middle, to, mesh);
  if (!moved) return {};
  std::vector<Step> steps = Walk(sizes, from, *middle, mesh).steps();
  steps.push_back(*moved);
  return steps;
}

Instruction* emit_permute(const Step& step, Instruction* value, Emitter& emitter) {
  return emitter.change_places(value, step.digits, step.to_digits);
}

Instruction* emit_make_partial(const Step& step, Instruction* value, Emitter& emitter) {
  const Shape& shape = value->shape();
  const Shape flags(DType::pred, shape.dims());
  Instruction* first =
      emitter.add(Op::compare, Shape(DType::pred), {emitter.index_along(step.digits), emitter.scalar_s32(0)},
                  CompareAttrs{Direction::EQ, ComparisonType::automatic});
  Instruction* neutral = emitter.broadcast_scalar(emitter.neutral(step.reducer, shape.type()), shape);
  return emitter.add(Op::select, shape.without_layout(), {emitter.broadcast_scalar(first, flags), value, neutral});
}

Instruction* emit_place(const Step& step, Instruction* value, Emitter& emitter) {
  const Shape& shape = value->shape();
  Dims dims = shape.dims();
  dims[step.dim] *= emitter.mesh().size_of(step.digits);
  const Shape whole = shape.with_dims(dims);
  Instruction* neutral = emitter.broadcast_scalar(emitter.neutral(step.reducer, shape.type()), whole);
  Instruction* start =
      emitter.start_along(step.digits, shape.dim(step.dim), Emitter::place_type(whole.dim(step.dim)));
  return emitter.update_at(neutral, value, step.dim, start);
}

double elements_sent(const Step& step, const Mesh& mesh) {
  const auto members = static_cast<double>(mesh.size_of(step.digits));
  const double others = (members - 1) / members;
  switch (step.kind) {
    case Step::Kind::all_reduce:
      return 2 * others * static_cast<double>(step.elements_before);
    case Step::Kind::reduce_scatter:
    case Step::Kind::all_to_all:
      return others * static_cast<double>(step.elements_before);
    case Step::Kind::all_gather:
      return others * static_cast<double>(step.elements_after);
    case Step::Kind::remap:
      return step.traffic.elements * static_cast<double>(step.elements_before / step.remap.shard);
    case Step::Kind::permute:
      return static_cast<double>(step.elements_before);
    case Step::Kind::local_slice:
    case Step::Kind::make_partial:
    case Step::Kind::place:
    case Step::Kind::resize:
      return 0;
  }
  return 0;
}

// One after the other; what was reduced is spread again.
double messages_of(const Step& step, const Mesh& mesh) {
  if (step.kind == Step::Kind::permute) return 1;
  if (step.kind == Step::Kind::remap) return step.traffic.messages;
  const double once = doublings(mesh.size_of(step.digits));
  return step.kind == Step::Kind::all_reduce ? 2 * once : once;
}

}  // namespace

std::vector<Step> reshard_steps(const Dims& sizes, const Sharding& from, const Sharding& to, const Mesh& mesh) {
  GSHARD_CHECK(from.manual == to.manual);
  if (from == to) return {};
  std::vector<Step> steps = Walk(sizes, from, to, mesh).steps();
  const auto moved = permutation(sizes, from, to, mesh);
  if (moved && elements_sent(*moved, mesh) <= elements_sent(steps, mesh)) return {*moved};
  std::vector<Step> others = steps_with_permutation(sizes, from, to, mesh);
  return !others.empty() && elements_sent(others, mesh) < elements_sent(steps, mesh) ? others : steps;
}

double elements_sent(const std::vector<Step>& steps, const Mesh& mesh) {
  double total = 0;
  for (const Step& step : steps) total += elements_sent(step, mesh);
  return total;
}

double seconds_of(const std::vector<Step>& steps, DType type, const Mesh& mesh, const Machine& machine) {
  double seconds = 0;
  for (const Step& step : steps) {
    const double bytes = elements_sent(step, mesh) * static_cast<double>(bytes_of(type));
    if (bytes == 0) continue;
    const Link link = machine.link_along(step.digits, mesh);
    seconds += messages_of(step, mesh) * link.latency + bytes / link.bytes_per_second;
  }
  return seconds;
}

Instruction* emit(const std::vector<Step>& steps, Instruction* value, Emitter& emitter) {
  for (const Step& step : steps) {
    switch (step.kind) {
      case Step::Kind::all_reduce:
        value = emitter.all_reduce(value, step.reducer, step.digits);
        break;
      case Step::Kind::reduce_scatter:
        value = emitter.reduce_scatter(value, step.dim, step.reducer, step.digits);
        break;
      case Step::Kind::all_to_all:
        value = emitter.all_to_all(value, step.dim, step.to_dim, step.digits);
        break;
      case Step::Kind::all_gather:
        value = emitter.all_gather(value, step.dim, step.digits);
        break;
      case Step::Kind::local_slice:
        value = emitter.local_slice(value, step.dim, step.digits);
        break;
      case Step::Kind::make_partial:
        value = emit_make_partial(step, value, emitter);
        break;
      case Step::Kind::place:
        value = emit_place(step, value, emitter);
        break;
      case Step::Kind::resize:
        value = emitter.resize(value, step.dim, step.size);
        break;
      case Step::Kind::remap:
        value = emit(step.remap, value, nullptr, emitter);
        break;
      case Step::Kind::permute:
        value = emit_permute(step, value, emitter);
        break;
    }
  }
  return value;
}

}  // namespace gshard
