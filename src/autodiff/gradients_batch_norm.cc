// Gradients of batch norms.
#include "autodiff/gradients.h"
#include "autodiff/permutation.h"
#include "ops/build.h"

namespace gshard {
namespace {

// One batch norm: what is given by feature has one dimension.
class BatchNorm {
 public:
  explicit BatchNorm(const Pullback& p) : attrs_(p.attrs<BatchNormAttrs>()), x_(p.operand(0)) {}

  Value spread(Value by_feature) const { return broadcast(by_feature, x_.dims(), {attrs_.feature_index}); }
  Value sum(Value x) const { return reduce(x, others({attrs_.feature_index}, x_.rank()), Reducer::add); }
  Value centered(Value mean) const { return subtract(x_, spread(mean)); }
  Value inverse_deviation(Value variance) const { return rsqrt(add(variance, attrs_.epsilon)); }
  double elements_per_feature() const {
    const int64_t features = x_.dim(static_cast<size_t>(attrs_.feature_index));
    return features == 0 ? 1 : static_cast<double>(x_.shape().element_count() / features);
  }

 private:
  const BatchNormAttrs& attrs_;
  const Value x_;
};

}  // namespace

// Results are the normalized array, the mean and the variance by feature.
void gradient_batch_norm_training(Pullback& p) {
  if (p.operand(0).shape().element_count() == 0) return;
  const BatchNorm norm(p);
  const Value mean = get_tuple_element(p.result(), 1);
  const auto is_given = [&](size_t leaf) { return p.cotangent(leaf).instruction() != nullptr; };
  if (is_given(0)) {
    const Value variance = get_tuple_element(p.result(), 2);
    const Value all =
        batch_norm_grad({p.operand(0), p.operand(1), mean, variance, p.cotangent(0)}, p.attrs<BatchNormAttrs>());
    for (size_t i = 0; i < 3; ++i) p.give(i, [&] { return get_tuple_element(all, static_cast<int64_t>(i)); });
  }
  const double count = norm.elements_per_feature();
  if (is_given(1)) p.give(0, [&] { return norm.spread(divide(p.cotangent(1), count)); });
  if (is_given(2)) {
    p.give(0, [&] { return multiply(norm.centered(mean), norm.spread(multiply(p.cotangent(2), 2 / count))); });
  }
}

void gradient_batch_norm_inference(Pullback& p) {
  const BatchNorm norm(p);
  const Value ct = p.cotangent();
  const Value scale = p.operand(1);
  const Value inverse = norm.inverse_deviation(p.operand(4));
  const auto products = [&] { return norm.sum(multiply(ct, norm.centered(p.operand(3)))); };
  p.give(0, [&] { return multiply(ct, norm.spread(multiply(scale, inverse))); });
  p.give(1, [&] { return multiply(products(), inverse); });
  p.give(2, [&] { return norm.sum(ct); });
  p.give(3, [&] { return negate(multiply(norm.sum(ct), multiply(scale, inverse))); });
  p.give(4, [&] {
    const Value cubed = multiply(inverse, multiply(inverse, inverse));
    return multiply(multiply(products(), scale), multiply(cubed, -0.5));
  });
}

}  // namespace gshard
