// A sharding drawn: the array as a box, cut into the pieces that the devices hold.
//
//   f32[8,16] on mesh [x=2, y=2] with [x, y]
//
//              0:8     8:16
//          ┌───────┬───────┐
//      0:4 │   0   │   1   │
//          ├───────┼───────┤
//      4:8 │   2   │   3   │
//          └───────┴───────┘
//
// Rows are a dimension of the array, columns another; the numbers in a box are the devices that hold that piece.
#pragma once

#include <string>

#include "ir/shape.h"
#include "ir/sharding.h"

namespace gshard {

// Lines of UTF-8, each ended. Where more than two dimensions are cut, the picture is of the first pieces of the others,
// and says so; beyond eight rows, columns or copies it leaves out the middle. The work does not depend on the number of
// devices.
std::string picture_of(const Shape& shape, const Sharding& sharding, const Mesh& mesh);

}  // namespace gshard
