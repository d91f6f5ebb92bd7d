// expand-batch-norm: batch-norm-training, -inference and -grad as the reductions and pointwise ops that they stand for.
//
//   batch-norm-inference(x, scale, offset, mean, variance)   becomes
//   add(multiply(subtract(x, mean), divide(scale, sqrt(add(variance, epsilon)))), offset)
//
// with what is given by feature broadcast to x's sizes. A partitioner knows how to cut these along any dimension, and
// adds up no more than a sum by feature.
#pragma once

#include "ir/module.h"

namespace gshard {

// Afterwards no instruction is a batch norm, but for those that cannot move what is noted on them (frontend attributes,
// other than the sharding of an array). Types narrower than f32 are computed in f32. Annotations, metadata and control
// predecessors stay. Returns whether there was one.
bool expand_batch_norm(Module& module);

}  // namespace gshard
