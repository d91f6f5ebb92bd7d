#include "model/functions.h"

#include <fmt/format.h>

#include <cmath>

#include "autodiff/gradient.h"
#include "ops/infer.h"

namespace gshard {
namespace {

void check_precise(Tensor x, std::string_view what, const Here& here) {
  if (x.type() == DType::f32 || x.type() == DType::f64) return;
  throw error_here(fmt::format("{}: of {}; convert() it to f32", what, x.shape()), here);
}

// The largest element along a dimension [..., 1, ...], which is no matter of gradients.
Tensor largest_along(Tensor x, int64_t dim, const Here& here) {
  return stop_gradient(max(x, {dim}, Keep::dims, here), here);
}

Tensor less(Tensor x, Tensor shift, const Here& here) {
  return subtract(x, broadcast_to(shift, x.dims(), here), here);
}

// Less its largest element along a dimension, which keeps exponentials finite.
Tensor shifted_to_zero(Tensor x, int64_t dim, std::string_view what, const Here& here) {
  check_precise(x, what, here);
  return less(x, largest_along(x, dim, here), here);
}

Tensor log_sum(Tensor shifted, int64_t dim, const Here& here) {
  return log(sum(exponential(shifted, here), {dim}, Keep::dims, here), here);
}

// x times something along its last dimension.
Tensor scaled(Tensor x, Tensor scale, const Here& here) {
  return multiply(x, broadcast_to(scale, x.dims(), here), here);
}

// x with a mean square of 1 along its last dimension.
Tensor normalized(Tensor x, double epsilon, const Here& here) {
  const Tensor square = mean(multiply(x, x, here), {-1}, Keep::dims, here);
  return scaled(x, rsqrt(add(square, epsilon, here), here), here);
}

}  // namespace

Tensor relu(Tensor x, Here here) { return maximum(x, 0, here); }

Tensor gelu(Tensor x, Here here) {
  const Tensor probability = add(erf(multiply(x, M_SQRT1_2, here), here), 1, here);
  return multiply(multiply(x, 0.5, here), probability, here);
}

Tensor silu(Tensor x, Here here) { return multiply(x, logistic(x, here), here); }

Tensor logsumexp(Tensor x, int64_t dim, Here here) {
  check_precise(x, "logsumexp", here);
  const Tensor largest = largest_along(x, dim, here);
  // An infinity less itself is no number.
  const Tensor shift = select(is_finite(largest, here), largest, 0, here);
  const Tensor total = add(log_sum(less(x, shift, here), dim, here), shift, here);
  Dims sizes = total.dims();
  sizes.erase(sizes.begin() + (dim < 0 ? dim + static_cast<int64_t>(x.rank()) : dim));
  return reshape(total, sizes, here);
}

Tensor softmax(Tensor x, int64_t dim, Here here) {
  const Tensor powers = exponential(shifted_to_zero(x, dim, "softmax", here), here);
  return divide(powers, broadcast_to(sum(powers, {dim}, Keep::dims, here), x.dims(), here), here);
}

Tensor log_softmax(Tensor x, int64_t dim, Here here) {
  const Tensor shifted = shifted_to_zero(x, dim, "log_softmax", here);
  return less(shifted, log_sum(shifted, dim, here), here);
}

Tensor rms_norm(Tensor x, Tensor scale, double epsilon, Here here) {
  check_precise(x, "rms_norm", here);
  return scaled(normalized(x, epsilon, here), scale, here);
}

Tensor layer_norm(Tensor x, Tensor scale, Tensor bias, double epsilon, Here here) {
  check_precise(x, "layer_norm", here);
  const Tensor centre = broadcast_to(mean(x, {-1}, Keep::dims, here), x.dims(), here);
  const Tensor norm = normalized(subtract(x, centre, here), epsilon, here);
  return add(scaled(norm, scale, here), broadcast_to(bias, x.dims(), here), here);
}

CrossEntropy cross_entropy(Tensor logits, Tensor labels, const CrossEntropyOptions& options, Here here) {
  const Dims expected(logits.dims().begin(), logits.dims().end() - (logits.rank() > 0 ? 1 : 0));
  if (logits.rank() == 0 || labels.dims() != expected) {
    throw error_here(fmt::format("cross_entropy: logits {} and labels {}", logits.shape(), labels.shape()), here);
  }
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1)) {
    throw error_here(
        fmt::format("cross_entropy: a label smoothing of {}, must be in [0, 1]", options.label_smoothing), here);
  }
  const int64_t classes = logits.dim(logits.rank() - 1);
  const Tensor normalizer = logsumexp(logits, -1, here);
  // Of a class that cannot be, the logit may be an infinity.
  const Tensor is_label = one_hot(labels, classes, DType::pred, here);
  const Tensor label_logit = sum(select(is_label, logits, 0, here), {-1}, Keep::none, here);
  const Tensor log_likelihood = label_logit - normalizer;
  Tensor loss = -log_likelihood;
  if (options.label_smoothing != 0) {
    const Tensor spread = mean(logits, {-1}, Keep::none, here) - normalizer;
    loss = loss * (1 - options.label_smoothing) - spread * options.label_smoothing;
  }
  if (options.z_loss != 0) loss = loss + normalizer * normalizer * options.z_loss;
  return {loss, log_likelihood};
}

}  // namespace gshard
