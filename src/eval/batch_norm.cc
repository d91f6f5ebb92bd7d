// batch-norm-training, -inference and -grad, computed in double whatever the operands' type.
#include <cmath>
#include <utility>
#include <vector>

#include "eval/elements.h"
#include "eval/evaluator.h"
#include "eval/movement.h"

namespace gshard {
namespace {

// The elements of an array by feature.
class Features {
 public:
  Features(const Shape& shape, int64_t feature_index) {
    const auto index = static_cast<size_t>(feature_index);
    count_ = shape.dim(index);
    stride_ = row_major_strides(shape.dims())[index];
    elements_ = shape.element_count();
  }

  int64_t count() const { return count_; }
  // Elements of each feature.
  double size() const { return static_cast<double>(elements_) / static_cast<double>(count_); }

  // Calls body(element, feature) for every element.
  template <class Body>
  void for_each(Body&& body) const {
    for (int64_t i = 0; i < elements_; i += stride_) {
      const auto feature = static_cast<size_t>(i / stride_ % count_);
      for (int64_t k = i; k < i + stride_; ++k) body(static_cast<size_t>(k), feature);
    }
  }

  // The sum of value(element, feature) for each feature.
  template <class Value>
  std::vector<double> sums(Value&& value) const {
    std::vector<double> sums(static_cast<size_t>(count_), 0);
    for_each([&](size_t i, size_t f) { sums[f] += value(i, f); });
    return sums;
  }

 private:
  int64_t count_;
  int64_t stride_;
  int64_t elements_;
};

std::vector<double> numbers_of(const Literal& literal) {
  const Literal wide = convert_elements(literal, DType::f64);
  const auto values = wide.values<double>();
  return {values.begin(), values.end()};
}

Literal literal_of(const Shape& shape, const std::vector<double>& numbers) {
  Literal wide = Literal::uninitialized(Shape(DType::f64, shape.dims()));
  std::copy(numbers.begin(), numbers.end(), wide.mutable_values<double>().begin());
  return convert_elements(wide, shape.type());
}

// (x - mean) / sqrt(variance + epsilon) * scale + offset, where all but x are given by feature.
struct Normalization {
  std::vector<double> scale;
  std::vector<double> offset;
  std::vector<double> mean;
  std::vector<double> variance;
  double epsilon;

  std::vector<double> apply(const Features& features, std::vector<double> x) const {
    std::vector<double> factor(scale.size());
    for (size_t f = 0; f < factor.size(); ++f) factor[f] = scale[f] / std::sqrt(variance[f] + epsilon);
    features.for_each([&](size_t i, size_t f) { x[i] = (x[i] - mean[f]) * factor[f] + offset[f]; });
    return x;
  }
};

double square(double x) { return x * x; }

}  // namespace

Literal eval_batch_norm_inference(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const auto& attrs = instruction.attrs<BatchNormAttrs>();
  const Normalization normalization{numbers_of(operands[1]), numbers_of(operands[2]), numbers_of(operands[3]),
                                    numbers_of(operands[4]), attrs.epsilon};
  const Features features(operands[0].shape(), attrs.feature_index);
  return literal_of(instruction.shape(), normalization.apply(features, numbers_of(operands[0])));
}

Literal eval_batch_norm_training(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const auto& attrs = instruction.attrs<BatchNormAttrs>();
  const Features features(operands[0].shape(), attrs.feature_index);
  std::vector<double> x = numbers_of(operands[0]);
  std::vector<double> mean = features.sums([&](size_t i, size_t) { return x[i]; });
  for (double& sum : mean) sum /= features.size();
  std::vector<double> variance = features.sums([&](size_t i, size_t f) { return square(x[i] - mean[f]); });
  for (double& sum : variance) sum /= features.size();

  const Normalization normalization{numbers_of(operands[1]), numbers_of(operands[2]), mean, variance, attrs.epsilon};
  const Shape& shape = instruction.shape();
  return Literal::tuple({literal_of(shape.element(0), normalization.apply(features, std::move(x))),
                         literal_of(shape.element(1), mean), literal_of(shape.element(2), variance)});
}

Literal eval_batch_norm_grad(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const auto& attrs = instruction.attrs<BatchNormAttrs>();
  const Features features(operands[0].shape(), attrs.feature_index);
  const std::vector<double> x = numbers_of(operands[0]);
  const std::vector<double> scale = numbers_of(operands[1]);
  const std::vector<double> mean = numbers_of(operands[2]);
  const std::vector<double> variance = numbers_of(operands[3]);
  std::vector<double> grad = numbers_of(operands[4]);

  const std::vector<double> grad_offset = features.sums([&](size_t i, size_t) { return grad[i]; });
  const std::vector<double> product = features.sums([&](size_t i, size_t f) { return grad[i] * (x[i] - mean[f]); });
  std::vector<double> grad_scale(product.size());
  std::vector<double> inverse(product.size());  // of the standard deviation
  for (size_t f = 0; f < product.size(); ++f) {
    inverse[f] = 1 / std::sqrt(variance[f] + attrs.epsilon);
    grad_scale[f] = product[f] * inverse[f];
  }
  // The statistics depend on every element: their part of the gradient is taken out again.
  features.for_each([&](size_t i, size_t f) {
    const double through_mean = grad_offset[f] / features.size();
    const double through_variance = (x[i] - mean[f]) * square(inverse[f]) * product[f] / features.size();
    grad[i] = scale[f] * inverse[f] * (grad[i] - through_mean - through_variance);
  });
  const Shape& shape = instruction.shape();
  return Literal::tuple({literal_of(shape.element(0), grad), literal_of(shape.element(1), grad_scale),
                         literal_of(shape.element(2), grad_offset)});
}

}  // namespace gshard
