// The functions of autodiff/table.cc that take more than a line, named after their ops. Each reads a cotangent of the
// op's result and gives its operands theirs.
//
// Complex numbers are differentiated as polynomials are, without conjugation: the cotangent of z stands for the number
// whose product with dz, real part taken, is the change of the loss.
#pragma once

#include "autodiff/pullback.h"

namespace gshard {

// gradients_movement.cc
void gradient_bitcast(Pullback& p);
void gradient_broadcast(Pullback& p);
void gradient_concatenate(Pullback& p);
void gradient_dynamic_slice(Pullback& p);
void gradient_dynamic_update_slice(Pullback& p);
void gradient_pad(Pullback& p);
void gradient_reshape(Pullback& p);
void gradient_reverse(Pullback& p);
void gradient_slice(Pullback& p);
void gradient_transpose(Pullback& p);

// gradients_structure.cc
void gradient_custom_call(Pullback& p);
void gradient_get_tuple_element(Pullback& p);
void gradient_identity(Pullback& p);
void gradient_opt_barrier(Pullback& p);
void gradient_tuple(Pullback& p);

// gradients_batch_norm.cc
void gradient_batch_norm_inference(Pullback& p);
void gradient_batch_norm_training(Pullback& p);

// gradients_call.cc
void gradient_call(Pullback& p);
void gradient_map(Pullback& p);

// gradients_collective.cc
void gradient_all_gather(Pullback& p);
void gradient_all_reduce(Pullback& p);
void gradient_all_to_all(Pullback& p);
void gradient_collective_permute(Pullback& p);
void gradient_reduce_scatter(Pullback& p);

// gradients_conditional.cc
void gradient_conditional(Pullback& p);

// gradients_contraction.cc
void gradient_dot(Pullback& p);
void gradient_ragged_dot(Pullback& p);

// gradients_convolution.cc
void gradient_convolution(Pullback& p);

// gradients_indexing.cc
void gradient_gather(Pullback& p);
void gradient_scatter(Pullback& p);

// gradients_linear_algebra.cc
void gradient_cholesky(Pullback& p);
void gradient_fft(Pullback& p);
void gradient_triangular_solve(Pullback& p);

// gradients_loop.cc
void gradient_while(Pullback& p);

// gradients_manual.cc
void gradient_manual_edge(Pullback& p);

// gradients_order.cc
void gradient_sort(Pullback& p);
void gradient_topk(Pullback& p);

// gradients_reduction.cc
void gradient_reduce(Pullback& p);

// gradients_scan.cc
void gradient_scan(Pullback& p);

// gradients_window.cc
void gradient_reduce_window(Pullback& p);
void gradient_select_and_scatter(Pullback& p);

}  // namespace gshard
