#include "ir/sharding.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace gshard {
namespace {

HloSharding tiled(Dims dims, Dims reshape, Dims perm = {}) {
  HloSharding sharding;
  sharding.kind = HloSharding::Kind::tiled;
  sharding.tiles = {std::move(dims), std::move(reshape), std::move(perm), {}};
  return sharding;
}

HloSharding listed(Dims dims, std::vector<int64_t> devices) {
  HloSharding sharding;
  sharding.kind = HloSharding::Kind::tiled;
  sharding.tiles = {std::move(dims), {}, {}, std::move(devices)};
  return sharding;
}

Digits joined(Digits first, const Digits& second) {
  first.append(second);
  return first;
}

TEST(Digits, AreComparedAsWholeLists) {
  Digits digits = {3, 1};
  digits.push_back(4);
  EXPECT_EQ(digits, (Digits{3, 1, 4}));
  EXPECT_NE(digits, (Digits{3, 1}));
  EXPECT_LT((Digits{3, 1}), digits);
  EXPECT_LT(digits, (Digits{3, 2}));
  digits.resize(2);
  EXPECT_EQ(digits, (Digits{3, 1}));  // nothing is left of what was cut off
  digits.clear();
  EXPECT_EQ(digits, Digits{});
}

TEST(Digits, HaveAnEnd) {
  Digits digits;
  for (size_t i = 0; i < Digits::kMost; ++i) digits.push_back(static_cast<Digit>(i));
  EXPECT_THROW(digits.push_back(0), Error);
  EXPECT_THROW(digits.append(Digits{1}), Error);
  EXPECT_EQ(digits.size(), Digits::kMost);
}

// Whole axes are not looked at digit by digit.
TEST(Mesh, AListOfDigitsHasOneSetAndSizeHoweverItIsAsked) {
  const Mesh mesh({{"a", 1536}, {"b", 7}, {"c", 1024}, {"d", 90}});
  const auto check = [&](const Digits& digits) {
    DigitSet set = 0;
    int64_t size = 1;
    for (const Digit digit : digits) {
      set |= digit_bit(digit);
      size *= mesh.digits()[digit].size;
    }
    EXPECT_EQ(set_of(digits), set) << mesh.name_of(digits);
    EXPECT_EQ(mesh.size_of(digits), size) << mesh.name_of(digits);
  };
  for (size_t first = 0; first < mesh.digits().size(); ++first) {
    Digits run;
    for (size_t digit = first; digit < mesh.digits().size(); ++digit) {
      run.push_back(static_cast<Digit>(digit));
      check(run);
      for (size_t i = 1; i < run.size(); ++i) {
        std::vector<Digit> swapped(run.begin(), run.end());
        std::swap(swapped[i - 1], swapped[i]);
        check(Digits(swapped));
      }
    }
  }
}

TEST(Mesh, AxesAreListsOfPrimeDigits) {
  const Mesh mesh({{"data", 12}, {"stage", 1}, {"model", 4}});
  ASSERT_EQ(mesh.digits().size(), 5u);
  EXPECT_EQ(mesh.device_count(), 48);
  EXPECT_EQ(mesh.digits()[0].stride, 24);
  EXPECT_EQ(mesh.digits()[2].size, 3);
  EXPECT_EQ(mesh.digits_of_axis(1), Digits{});
  EXPECT_EQ(mesh.name_of({0, 1, 2}), "data");
  EXPECT_EQ(mesh.name_of({1, 3, 4}), "data:(2)2,model");
  EXPECT_EQ(mesh.to_string(), "[data=12, stage=1, model=4]");
}

TEST(Mesh, RefusesWhatIsNoMesh) {
  EXPECT_THROW(Mesh({{"x", 0}}), Error);
  EXPECT_THROW(Mesh({{"x", 2}, {"x", 2}}), Error);
  EXPECT_THROW(Mesh({{"x", 4}}, {0, 1, 2}), Error);
  EXPECT_THROW(Mesh({{"x", 4}}, {0, 1, 2, 2}), Error);
  EXPECT_EQ(Mesh({{"x", int64_t{1} << 31}}).device_count(), int64_t{1} << 31);
  EXPECT_THROW(Mesh({{"x", int64_t{1} << 32}}), Error);
}

TEST(Sharding, ReadsStridesOffListsAndIotas) {
  const auto iota = device_strides(tiled({2, 4}, {4, 2}, {1, 0}).tiles);
  ASSERT_TRUE(iota);
  EXPECT_EQ((*iota)[0], (std::vector<DeviceStride>{{2, 1}}));
  EXPECT_EQ((*iota)[1], (std::vector<DeviceStride>{{4, 2}}));
  EXPECT_EQ(device_strides(listed({2, 4}, {0, 2, 4, 6, 1, 3, 5, 7}).tiles), iota);
  EXPECT_FALSE(device_strides(listed({4}, {0, 1, 3, 2}).tiles));
  EXPECT_FALSE(device_strides(listed({4}, {3, 2, 1, 0}).tiles));
}

TEST(Sharding, FindsTheMeshThatAllTilingsShare) {
  const HloSharding rows = tiled({8, 1}, {8});
  const HloSharding both = tiled({2, 4}, {8});
  EXPECT_EQ(find_mesh({&rows}, 8).to_string(), "[x=8]");
  EXPECT_EQ(find_mesh({&rows, &both}, 8).to_string(), "[x=2, y=4]");
  const HloSharding six = tiled({2, 6}, {12});
  const HloSharding four = tiled({3, 4}, {12});
  EXPECT_EQ(find_mesh({&six, &four}, 12), find_mesh({&four}, 12));
}

// GShard, figure 10: rows of neighbours on a 4 x 2 grid that is numbered row by row.
TEST(Sharding, AListOfDevicesMayBeTheOrderOfTheMesh) {
  const HloSharding rings = listed({2, 4}, {0, 1, 5, 4, 2, 3, 7, 6});
  HloSharding rows = listed({2, 1, 4}, {0, 1, 4, 5, 2, 3, 6, 7});
  rows.last_tile_dim_replicate = true;
  const Mesh mesh = find_mesh({&rows, &rings}, 8);
  EXPECT_EQ(mesh.to_string(), "[x=2, y=4]");
  EXPECT_EQ(mesh.device_order(), rings.tiles.devices);
  EXPECT_EQ(from_hlo(rings, mesh, 2).to_string(mesh), "[x, y]");
  EXPECT_EQ(from_hlo(rows, mesh, 2).to_string(mesh), "[x, -]");
}

TEST(Sharding, OfTwoOrdersOfTheDevicesNoneIsThatOfTheMesh) {
  const HloSharding a = listed({4}, {0, 1, 3, 2});
  const HloSharding b = listed({4}, {1, 0, 2, 3});
  EXPECT_EQ(find_mesh({&a, &b}, 4), Mesh({{"x", 4}}));
  EXPECT_THROW(from_hlo(a, find_mesh({&a, &b}, 4), 1), Error);
}

// Every way to put the digits of a mesh into two dimensions and copies is printed and read back as itself.
TEST(Sharding, HloNotationKeepsEverySharding) {
  for (const Mesh& mesh : {Mesh({{"a", 4}, {"b", 6}}), Mesh({{"a", 2}, {"b", 3}}, {5, 1, 0, 3, 4, 2})}) {
    const size_t count = mesh.digits().size();
    size_t choices = 1;
    for (size_t i = 0; i < count; ++i) choices *= 5;
    for (size_t choice = 0; choice < choices; ++choice) {
      Sharding sharding = Sharding::replicated(2);
      size_t rest = choice;
      for (size_t digit = 0; digit < count; ++digit, rest /= 5) {
        const auto d = static_cast<Digit>(digit);
        if (rest % 5 == 0) sharding.dims[0].push_back(d);
        if (rest % 5 == 1) sharding.dims[1].push_back(d);
        if (rest % 5 == 2) sharding.dims[1] = joined({d}, sharding.dims[1]);
        if (rest % 5 == 3) sharding.manual |= digit_bit(d);
      }
      EXPECT_EQ(from_hlo(to_hlo(sharding, mesh), mesh, 2), sharding) << sharding.to_string(mesh);
    }
  }
}

TEST(Sharding, UsesTheShortestIota) {
  const Mesh mesh({{"a", 2}, {"b", 4}});
  Sharding sharding = Sharding::replicated(2);
  sharding.dims = {mesh.digits_of_axis(1), {}};
  const HloSharding hlo = to_hlo(sharding, mesh);
  EXPECT_TRUE(hlo.last_tile_dim_replicate);
  EXPECT_EQ(hlo.tiles.dims, (Dims{4, 1, 2}));
  EXPECT_EQ(hlo.tiles.reshape_dims, (Dims{2, 4}));
  EXPECT_EQ(hlo.tiles.transpose_perm, (Dims{1, 0}));
}

TEST(Sharding, ShardSizesRoundUp) {
  const Mesh mesh({{"a", 4}});
  Sharding sharding = Sharding::replicated(2);
  sharding.dims[0] = mesh.digits_of_axis(0);
  EXPECT_EQ(shard_sizes({9, 5}, sharding, mesh), (Dims{3, 5}));
  EXPECT_EQ(sharding.to_string(mesh), "[a, -]");
}

}  // namespace
}  // namespace gshard
