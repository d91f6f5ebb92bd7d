// Rules of the ops that multiply and sum: dot, ragged-dot, convolution, and the matrix ops that are parallel over
// batches.
#include <algorithm>

#include "ops/rule_maker.h"

namespace gshard {
namespace {

bool contains(const Dims& dims, int64_t dim) { return std::find(dims.begin(), dims.end(), dim) != dims.end(); }

// The dimensions of `rank` that stand in neither list, in order.
Dims free_dims(size_t rank, const Dims& batch, const Dims& contracting) {
  Dims free;
  for (int64_t d = 0; d < static_cast<int64_t>(rank); ++d) {
    if (!contains(batch, d) && !contains(contracting, d)) free.push_back(d);
  }
  return free;
}

}  // namespace

Rule rule_dot(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const auto& attrs = instruction.attrs<DotAttrs>();
  const Shape& lhs = instruction.operand(0)->shape();
  const Shape& rhs = instruction.operand(1)->shape();
  int64_t out = 0;
  for (size_t i = 0; i < attrs.lhs_batch_dims.size(); ++i) {
    const FactorId id = maker.parallel(lhs.dim(static_cast<size_t>(attrs.lhs_batch_dims[i])));
    maker.operand(0, attrs.lhs_batch_dims[i], id);
    maker.operand(1, attrs.rhs_batch_dims[i], id);
    maker.result(0, out++, id);
  }
  for (size_t i = 0; i < attrs.lhs_contracting_dims.size(); ++i) {
    const int64_t size = lhs.dim(static_cast<size_t>(attrs.lhs_contracting_dims[i]));
    const FactorId id = maker.factor(FactorKind::reduce, size, Reducer::add);
    maker.operand(0, attrs.lhs_contracting_dims[i], id);
    maker.operand(1, attrs.rhs_contracting_dims[i], id);
  }
  const auto add_free = [&](size_t number, const Shape& shape, const Dims& batch, const Dims& contracting) {
    for (const int64_t d : free_dims(shape.rank(), batch, contracting)) {
      const FactorId id = maker.parallel(shape.dim(static_cast<size_t>(d)));
      maker.operand(number, d, id);
      maker.result(0, out++, id);
    }
  };
  add_free(0, lhs, attrs.lhs_batch_dims, attrs.lhs_contracting_dims);
  add_free(1, rhs, attrs.rhs_batch_dims, attrs.rhs_contracting_dims);
  maker.linearity() = {0, 0b11, Reducer::add};
  return std::move(maker).finish();
}

// lhs [b, m, k] by rhs [g, b, k, n] with group sizes over the ragged dimension of lhs. The groups are counted from the
// start of the ragged dimension, so it and the groups stay whole; the others are as in a dot. Where each place of some
// dimensions of lhs has groups of its own, those dimensions come first in the group sizes.
Rule rule_ragged_dot(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const auto& attrs = instruction.attrs<RaggedDotAttrs>();
  const Shape& lhs = instruction.operand(0)->shape();
  const Shape& rhs = instruction.operand(1)->shape();
  const int64_t ragged = attrs.lhs_ragged_dims[0];
  const bool ragged_contracts = contains(attrs.lhs_contracting_dims, ragged);
  const auto own_groups = static_cast<int64_t>(instruction.operand(2)->shape().rank()) - 1;
  int64_t place = 0;  // among the dimensions that may have groups of their own
  const auto on_group_sizes = [&](FactorId id) {
    if (place < own_groups) maker.operand(2, place, id);
    ++place;
  };
  int64_t out = ragged_contracts ? 1 : 0;  // groups come first in the result of the contracting mode
  for (size_t i = 0; i < attrs.lhs_batch_dims.size(); ++i, ++out) {
    if (attrs.lhs_batch_dims[i] == ragged) continue;
    const FactorId id = maker.parallel(lhs.dim(static_cast<size_t>(attrs.lhs_batch_dims[i])));
    maker.operand(0, attrs.lhs_batch_dims[i], id);
    maker.operand(1, attrs.rhs_batch_dims[i], id);
    maker.result(0, out, id);
    on_group_sizes(id);
  }
  for (size_t i = 0; i < attrs.lhs_contracting_dims.size(); ++i) {
    if (attrs.lhs_contracting_dims[i] == ragged) continue;
    const int64_t size = lhs.dim(static_cast<size_t>(attrs.lhs_contracting_dims[i]));
    const FactorId id = maker.factor(FactorKind::reduce, size, Reducer::add);
    maker.operand(0, attrs.lhs_contracting_dims[i], id);
    maker.operand(1, attrs.rhs_contracting_dims[i], id);
    if (ragged_contracts) on_group_sizes(id);
  }
  for (const int64_t d : free_dims(lhs.rank(), attrs.lhs_batch_dims, attrs.lhs_contracting_dims)) {
    if (d != ragged) {
      const FactorId id = maker.parallel(lhs.dim(static_cast<size_t>(d)));
      maker.operand(0, d, id);
      maker.result(0, out, id);
      if (!ragged_contracts) on_group_sizes(id);
    }
    ++out;
  }
  for (const int64_t d : free_dims(rhs.rank(), attrs.rhs_batch_dims, attrs.rhs_contracting_dims)) {
    if (contains(attrs.rhs_group_dims, d)) continue;
    const FactorId id = maker.parallel(rhs.dim(static_cast<size_t>(d)));
    maker.operand(1, d, id);
    maker.result(0, out++, id);
  }
  maker.linearity() = {0, 0b11, Reducer::add};
  return std::move(maker).finish();
}

// Feature groups are the major part of the kernel's and the result's output features and of the input's features; batch
// groups that of the input's batch and of the output features.
Rule rule_convolution(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const auto& attrs = instruction.attrs<ConvolutionAttrs>();
  const ConvDimensions& labels = attrs.dim_labels;
  const auto size_of = [](const Shape& shape, int64_t d) { return shape.dim(static_cast<size_t>(d)); };
  const Shape& kernel = instruction.operand(1)->shape();
  const Shape& result = instruction.shape();

  const auto groups_of = [&](int64_t count, int64_t input_dim) {
    if (count <= 1) return;
    const FactorId id = maker.parallel(count);
    maker.operand(0, input_dim, id);
    maker.operand(1, labels.kernel_output_feature, id);
    maker.result(0, labels.output_feature, id);
  };
  groups_of(attrs.feature_group_count, labels.input_feature);
  groups_of(attrs.batch_group_count, labels.input_batch);

  const FactorId batch = maker.parallel(size_of(result, labels.output_batch));
  maker.operand(0, labels.input_batch, batch);
  maker.result(0, labels.output_batch, batch);
  const int64_t groups = attrs.feature_group_count * attrs.batch_group_count;
  const FactorId out_feature = maker.parallel(size_of(result, labels.output_feature) / groups);
  maker.operand(1, labels.kernel_output_feature, out_feature);
  maker.result(0, labels.output_feature, out_feature);
  const FactorId in_feature =
      maker.factor(FactorKind::reduce, size_of(kernel, labels.kernel_input_feature), Reducer::add);
  maker.operand(0, labels.input_feature, in_feature);
  maker.operand(1, labels.kernel_input_feature, in_feature);

  for (size_t s = 0; s < attrs.window.dims.size(); ++s) {
    const int64_t in_size = size_of(instruction.operand(0)->shape(), labels.input_spatial[s]);
    const int64_t out_size = size_of(result, labels.output_spatial[s]);
    const bool pointwise = attrs.window.dims[s] == WindowDim{} && in_size == out_size;
    // Where the window outgrows the result, as in the gradient of a filter, the two have little to do with each other.
    const FactorKind kind = pointwise                              ? FactorKind::parallel
                            : attrs.window.dims[s].size > out_size ? FactorKind::whole
                                                                   : FactorKind::shift;
    const FactorId id = maker.factor(kind, out_size);
    maker.operand(0, labels.input_spatial[s], id);
    maker.result(0, labels.output_spatial[s], id);
  }
  maker.linearity() = {0, 0b11, Reducer::add};
  return std::move(maker).finish();
}

// cholesky, triangular-solve: matrices in the last two dimensions, one problem per index of the others.
Rule rule_batched_matrix(const Instruction& instruction) {
  RuleMaker maker(instruction);
  for (size_t d = 0; d + 2 < maker.result_rank(); ++d) {
    const FactorId id = maker.parallel(instruction.shape().dim(d));
    maker.result(0, static_cast<int64_t>(d), id);
    for (size_t i = 0; i < instruction.operand_count(); ++i) maker.operand(i, static_cast<int64_t>(d), id);
  }
  return std::move(maker).finish();
}

Rule rule_fft(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const size_t transformed = instruction.attrs<FftAttrs>().fft_length.size();
  for (size_t d = 0; d + transformed < maker.result_rank(); ++d) {
    const FactorId id = maker.parallel(instruction.shape().dim(d));
    maker.operand(0, static_cast<int64_t>(d), id);
    maker.result(0, static_cast<int64_t>(d), id);
  }
  maker.linearity() = {0b1, 0, Reducer::add};
  return std::move(maker).finish();
}

}  // namespace gshard
