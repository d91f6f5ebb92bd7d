// Gradients: the backward pass of a computation under construction, appended to it.
//
//   define_entry(module, "train", {f32({8, 4}), f32({4})}, [](Computation&, Values p) {
//     const Value loss = reduce(tanh(einsum("ij,j->i", p[0], p[1])), {0}, Reducer::add);
//     const std::vector<Value> gradients = gradient(loss, std::array{p[1]});
//     return tuple({loss, gradients[0]});
//   });
//
// One small function per op says how a cotangent of its result becomes cotangents of its operands (autodiff/table.cc).
// Zero cotangents are never written down, integers and predicates carry none, and those of a value that is used
// several times are added up once. What the backward pass adds says where it comes from: its metadata is that of the
// instruction whose gradient it is, with the name in transpose(...). An annotation holds for the cotangent too.
//
// Calls on the way are inlined, and loops on the way are replaced by ones that keep what the backward pass needs; the
// values that the caller holds stay valid and mean the same.
#pragma once

#include <vector>

#include "ops/value.h"

namespace gshard {

// The gradient of `loss`, a floating-point number, with respect to each of the values, which are floating-point or
// complex arrays of its computation; zeros where the loss does not depend on one. Of a complex value x + iy it is
// d/dx - i d/dy. Throws Error(program) with the place in the model of an op on the way that has no gradient, and why.
std::vector<Value> gradient(Value loss, Values with_respect_to, Here here = Here::current());

// The same for several results of any sizes: the gradient of the sum of all cotangents times results. Cotangents have
// the types and sizes of their results; where one is a value of nothing it is zero.
std::vector<Value> vector_jacobian_product(Values results, Values cotangents, Values with_respect_to,
                                           Here here = Here::current());

// The value, which gradients take to be constant.
Value stop_gradient(Value x, Here here = Here::current());

// A call whose values are computed again for the backward pass instead of being kept. An optimization barrier around
// its arguments keeps the second computation from being merged with the first, and from being done before there is a
// cotangent. The callee must not draw from `rng`.
Value checkpoint(Computation& callee, const std::vector<Value>& arguments, Here here = Here::current());

// The same for what stands in a computation already: what was appended to it from instruction `first` on, but for
// parameters, moves into the body of a checkpoint. Returns what stands for the results, arrays that were made there or
// before; all other values that were made there are gone.
std::vector<Value> checkpoint_since(size_t first, const std::vector<Value>& results, Here here = Here::current());

}  // namespace gshard
