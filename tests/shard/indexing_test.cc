// Ops at computed places: what is sent for them, and that every place is found.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "eval/elements.h"
#include "shard/against_the_whole.h"
#include "shard/checked.h"
#include "text/parse.h"
#include "text/print.h"

namespace gshard {
namespace {

TEST(Indexing, ATableIsReadWhereItsRowsAre) {
  const Partitioned program = checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  table = f32[13,6] parameter(0), sharding={devices=[4,1]<=[4]}
  ids = s32[5] parameter(1), sharding={replicated}
  ROOT rows = f32[5,6] gather(table, ids), offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, slice_sizes={1,6}, sharding={replicated}
}
)");
  EXPECT_EQ(largest_result(program, Op::all_gather), 0) << print(*program.module);
  EXPECT_EQ(largest_result(program, Op::all_reduce), 30);
}

TEST(Indexing, RowsThatAreWantedInPartsAreReduceScattered) {
  const Partitioned program = checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  table = f32[40,6] parameter(0), sharding={devices=[4,1]<=[4]}
  ids = u8[8] parameter(1), sharding={replicated}
  ROOT rows = f32[8,6] gather(table, ids), offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, slice_sizes={1,6}, sharding={devices=[4,1]<=[4]}
}
)");
  EXPECT_EQ(largest_result(program, Op::all_gather), 0) << print(*program.module);
  EXPECT_EQ(largest_result(program, Op::all_reduce), 0);
  EXPECT_EQ(largest_result(program, Op::reduce_scatter), 12);
}

// Rows and columns cut by different axes, in another order of the devices; flags are joined by or.
TEST(Indexing, ElementsOfAGridAreFoundOnTheDeviceThatHasThem) {
  const Partitioned program = checked(R"(
HloModule m, num_partitions=6
ENTRY e {
  grid = pred[7,9] parameter(0), sharding={devices=[3,2]<=[2,3]T(1,0)}
  places = s64[5,2] parameter(1), sharding={replicated}
  ROOT flags = pred[5] gather(grid, places), offset_dims={}, collapsed_slice_dims={0,1}, start_index_map={1,0}, index_vector_dim=1, slice_sizes={1,1}, sharding={replicated}
}
)");
  EXPECT_EQ(largest_result(program, Op::all_gather), 0) << print(*program.module);
}

TEST(Indexing, ZerosKeepTheirSign) {
  const auto module = parse_module(R"(
HloModule m, num_partitions=2
ENTRY e {
  table = f32[4] parameter(0), sharding={devices=[2]<=[2]}
  i = s32[] parameter(1), sharding={replicated}
  ids = s32[1] reshape(i)
  row = f32[1] gather(table, ids), offset_dims={}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, slice_sizes={1}, sharding={replicated}
  slice = f32[1] dynamic-slice(table, i), dynamic_slice_sizes={1}, sharding={replicated}
  row_bits = s32[1] bitcast-convert(row)
  slice_bits = s32[1] bitcast-convert(slice)
  ROOT r = (s32[1], s32[1]) tuple(row_bits, slice_bits)
}
)");
  const Literal zeros = convert_elements(Literal::scalar(DType::f64, -0.0), DType::f32);
  Literal table{Shape(DType::f32, {4})};
  for (float& x : table.mutable_values<float>()) x = zeros.values<float>()[0];
  const std::vector<Literal> arguments = {table, Literal::scalar(DType::s32, int32_t{2})};
  const Verdict verdict = against_the_whole(*module, arguments, Numbers::declared);
  EXPECT_EQ(verdict.kind, Verdict::Kind::same) << verdict.text;
}

// The gradient of an embedding: rows of the table are added to where they lie.
TEST(Indexing, UpdatesAreAppliedWhereTheirRowsAre) {
  const Partitioned program = checked(R"(
HloModule m, num_partitions=4
sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}
ENTRY e {
  table = f32[1030,6] parameter(0), sharding={devices=[4,1]<=[4]}
  ids = s8[5] parameter(1), sharding={replicated}
  updates = f32[5,6] parameter(2), sharding={replicated}
  ROOT rows = f32[1030,6] scatter(table, ids, updates), update_window_dims={1}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, index_vector_dim=1, to_apply=sum
}
)");
  EXPECT_EQ(program.results[0].sharding, program.parameters[0][0].sharding);
  EXPECT_EQ(program.reshards.size(), 0u) << print(*program.module);
}

// Updates in parts make a partial table: their padding must not be added, and cannot be named in 8 bits.
TEST(Indexing, PartsOfTheUpdatesMakeAPartialTable) {
  const Partitioned program = checked(R"(
HloModule m, num_partitions=4
sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}
ENTRY e {
  zero = f32[] constant(0)
  table = f32[300,2] broadcast(zero), dimensions={}
  ids = u8[901] parameter(0), sharding={devices=[4]<=[4]}
  updates = f32[901,2] parameter(1), sharding={devices=[4,1]<=[4]}
  ROOT rows = f32[300,2] scatter(table, ids, updates), update_window_dims={1}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, index_vector_dim=1, to_apply=sum, sharding={replicated}
}
)");
  EXPECT_EQ(largest_result(program, Op::all_gather), 0) << print(*program.module);
  EXPECT_EQ(largest_result(program, Op::all_reduce), 600);
}

// x[arange(n), ids] as programs write it, negative numbers counted from the end; and the same for additions.
TEST(Indexing, PlacesThatCountUpAreVisitedInStep) {
  for (const char* size : {"8", "9"}) {
    std::string text = R"(
HloModule m, num_partitions=4
sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}
last {
  a = f32[] parameter(0)
  ROOT b = f32[] parameter(1)
}
ENTRY e {
  x = f32[SIZE,7,2] parameter(0), sharding={devices=[4,1,1]<=[4]}
  ids = s32[SIZE,3] parameter(1), sharding={devices=[4,1]<=[4]}
  updates = f32[SIZE,3,2] parameter(2), sharding={devices=[4,1,1]<=[4]}
  count = s32[SIZE] iota(), iota_dimension=0
  zero = s32[] constant(0)
  zeros = s32[SIZE] broadcast(zero), dimensions={}
  negative = pred[SIZE] compare(count, zeros), direction=LT
  n = s32[] constant(SIZE)
  ns = s32[SIZE] broadcast(n), dimensions={}
  from_end = s32[SIZE] add(count, ns)
  rows = s32[SIZE] select(negative, from_end, count)
  column = s32[SIZE,1] reshape(rows)
  spread = s32[SIZE,3] broadcast(rows), dimensions={0}
  first = s32[SIZE,3,1] reshape(spread)
  second = s32[SIZE,3,1] reshape(ids)
  places = s32[SIZE,3,2] concatenate(first, second), dimensions={2}
  taken = f32[SIZE,3,2] gather(x, places), offset_dims={2}, collapsed_slice_dims={0,1}, start_index_map={0,1}, index_vector_dim=2, slice_sizes={1,1,2}, sharding={devices=[4,1,1]<=[4]}
  added = f32[SIZE,7,2] scatter(x, places, updates), update_window_dims={2}, inserted_window_dims={0,1}, scatter_dims_to_operand_dims={0,1}, index_vector_dim=2, to_apply=sum
  put = f32[SIZE,7,2] scatter(x, places, updates), update_window_dims={2}, inserted_window_dims={0,1}, scatter_dims_to_operand_dims={0,1}, index_vector_dim=2, to_apply=last
  ROOT r = (f32[SIZE,3,2], f32[SIZE,7,2], f32[SIZE,7,2]) tuple(taken, added, put)
}
)";
    for (size_t at = text.find("SIZE"); at != std::string::npos; at = text.find("SIZE")) text.replace(at, 4, size);
    const Partitioned program = checked(text);
    EXPECT_EQ(program.reshards.size(), 0u) << print(*program.module);
  }
}

// What counts up, but not over all of the dimension, along the same dimension twice, or in a type that cannot, is
// indices like any other.
TEST(Indexing, PlacesThatOnlySeemToCountUpAreIndices) {
  checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  x = f32[12,12] parameter(0), sharding={devices=[2,2]<=[4]}
  long = f32[300,2] parameter(1), sharding={devices=[4,1]<=[4]}
  wide = f32[2,5] parameter(2), sharding={devices=[1,4]<=[4]}
  count = s32[9,1] iota(), iota_dimension=0
  diagonal_places = s32[9,2] concatenate(count, count), dimensions={1}
  part = f32[9] gather(x, diagonal_places), offset_dims={}, collapsed_slice_dims={0,1}, start_index_map={0,1}, index_vector_dim=1, slice_sizes={1,1}
  all = s32[12,1] iota(), iota_dimension=0
  all_places = s32[12,2] concatenate(all, all), dimensions={1}
  diagonal = f32[12] gather(x, all_places), offset_dims={}, collapsed_slice_dims={0,1}, start_index_map={0,1}, index_vector_dim=1, slice_sizes={1,1}
  bytes = u8[300] iota(), iota_dimension=0
  wrapped = f32[300,2] gather(long, bytes), offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, slice_sizes={1,2}
  components = s32[5,2] iota(), iota_dimension=1
  swapped = f32[5] gather(wide, components), offset_dims={}, collapsed_slice_dims={0,1}, start_index_map={0,1}, index_vector_dim=1, slice_sizes={1,1}
  ROOT r = (f32[9], f32[12], f32[300,2], f32[5]) tuple(part, diagonal, wrapped, swapped)
}
)");
}

// Windows at places that count up reach into the next part.
TEST(Indexing, WindowsAtPlacesThatCountUp) {
  for (const char* op : {"add(a, b)", "maximum(a, b)", "copy(b)"}) {
    for (const int64_t window : {1, 2, 3, 16}) {
      checked(fmt::format(R"(
HloModule m, num_partitions=4
combine {{ a = f32[] parameter(0) b = f32[] parameter(1) ROOT c = f32[] {0} }}
ENTRY e {{
  x = f32[16,3] parameter(0), sharding={{devices=[4,1]<=[4]}}
  updates = f32[16,{1},3] parameter(1), sharding={{devices=[4,1,1]<=[4]}}
  places = s32[16,1] iota(), iota_dimension=0
  rows = f32[16,{1},3] gather(x, places), offset_dims={{1,2}}, collapsed_slice_dims={{}}, start_index_map={{0}}, index_vector_dim=1, slice_sizes={{{1},3}}, sharding={{devices=[4,1,1]<=[4]}}
  put = f32[16,3] scatter(x, places, updates), update_window_dims={{1,2}}, inserted_window_dims={{}}, scatter_dims_to_operand_dims={{0}}, index_vector_dim=1, to_apply=combine, sharding={{devices=[4,1]<=[4]}}
  ROOT r = (f32[16,{1},3], f32[16,3]) tuple(rows, put)
}}
)",
                          op, window));
    }
  }
}

// Scales of blocks of narrow floats: powers of two, without a zero.
TEST(Indexing, NumbersWithoutAZeroAreFound) {
  checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  numbers = f32[16,4] parameter(0), sharding={devices=[4,1]<=[4]}
  positive = f32[16,4] exponential(numbers)
  scales = f8e8m0fnu[16,4] convert(positive)
  ids = s32[5] parameter(1), sharding={replicated}
  at = s32[] parameter(2), sharding={replicated}
  zero = s32[] constant(0)
  rows = f8e8m0fnu[5,4] gather(scales, ids), offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, slice_sizes={1,4}, sharding={replicated}
  some = f8e8m0fnu[3,4] dynamic-slice(scales, at, zero), dynamic_slice_sizes={3,4}, sharding={replicated}
  ROOT r = (f8e8m0fnu[5,4], f8e8m0fnu[3,4]) tuple(rows, some)
}
)");
}

TEST(Indexing, AnUpdateOfACacheLeavesItWhereItLies) {
  const Partitioned program = checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  cache = f32[2,13,3] parameter(0), sharding={devices=[1,4,1]<=[4]}
  fresh = f32[2,1,3] parameter(1), sharding={replicated}
  at = s32[] parameter(2), sharding={replicated}
  zero = s32[] constant(0)
  ROOT r = f32[2,13,3] dynamic-update-slice(cache, fresh, zero, at, zero)
}
)");
  EXPECT_EQ(program.results[0].sharding, program.parameters[0][0].sharding);
  EXPECT_EQ(program.reshards.size(), 0u) << print(*program.module);
}

// Windows of every size, within one part and over several, at every place and beyond.
// Windows of a gather or scatter that begin in one part and end in another one, or two further on.
TEST(Indexing, WindowsOfManyPlacesMaySpanSeveralParts) {
  for (int64_t window = 1; window < 8; ++window) {
    for (const char* type : {"s32", "u8", "s64"}) {
      for (const char* op : {"add(a, b)", "maximum(a, b)", "copy(b)"}) {
        const Partitioned program = checked(fmt::format(R"(
HloModule m, num_partitions=8
combine {{ a = f32[] parameter(0) b = f32[] parameter(1) ROOT c = f32[] {2} }}
ENTRY e {{
  x = f32[26,3,9] parameter(0), sharding={{devices=[4,1,2]<=[8]}}
  thirds = {1}[5,2] parameter(1), sharding={{replicated}}
  three = {1}[] constant(3)
  threes = {1}[5,2] broadcast(three), dimensions={{}}
  places = {1}[5,2] multiply(thirds, threes)
  updates = f32[5,{0},3,2] parameter(2), sharding={{replicated}}
  rows = f32[5,{0},3,2] gather(x, places), offset_dims={{1,2,3}}, collapsed_slice_dims={{}}, start_index_map={{2,0}}, index_vector_dim=1, slice_sizes={{{0},3,2}}, sharding={{replicated}}
  put = f32[26,3,9] scatter(x, places, updates), update_window_dims={{1,2,3}}, inserted_window_dims={{}}, scatter_dims_to_operand_dims={{2,0}}, index_vector_dim=1, to_apply=combine
  ROOT r = (f32[5,{0},3,2], f32[26,3,9]) tuple(rows, put)
}}
)",
                                                        window, type, op));
        EXPECT_EQ(largest_result(program, Op::all_gather), 0) << print(*program.module);
      }
    }
  }
}

TEST(Indexing, WindowsMaySpanSeveralParts) {
  for (int64_t window = 1; window < 11; ++window) {
    const std::string size = std::to_string(window);
    const Partitioned program = checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  x = s32[11,4] parameter(0), sharding={devices=[4,1]<=[4]}
  update = s32[)" + size + R"(,3] parameter(1), sharding={replicated}
  i = s16[] parameter(2), sharding={replicated}
  j = s16[] parameter(3), sharding={replicated}
  read = s32[)" + size + R"(,3] dynamic-slice(x, i, j), dynamic_slice_sizes={)" +
                                        size + R"(,3}, sharding={replicated}
  written = s32[11,4] dynamic-update-slice(x, update, i, j)
  ROOT r = (s32[)" + size + R"(,3], s32[11,4]) tuple(read, written)
}
)");
    EXPECT_EQ(program.results[1].sharding, program.parameters[0][0].sharding);
    if (window < 5) {
      EXPECT_EQ(largest_result(program, Op::all_gather), 0) << print(*program.module);
    }
  }
}

}  // namespace
}  // namespace gshard
