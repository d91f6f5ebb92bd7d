// Dots whose parts go around the devices: in place of gathering an operand each device works on the part that it has
// while that is sent on, and in place of scattering a sum each device adds to the part that comes by.
//
//   x f32[64,32] [d, -], w f32[32,16] [d, -] -> y f32[64,16] [d, -]    4 devices along d
//
//   round t on device i    sum += x[:, part i + t] . the part of w at hand, and that goes to device i - 1
//
// Four rounds later each device has seen all of w, and has held two parts of it at most. A part takes its time on the
// links while another is multiplied, so that the longer of the two counts, and of the shorter one a fraction.
#pragma once

#include <optional>

#include "shard/plan.h"

namespace gshard {

// The factor that the ring of a plan takes the parts of.
size_t ring_factor(const OpPlan& plan);
// The dimension of a tensor that is made of a factor.
std::optional<size_t> find_dim(const TensorFactors& dims, size_t factor);

// Completes the ring of a plan whose other factors are cut: its digits are those of the dimension that do not cut the
// factor. False where the parts cannot go around.
bool close_ring(OpPlan& plan, const Mesh& mesh);

// Of sums that are made in parts: f32 for narrower floats.
DType sum_type(DType type);

// Of one part, or of the sum of one.
double bytes_going_around(const OpContext& op, const OpPlan& plan, const Mesh& mesh);

// What an op in a ring takes, its operands being in place.
double seconds_in_ring(const OpContext& op, const OpPlan& plan, const Target& target);

}  // namespace gshard
