#include "shard/picture.h"

#include <gtest/gtest.h>

namespace gshard {
namespace {

Sharding cut(std::vector<Digits> dims) { return {std::move(dims), 0, Reducer::none, 0}; }

TEST(Picture, RowsAndColumnsAreTheDimensionsThatAreCut) {
  const Mesh mesh({{"x", 2}, {"y", 2}});
  EXPECT_EQ(picture_of(Shape(DType::f32, {8, 16}), cut({{0}, {1}}), mesh),
            "         0:8    8:16\n"
            "      ┌───────┬───────┐\n"
            "  0:4 │   0   │   1   │\n"
            "      ├───────┼───────┤\n"
            "  4:8 │   2   │   3   │\n"
            "      └───────┴───────┘\n"
            "  rows: dimension 0\n"
            "  columns: dimension 1\n");
}

TEST(Picture, CopiesStandInOneBox) {
  const Mesh mesh({{"x", 2}, {"y", 2}});
  EXPECT_EQ(picture_of(Shape(DType::f32, {3}), cut({{1}}), mesh),
            "     0:2   2:3\n"
            "   ┌─────┬─────┐\n"
            "   │ 0 2 │ 1 3 │\n"
            "   └─────┴─────┘\n"
            "  columns: dimension 0\n");
  EXPECT_EQ(picture_of(Shape(DType::f32), cut({}), mesh),
            "   ┌─────────┐\n"
            "   │ 0 1 2 3 │\n"
            "   └─────────┘\n");
}

TEST(Picture, AnExplicitOrderOfDevicesIsShown) {
  const Mesh mesh({{"x", 3}}, {2, 0, 1});
  EXPECT_EQ(picture_of(Shape(DType::f32, {4, 5}), cut({{0}, {}}), mesh),
            "        ┌─────┐\n"
            "    0:2 │  2  │\n"
            "        ├─────┤\n"
            "    2:4 │  0  │\n"
            "        ├─────┤\n"
            "  empty │  1  │\n"
            "        └─────┘\n"
            "  rows: dimension 0\n");
}

TEST(Picture, TheMiddleOfManyIsLeftOut) {
  const Mesh mesh({{"x", 16384}, {"y", 16}});
  Digits x = mesh.digits_of_axis(0);
  const std::string text = picture_of(Shape(DType::f32, {1 << 20, 4}), cut({x, {}}), mesh);
  EXPECT_NE(text.find(" 80 81 82 83 84 85 … 95 "), std::string::npos) << text;
  EXPECT_NE(text.find("1048512:1048576 │ 262128 262129"), std::string::npos) << text;
}

TEST(Picture, FurtherDimensionsAreSaid) {
  const Mesh mesh({{"x", 2}, {"y", 2}, {"z", 3}});
  const std::string text = picture_of(Shape(DType::f32, {4, 4, 6}), cut({{0}, {1}, {2}}), mesh);
  EXPECT_NE(text.find("  shown: the first of 3 pieces of dimension 2\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace gshard
