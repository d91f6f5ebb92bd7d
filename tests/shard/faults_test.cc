// The comparison with the whole program catches faults: partitioned programs into which one mistake was put, of the
// kinds that a partitioner makes, all give other numbers (or an error, or devices that wait for each other).
#include <gtest/gtest.h>

#include <algorithm>

#include "eval/arguments.h"
#include "shard/against_the_whole.h"
#include "shard/checked.h"
#include "shard/trials.h"
#include "text/parse.h"
#include "text/verify.h"

namespace gshard {
namespace {

// ---- programs in which the faults matter -------------------------------------------------------------------------

constexpr const char* kReducers = R"(
sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}

largest {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] maximum(a, b)
}
)";

// 15 rows on four devices, the last with one row of padding; the start value counts once.
constexpr const char* kUnevenSum = R"(
ENTRY e {
  x = f32[15,6] parameter(0), sharding={devices=[4,1]<=[4]}
  start = f32[] parameter(1), sharding={replicated}
  ROOT s = f32[6] reduce(x, start), dimensions={0}, to_apply=sum, sharding={replicated}
}
)";

// All numbers are negative, so that a zero among them would be the largest.
constexpr const char* kUnevenMaximum = R"(
ENTRY e {
  x = f32[15,6] parameter(0), sharding={devices=[4,1]<=[4]}
  e = f32[15,6] exponential(x)
  n = f32[15,6] negate(e)
  low = f32[] constant(-inf)
  ROOT s = f32[6] reduce(n, low), dimensions={0}, to_apply=largest, sharding={replicated}
}
)";

constexpr const char* kTwoAxes = R"(
ENTRY e {
  x = f32[6,8] parameter(0), sharding={devices=[2,2]<=[4]}
  w = f32[8,6] parameter(1), sharding={devices=[2,1,2]<=[2,2]T(1,0) last_tile_dim_replicate}
  y = f32[6,6] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={devices=[2,1,2]<=[4] last_tile_dim_replicate}
  ROOT z = f32[6,6] tanh(y), sharding={devices=[2,1,2]<=[4] last_tile_dim_replicate}
}
)";

// A sum of which every device wants a part, and one that all want whole.
constexpr const char* kParts = R"(
ENTRY e {
  x = f32[8,12] parameter(0), sharding={devices=[1,4]<=[4]}
  w = f32[12,8] parameter(1), sharding={devices=[4,1]<=[4]}
  ROOT y = f32[8,8] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={devices=[4,1]<=[4]}
}
)";

constexpr const char* kGathered = R"(
ENTRY e {
  x = f32[8,6] parameter(0), sharding={devices=[4,1]<=[4]}
  ROOT y = f32[8,6] cosine(x), sharding={replicated}
}
)";

constexpr const char* kUnevenGathered = R"(
ENTRY e {
  x = f32[15,6] parameter(0), sharding={devices=[4,1]<=[4]}
  ROOT y = f32[15,6] cosine(x), sharding={replicated}
}
)";

constexpr const char* kSliced = R"(
ENTRY e {
  x = f32[8,6] parameter(0), sharding={replicated}
  y = f32[8,6] cosine(x), sharding={replicated}
  ROOT z = f32[8,6] copy(y), sharding={devices=[2,3]<=[3,2]T(1,0)}
}
)";

constexpr const char* kExchanged = R"(
ENTRY e {
  x = f32[8,12] parameter(0), sharding={devices=[4,1]<=[4]}
  ROOT y = f32[8,12] cosine(x), sharding={devices=[1,4]<=[4]}
}
)";

constexpr const char* kNumbered = R"(
ENTRY e {
  x = f32[8,6] parameter(0), sharding={devices=[4,1]<=[4]}
  i = f32[8,6] iota(), iota_dimension=0
  ROOT y = f32[8,6] multiply(x, i), sharding={devices=[4,1]<=[4]}
}
)";

// Seven updates on two devices: the place of the eighth is garbage.
constexpr const char* kScattered = R"(
ENTRY e {
  t = f32[5,4] parameter(0), sharding={replicated}
  i = s32[7] parameter(1), sharding={devices=[2]<=[2]}
  u = f32[7,4] parameter(2), sharding={devices=[2,1]<=[2]}
  ROOT s = f32[5,4] scatter(t, i, u), update_window_dims={1}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, index_vector_dim=1, to_apply=sum, sharding={replicated}
}
)";

// Until the sum over all devices is small, which all of them must agree on.
constexpr const char* kLoop = R"(
halve {
  x = f32[12] parameter(0)
  half = f32[] constant(0.5)
  halves = f32[12] broadcast(half), dimensions={}
  ROOT y = f32[12] multiply(x, halves)
}

still_large {
  x = f32[12] parameter(0)
  zero = f32[] constant(0)
  total = f32[] reduce(x, zero), dimensions={0}, to_apply=sum
  bound = f32[] constant(0.3)
  ROOT c = pred[] compare(total, bound), direction=GT
}

ENTRY e {
  x = f32[12] parameter(0), sharding={devices=[4]<=[4]}
  ROOT w = f32[12] while(x), condition=still_large, body=halve, sharding={devices=[4]<=[4]}
}
)";

// A sum over rounds, reduced once behind the loop, and the start value counts once.
constexpr const char* kAddedUp = R"(
add_more {
  state = (s32[], f32[8,6], f32[12,8]) parameter(0)
  n = s32[] get-tuple-element(state), index=0
  g = f32[8,6] get-tuple-element(state), index=1
  x = f32[12,8] get-tuple-element(state), index=2
  one = s32[] constant(1)
  next = s32[] add(n, one)
  y = f32[12,6] slice(x), slice={[0:12], [0:6]}
  d = f32[8,6] dot(x, y), lhs_contracting_dims={0}, rhs_contracting_dims={0}
  more = f32[8,6] add(g, d)
  ROOT r = (s32[], f32[8,6], f32[12,8]) tuple(next, more, x)
}

three_times {
  state = (s32[], f32[8,6], f32[12,8]) parameter(0)
  n = s32[] get-tuple-element(state), index=0
  three = s32[] constant(3)
  ROOT c = pred[] compare(n, three), direction=LT
}

ENTRY e {
  x = f32[12,8] parameter(0), sharding={devices=[4,1]<=[4]}
  start = f32[8,6] parameter(1), sharding={replicated}
  none = s32[] constant(0)
  state = (s32[], f32[8,6], f32[12,8]) tuple(none, start, x)
  loop = (s32[], f32[8,6], f32[12,8]) while(state), condition=three_times, body=add_more
  ROOT g = f32[8,6] get-tuple-element(loop), index=1, sharding={replicated}
}
)";

// Windows of three rows, of which a device has to fetch two. All numbers are negative, and outside is nothing.
constexpr const char* kHalo = R"(
ENTRY e {
  x = f32[12,6] parameter(0), sharding={devices=[4,1]<=[4]}
  e = f32[12,6] exponential(x)
  n = f32[12,6] negate(e)
  low = f32[] constant(-inf)
  ROOT y = f32[12,6] reduce-window(n, low), window={size=3x1 pad=1_1x0_0}, to_apply=largest, sharding={devices=[4,1]<=[4]}
}
)";

constexpr const char* kShifted = R"(
ENTRY e {
  x = f32[12,6] parameter(0), sharding={devices=[4,1]<=[4]}
  ROOT y = f32[8,6] slice(x), slice={[3:11], [0:6]}, sharding={devices=[4,1]<=[4]}
}
)";

// A table that is too large to bring it together for seven rows.
constexpr const char* kRows = R"(
ENTRY e {
  t = f32[50,4] parameter(0), sharding={devices=[4,1]<=[4]}
  i = s32[7] parameter(1), sharding={replicated}
  ROOT g = f32[7,4] gather(t, i), offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, slice_sizes={1,4}, sharding={replicated}
}
)";

// Dots in rings: along what is contracted, with one row of padding on the last device, along rows, and of sums.
constexpr const char* kRing = R"(
ENTRY e {
  x = f32[64,15] parameter(0), sharding={devices=[4,1]<=[4]}
  w = f32[15,6] parameter(1), sharding={devices=[4,1]<=[4]}
  ROOT y = f32[64,6] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={devices=[4,1]<=[4]}
}
)";

constexpr const char* kRingOfRows = R"(
ENTRY e {
  x = f32[15,6] parameter(0), sharding={devices=[4,1]<=[4]}
  w = f32[6,64] parameter(1), sharding={devices=[1,4]<=[4]}
  ROOT y = f32[15,64] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={devices=[1,4]<=[4]}
}
)";

constexpr const char* kRingOfSums = R"(
ENTRY e {
  x = f32[12,40] parameter(0), sharding={devices=[1,4]<=[4]}
  w = f32[40,6] parameter(1), sharding={devices=[4,1]<=[4]}
  ROOT y = f32[12,6] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={devices=[4,1]<=[4]}
}
)";

// Windows of three rows, which may begin in one part and end in the next.
constexpr const char* kWindows = R"(
ENTRY e {
  t = f32[50,4] parameter(0), sharding={devices=[4,1]<=[4]}
  i = s32[7] parameter(1), sharding={replicated}
  four = s32[] constant(4)
  fours = s32[7] broadcast(four), dimensions={}
  places = s32[7] multiply(i, fours)
  ROOT g = f32[7,3,4] gather(t, places), offset_dims={1,2}, collapsed_slice_dims={}, start_index_map={0}, index_vector_dim=1, slice_sizes={3,4}, sharding={replicated}
}
)";

// ---- edits -------------------------------------------------------------------------------------------------------

// Changes a program at one instruction; false where there is nothing to change.
using Edit = bool (*)(Instruction& at);

bool use_instead(Instruction& at, Instruction* other) {
  at.parent()->replace_uses(&at, other);
  return true;
}

bool is_one_number(const Instruction& x) { return x.op() == Op::constant && x.shape().rank() == 0; }

template <class T>
void set_number(Instruction& constant, T value) {
  constant.set_attributes(ConstantAttrs{Literal::scalar(constant.shape().type(), value)});
}

bool drop(Instruction& at) { return use_instead(at, at.operand(0)); }

bool drop_scatter(Instruction& at) {
  SliceAttrs attrs;
  const size_t rank = at.shape().rank();
  attrs.slice = {Dims(rank, 0), at.shape().dims(), Dims(rank, 1)};
  Instruction* const operands[] = {at.operand(0)};
  return use_instead(at, at.parent()->add(Op::slice, at.shape(), operands, attrs));
}

template <class Change>
bool change_groups(Instruction& at, Change change) {
  CollectiveAttrs attrs = at.attrs<CollectiveAttrs>();
  std::vector<std::vector<int64_t>> groups = change(static_cast<int64_t>(attrs.replica_groups.iota->dims[0]),
                                                    static_cast<int64_t>(attrs.replica_groups.iota->dims[1]));
  attrs.replica_groups = {std::move(groups), std::nullopt, ""};
  at.set_attributes(attrs);
  return true;
}

// The groups {0,1},{2,3} for {0,2},{1,3} and the other way round, in a mesh of two axes of two.
bool swap_axes_of_groups(Instruction& at) {
  const bool rows = at.attrs<CollectiveAttrs>().replica_groups.iota->transpose_perm.empty();
  return change_groups(at, [&](int64_t, int64_t) -> std::vector<std::vector<int64_t>> {
    if (rows) return {{0, 2}, {1, 3}};
    return {{0, 1}, {2, 3}};
  });
}

bool join_groups(Instruction& at) {
  return change_groups(at, [](int64_t groups, int64_t members) {
    std::vector<int64_t> all;
    for (int64_t device = 0; device < groups * members; ++device) all.push_back(device);
    return std::vector<std::vector<int64_t>>{all};
  });
}

// In a program of one group.
bool reverse_members(Instruction& at) {
  return change_groups(at, [](int64_t, int64_t members) {
    std::vector<int64_t> all;
    for (int64_t device = members; device-- > 0;) all.push_back(device);
    return std::vector<std::vector<int64_t>>{all};
  });
}

bool cut_group(Instruction& at) {
  return change_groups(at, [](int64_t, int64_t members) {
    std::vector<std::vector<int64_t>> halves(2);
    for (int64_t device = 0; device < members; ++device) halves[device < members / 2 ? 0 : 1].push_back(device);
    return halves;
  });
}

bool reduce_otherwise(Instruction& at) {
  Computation* reducer = at.callees()[0];
  Module& module = *reducer->parent();
  Computation* other = module.add_computation("other");
  std::vector<Instruction*> operands;
  for (const int64_t number : {0, 1})
    operands.push_back(other->add(Op::parameter, reducer->parameter(0)->shape(), {}, ParameterAttrs{number}));
  const Op op = reducer->root()->op() == Op::maximum ? Op::add : Op::maximum;
  other->set_root(other->add(op, reducer->root()->shape(), operands));
  at.mutable_callees() = {other};
  module.sort_computations();
  return true;
}

// What a loop adds up is reduced in each round, and once more behind the loop.
bool reduce_in_each_round(Instruction& at) {
  const Instruction& element = *at.operand(0);
  if (element.op() != Op::get_tuple_element) return false;
  Instruction* state = element.operand(0)->callees()[1]->root();
  Instruction*& sum = state->mutable_operands()[static_cast<size_t>(element.attrs<TupleIndexAttrs>().index)];
  Instruction* const operands[] = {sum};
  Instruction* reduced = state->parent()->add(Op::all_reduce, at.shape(), operands, at.attributes());
  reduced->mutable_callees() = at.callees();
  sum = reduced;
  at.parent()->parent()->sort_computations();
  return true;
}

// tanh(sum of parts) becomes the sum of tanh(part).
bool reduce_after_next(Instruction& at) {
  UserTable users(*at.parent());
  Instruction* next = users.users_of(at)[0];
  if (next->op() != Op::tanh) return false;
  next->mutable_operands()[0] = at.operand(0);
  at.parent()->replace_uses(next, &at);
  at.mutable_operands()[0] = next;
  return true;
}

bool reshape_instead(Instruction& at) {
  Instruction* const operands[] = {at.operand(0)};
  return use_instead(at, at.parent()->add(Op::reshape, at.shape(), operands));
}

bool keep_garbage(Instruction& at) { return use_instead(at, at.operand(1)); }

// Masked are both the places and the values of updates.
bool keep_garbage_in_updates(Instruction& at) {
  for (const size_t i : {1, 2}) {
    if (at.operand(i)->op() == Op::select) at.mutable_operands()[i] = at.operand(i)->operand(1);
  }
  return true;
}

bool keep_neutral(Instruction& at) { return use_instead(at, at.operand(2)); }

template <Direction kDirection>
bool compare_by(Instruction& at) {
  CompareAttrs attrs = at.attrs<CompareAttrs>();
  attrs.direction = kDirection;
  at.set_attributes(attrs);
  return true;
}

// The number that a place is compared with in a mask, or multiplied by.
template <int kStep>
bool shift_number(Instruction& at) {
  if (at.op() == Op::compare && at.attrs<CompareAttrs>().direction != Direction::LT) return false;
  for (Instruction* operand : at.operands()) {
    if (operand->op() == Op::broadcast) operand = operand->operand(0);
    if (!is_one_number(*operand) || operand->shape().type() != DType::s32) continue;
    const int32_t value = operand->attrs<ConstantAttrs>().value.values<int32_t>()[0];
    if (value + kStep == 0) continue;
    set_number<int32_t>(*operand, value + kStep);
    return true;
  }
  return false;
}

// Of a loop that counts its rounds.
template <int kStep>
bool end_after_another_round(Instruction& at) {
  return at.operand(0)->op() == Op::get_tuple_element && shift_number<kStep>(at);
}

template <int kNumber>
bool fill_with(Instruction& at) {
  Instruction* fill = at.operand(2);
  if (fill->op() == Op::broadcast) fill = fill->operand(0);
  if (!is_one_number(*fill) || fill->shape().type() != DType::f32) return false;
  set_number<float>(*fill, kNumber);
  return true;
}

// Sums of numbers along a dimension and where this device's begin.
bool count_from_zero(Instruction& at) {
  if (at.operand(0)->op() != Op::iota) return false;
  return use_instead(at, at.operand(0));
}

bool be_the_first(Instruction& at) {
  Literal zero = Literal::scalar<uint32_t>(DType::u32, 0);
  return use_instead(at, at.parent()->add(Op::constant, at.shape(), {}, ConstantAttrs{std::move(zero)}));
}

template <Op kOther>
bool divide_otherwise(Instruction& at) {
  Instruction* const operands[] = {at.operand(0), at.operand(1)};
  return use_instead(at, at.parent()->add(kOther, at.shape(), operands));
}

bool start_later(Instruction& at) {
  SliceAttrs attrs = at.attrs<SliceAttrs>();
  for (size_t d = 0; d < at.shape().rank(); ++d) {
    if (attrs.slice.limits[d] >= at.operand(0)->shape().dim(d)) continue;
    ++attrs.slice.starts[d];
    ++attrs.slice.limits[d];
    at.set_attributes(attrs);
    return true;
  }
  return false;
}

bool start_earlier(Instruction& at) {
  SliceAttrs attrs = at.attrs<SliceAttrs>();
  for (size_t d = 0; d < at.shape().rank(); ++d) {
    if (attrs.slice.starts[d] == 0) continue;
    --attrs.slice.starts[d];
    --attrs.slice.limits[d];
    at.set_attributes(attrs);
    return true;
  }
  return false;
}

template <class Change>
bool change_pairs(Instruction& at, Change change) {
  CollectivePermuteAttrs attrs = at.attrs<CollectivePermuteAttrs>();
  auto pairs = attrs.source_target_pairs.list();
  change(pairs);
  attrs.source_target_pairs = pairs;
  at.set_attributes(attrs);
  return true;
}

bool send_back(Instruction& at) {
  return change_pairs(at, [](auto& pairs) {
    for (auto& [source, target] : pairs) std::swap(source, target);
  });
}

bool forget_one(Instruction& at) {
  return change_pairs(at, [](auto& pairs) { pairs.pop_back(); });
}

bool join_in_another_order(Instruction& at) {
  auto& operands = at.mutable_operands();
  if (operands.size() < 3 || !(operands.front()->shape() == operands.back()->shape())) return false;
  std::swap(operands.front(), operands.back());
  return true;
}

// Of a place in the whole, which lies between 0 and 49, as if the part of a device were all.
bool clamp_to_the_part(Instruction& at) {
  Instruction* limit = at.operand(2)->op() == Op::broadcast ? at.operand(2)->operand(0) : at.operand(2);
  if (!is_one_number(*limit)) return false;
  set_number<int32_t>(*limit, 12);
  return true;
}

bool do_not_clamp(Instruction& at) { return use_instead(at, at.operand(1)); }

// ---- the table ---------------------------------------------------------------------------------------------------

PartitionOptions as_usual() { return {}; }

struct Fault {
  const char* name;
  const char* program;
  int devices;
  Op op;  // the instructions at which it can be made, one after the other
  Edit edit;
  PartitionOptions (*options)() = as_usual;
};

constexpr Fault kFaults[] = {
    {"dropped_all_reduce", kTwoAxes, 4, Op::all_reduce, drop},
    {"all_reduce_along_the_other_axis", kTwoAxes, 4, Op::all_reduce, swap_axes_of_groups},
    {"all_reduce_along_both_axes", kTwoAxes, 4, Op::all_reduce, join_groups},
    {"all_reduce_of_half_a_group", kUnevenSum, 4, Op::all_reduce, cut_group},
    {"all_reduce_with_another_reducer", kUnevenSum, 4, Op::all_reduce, reduce_otherwise},
    {"all_reduce_of_maxima_that_adds", kUnevenMaximum, 4, Op::all_reduce, reduce_otherwise},
    {"all_reduce_behind_a_nonlinear_op", kTwoAxes, 4, Op::all_reduce, reduce_after_next},
    {"dropped_reduce_scatter", kParts, 4, Op::reduce_scatter, drop_scatter},
    {"reduce_scatter_in_another_order", kParts, 4, Op::reduce_scatter, reverse_members},
    {"all_gather_in_another_order", kGathered, 4, Op::all_gather, reverse_members},
    {"padding_kept_in_front", kUnevenGathered, 4, Op::slice, start_later},
    {"dropped_all_to_all", kExchanged, 4, Op::all_to_all, drop},
    {"all_to_all_in_another_order", kExchanged, 4, Op::all_to_all, reverse_members},
    {"parts_of_all_to_all_not_put_in_order", kExchanged, 4, Op::transpose, reshape_instead},
    {"missing_mask", kUnevenSum, 4, Op::select, keep_garbage},
    {"everything_masked", kUnevenSum, 4, Op::select, keep_neutral},
    {"mask_one_too_long", kUnevenSum, 4, Op::compare, shift_number<1>},
    {"mask_one_too_short", kUnevenSum, 4, Op::compare, shift_number<-1>},
    {"mask_inverted", kUnevenSum, 4, Op::compare, compare_by<Direction::GE>},
    {"mask_of_places_of_this_device", kUnevenSum, 4, Op::add, count_from_zero},
    {"wrong_neutral_element_of_a_sum", kUnevenSum, 4, Op::select, fill_with<1>},
    {"wrong_neutral_element_of_a_maximum", kUnevenMaximum, 4, Op::select, fill_with<0>},
    {"missing_masks_of_updates", kScattered, 2, Op::scatter, keep_garbage_in_updates},
    {"numbers_that_start_at_zero_everywhere", kNumbered, 4, Op::add, count_from_zero},
    {"parts_of_another_size", kNumbered, 4, Op::multiply, shift_number<1>},
    {"every_device_is_the_first", kSliced, 6, Op::partition_id, be_the_first},
    {"place_along_the_minor_axis_for_the_major", kSliced, 6, Op::divide, divide_otherwise<Op::remainder>},
    {"place_along_the_major_axis_for_the_minor", kSliced, 6, Op::remainder, divide_otherwise<Op::divide>},
    {"slice_at_a_wrong_place", kSliced, 6, Op::multiply, shift_number<-1>},
    {"edges_sent_the_wrong_way", kHalo, 4, Op::collective_permute, send_back},
    {"edge_not_sent_to_one", kHalo, 4, Op::collective_permute, forget_one},
    {"edge_of_its_own_instead_of_the_neighbours", kHalo, 4, Op::collective_permute, drop},
    {"edges_joined_on_the_wrong_sides", kHalo, 4, Op::concatenate, join_in_another_order},
    {"edge_one_row_too_early", kHalo, 4, Op::slice, start_earlier},
    {"edge_one_row_too_late", kHalo, 4, Op::slice, start_later},
    {"missing_mask_of_what_lies_outside", kHalo, 4, Op::select, keep_garbage},
    {"window_filled_with_zeros", kHalo, 4, Op::select, fill_with<0>},
    {"shifted_interval_one_too_far", kShifted, 4, Op::add, shift_number<1>},
    {"shifted_interval_from_the_wrong_side", kShifted, 4, Op::collective_permute, send_back},
    {"rows_of_other_devices_not_masked", kRows, 4, Op::select, keep_garbage},
    {"places_in_the_whole_for_places_in_the_part", kRows, 4, Op::subtract, drop},
    {"places_clamped_to_the_part", kRows, 4, Op::clamp, clamp_to_the_part},
    {"places_not_clamped", kRows, 4, Op::clamp, do_not_clamp},
    {"windows_in_other_parts_not_masked", kWindows, 4, Op::select, keep_garbage},
    {"margin_one_too_wide", kWindows, 4, Op::subtract, shift_number<1>},
    {"margin_one_too_narrow", kWindows, 4, Op::subtract, shift_number<-1>},
    {"sum_of_a_loop_started_on_all_devices", kAddedUp, 4, Op::select, keep_garbage},
    {"sum_of_a_loop_started_on_none", kAddedUp, 4, Op::select, keep_neutral},
    {"sum_of_a_loop_not_reduced", kAddedUp, 4, Op::all_reduce, drop},
    {"sum_of_a_loop_reduced_in_each_round_as_well", kAddedUp, 4, Op::all_reduce, reduce_in_each_round},
    {"ring_that_turns_the_wrong_way", kRing, 4, Op::collective_permute, send_back, with_rings},
    {"ring_that_does_not_turn", kRing, 4, Op::collective_permute, drop, with_rings},
    {"ring_with_a_gap", kRing, 4, Op::collective_permute, forget_one, with_rings},
    {"ring_of_one_round_too_few", kRing, 4, Op::compare, end_after_another_round<-1>, with_rings},
    {"ring_of_one_round_too_many", kRing, 4, Op::compare, end_after_another_round<1>, with_rings},
    {"ring_with_another_part", kRing, 4, Op::remainder, drop, with_rings},
    {"ring_with_another_slice", kRing, 4, Op::multiply, shift_number<-1>, with_rings},
    {"ring_with_padding", kRing, 4, Op::select, keep_garbage, with_rings},
    {"ring_of_rows_that_turns_the_wrong_way", kRingOfRows, 4, Op::collective_permute, send_back, with_rings},
    {"ring_of_rows_one_round_too_few", kRingOfRows, 4, Op::compare, end_after_another_round<-1>, with_rings},
    {"ring_of_rows_at_other_places", kRingOfRows, 4, Op::multiply, shift_number<-1>, with_rings},
    {"ring_of_rows_that_all_are_of_the_first", kRingOfRows, 4, Op::partition_id, be_the_first, with_rings},
    {"ring_of_sums_that_turns_the_wrong_way", kRingOfSums, 4, Op::collective_permute, send_back, with_rings},
    {"ring_of_sums_one_round_too_few", kRingOfSums, 4, Op::compare, end_after_another_round<-1>, with_rings},
    {"ring_of_sums_one_round_too_many", kRingOfSums, 4, Op::compare, end_after_another_round<1>, with_rings},
    {"ring_of_sums_with_another_slice", kRingOfSums, 4, Op::multiply, shift_number<-1>, with_rings},
    {"ring_of_sums_for_others", kRingOfSums, 4, Op::remainder, drop, with_rings},
    {"loop_ends_when_a_device_likes", kLoop, 4, Op::all_reduce, drop},
};

void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

std::unique_ptr<Module> whole_of(const Fault& fault) {
  const std::string header = "HloModule m, num_partitions=" + std::to_string(fault.devices) + "\n";
  auto module = parse_module(header + kReducers + fault.program);
  verify(*module);
  return module;
}

std::vector<Instruction*> sites_of(const Module& module, Op op) {
  std::vector<Instruction*> sites;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (instruction->op() == op) sites.push_back(instruction.get());
    }
  }
  return sites;
}

class Faults : public testing::TestWithParam<Fault> {};

TEST_P(Faults, AreCaught) {
  const Fault& fault = GetParam();
  const auto whole = whole_of(fault);
  const std::vector<Literal> arguments[] = {random_arguments(*whole, 1, {Signs::both}), wild_arguments(*whole, 1),
                                            wild_arguments(*whole, 2)};
  const auto is_same = [&](const Partitioned& program) {
    return std::all_of(std::begin(arguments), std::end(arguments), [&](const std::vector<Literal>& values) {
      return against_the_whole(*whole, program, values, Numbers::declared).kind == Verdict::Kind::same;
    });
  };
  Partitioned program = partition(*whole, fault.options());
  ASSERT_TRUE(is_same(program));
  const std::unique_ptr<Module> module = std::move(program.module);
  const size_t sites = sites_of(*module, fault.op).size();
  int edits = 0;
  for (size_t site = 0; site < sites; ++site) {
    program.module = module->clone();
    if (!fault.edit(*sites_of(*program.module, fault.op)[site])) continue;
    ++edits;
    for (const auto& computation : program.module->computations()) computation->sort_topologically();
    ASSERT_NO_THROW(verify(*program.module)) << "a fault must be a program";
    EXPECT_FALSE(is_same(program)) << "at " << site << " of " << sites;
  }
  EXPECT_GT(edits, 0) << "the program has no place for it";
}

INSTANTIATE_TEST_SUITE_P(Shard, Faults, testing::ValuesIn(kFaults),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace gshard
