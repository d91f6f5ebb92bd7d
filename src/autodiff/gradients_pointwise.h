// Gradients of ops on single elements that take more than a line (autodiff/table.cc has the others).
#pragma once

#include "autodiff/pullback.h"

namespace gshard {

// x - iy for x + iy; a real number itself.
Value conjugated(Value z);

void gradient_abs(Pullback& p);
void gradient_atan2(Pullback& p);
void gradient_clamp(Pullback& p);
void gradient_complex(Pullback& p);
void gradient_convert(Pullback& p);
void gradient_divide(Pullback& p);
void gradient_imag(Pullback& p);
void gradient_maximum(Pullback& p);
void gradient_minimum(Pullback& p);
void gradient_multiply(Pullback& p);
void gradient_power(Pullback& p);
void gradient_real(Pullback& p);
void gradient_reduce_precision(Pullback& p);
void gradient_remainder(Pullback& p);
void gradient_select(Pullback& p);
void gradient_sign(Pullback& p);

}  // namespace gshard
