// Types of the ops that copy elements to other places: broadcast, reshape, slice, pad, ...
#include <algorithm>

#include "ops/infer.h"

namespace gshard {
namespace {

// The declared result, which must be an array of operand 0's element type.
const Shape& declared_array(const Instruction& i) {
  const Shape& operand = i.operand(0)->shape();
  const Shape& declared = i.shape();
  require(declared.type() == operand.type(), i, "the result of {} cannot be {}: element types must be equal", operand,
          declared);
  return declared;
}

// Start indices after the operands: one integer scalar for each dimension, or one vector of them (an older form).
void require_start_indices(const Instruction& i, size_t first, size_t rank) {
  for (size_t k = first; k < i.operand_count(); ++k) {
    require_integers(i, k);
    require_equal_types(i, first, k);
  }
  const size_t count = i.operand_count() - first;
  const Dims vector{static_cast<int64_t>(rank)};
  if (count == 1 && i.operand(first)->shape().dims() == vector) return;
  require(count == rank, i, "operand 0 is {}: needs {} start indices, has {}", i.operand(0)->shape(), rank, count);
  for (size_t k = first; k < i.operand_count(); ++k) {
    const Shape& index = i.operand(k)->shape();
    require(index.is_scalar(), i, "operand {} is {}, must be a scalar start index", k, index);
  }
}

}  // namespace

Shape infer_same_as_operand(const Instruction& i) { return i.operand(0)->shape(); }

Shape infer_broadcast(const Instruction& i) {
  const Shape& operand = i.operand(0)->shape();
  const Shape& declared = declared_array(i);
  const Dims& dimensions = i.attrs<DimensionsAttrs>().dimensions;
  require(dimensions.size() == operand.rank(), i, "dimensions={} has {} numbers, operand 0 is {} of rank {}",
          dimensions, dimensions.size(), operand, operand.rank());
  require_unique_below(i, dimensions, declared.rank(), "dimensions");
  for (size_t d = 0; d < dimensions.size(); ++d) {
    const int64_t size = declared.dim(static_cast<size_t>(dimensions[d]));
    require(operand.dim(d) == size, i, "dimension {} of operand 0 has size {}, dimension {} of the result has size {}",
            d, operand.dim(d), dimensions[d], size);
  }
  return declared;
}

Shape infer_reshape(const Instruction& i) {
  const Shape& operand = i.operand(0)->shape();
  const Shape& declared = declared_array(i);
  require(operand.element_count() == declared.element_count(), i, "{} has {} elements, {} has {}", operand,
          operand.element_count(), declared, declared.element_count());
  return declared;
}

Shape infer_dynamic_reshape(const Instruction& i) {
  const Shape result = infer_reshape(i);
  require(i.operand_count() == result.rank() + 1, i, "needs one size for each dimension of {}, has {}", result,
          i.operand_count() - 1);
  for (size_t k = 1; k < i.operand_count(); ++k) {
    const Shape& size = i.operand(k)->shape();
    require(size == Shape(DType::s32), i, "operand {} is {}, must be s32[]", k, size);
  }
  return result;
}

Shape infer_transpose(const Instruction& i) {
  const Shape& operand = i.operand(0)->shape();
  const Dims& dimensions = i.attrs<DimensionsAttrs>().dimensions;
  require(dimensions.size() == operand.rank(), i, "dimensions={} has {} numbers, operand 0 is {} of rank {}",
          dimensions, dimensions.size(), operand, operand.rank());
  require_unique_below(i, dimensions, operand.rank(), "dimensions");
  Dims result;
  for (int64_t d : dimensions) result.push_back(operand.dim(static_cast<size_t>(d)));
  return operand.with_dims(result);
}

Shape infer_reverse(const Instruction& i) {
  const Shape& operand = i.operand(0)->shape();
  require_unique_below(i, i.attrs<DimensionsAttrs>().dimensions, operand.rank(), "dimensions");
  return operand;
}

Shape infer_concatenate(const Instruction& i) {
  const Shape& first = i.operand(0)->shape();
  const Dims& dimensions = i.attrs<DimensionsAttrs>().dimensions;
  require(dimensions.size() == 1, i, "dimensions={} must be one dimension", dimensions);
  require_below(i, dimensions[0], first.rank(), "dimensions");
  const auto along = static_cast<size_t>(dimensions[0]);
  WideInt total = 0;
  for (size_t k = 0; k < i.operand_count(); ++k) {
    const Shape& shape = array_operand(i, k);
    require_equal_types(i, 0, k);
    require(shape.rank() == first.rank(), i, "operand 0 is {}, operand {} is {}: ranks must be equal", first, k, shape);
    for (size_t d = 0; d < shape.rank(); ++d) {
      require(d == along || shape.dim(d) == first.dim(d), i,
              "dimension {} of operand 0 has size {}, of operand {} size {}", d, first.dim(d), k, shape.dim(d));
    }
    total += shape.dim(along);
  }
  Dims result = first.dims();
  result[along] = checked_size(i, total, fmt::format("dimension {} of the result", along));
  return first.with_dims(result);
}

Shape infer_slice(const Instruction& i) {
  const Shape& operand = i.operand(0)->shape();
  const auto& [starts, limits, strides] = i.attrs<SliceAttrs>().slice;
  require(starts.size() == operand.rank(), i, "slice has {} ranges, operand 0 is {} of rank {}", starts.size(), operand,
          operand.rank());
  Dims result;
  for (size_t d = 0; d < operand.rank(); ++d) {
    require(starts[d] >= 0 && starts[d] <= limits[d] && limits[d] <= operand.dim(d), i,
            "range [{}:{}] does not lie in dimension {} of {}", starts[d], limits[d], d, operand);
    require(strides[d] >= 1, i, "the stride of dimension {} is {}, must be at least 1", d, strides[d]);
    const int64_t span = limits[d] - starts[d];
    result.push_back(span / strides[d] + (span % strides[d] != 0 ? 1 : 0));
  }
  return operand.with_dims(result);
}

Shape infer_pad(const Instruction& i) {
  const Shape& operand = i.operand(0)->shape();
  const Shape& value = i.operand(1)->shape();
  require(value == Shape(operand.type()), i, "the padding value is {}, must be {}[]", value, operand.type());
  const std::vector<PaddingDim>& padding = i.attrs<PadAttrs>().padding.dims;
  require(padding.size() == operand.rank(), i, "padding has {} dimensions, operand 0 is {} of rank {}", padding.size(),
          operand, operand.rank());
  Dims result;
  for (size_t d = 0; d < operand.rank(); ++d) {
    const auto& [low, high, interior] = padding[d];
    require(interior >= 0, i, "the interior padding of dimension {} is {}, must not be negative", d, interior);
    const WideInt inside = WideInt{std::max<int64_t>(operand.dim(d) - 1, 0)} * interior;
    result.push_back(
        checked_size(i, WideInt{low} + operand.dim(d) + inside + high,
                     fmt::format("dimension {} of {} padded by {}_{}_{}", d, operand, low, high, interior)));
  }
  return operand.with_dims(result);
}

Shape infer_dynamic_slice(const Instruction& i) {
  const Shape& operand = i.operand(0)->shape();
  const Dims& sizes = i.attrs<DynamicSliceAttrs>().dynamic_slice_sizes;
  require_start_indices(i, 1, operand.rank());
  require(sizes.size() == operand.rank(), i, "dynamic_slice_sizes={} has {} sizes, operand 0 is {} of rank {}", sizes,
          sizes.size(), operand, operand.rank());
  for (size_t d = 0; d < sizes.size(); ++d) {
    require(sizes[d] >= 0 && sizes[d] <= operand.dim(d), i, "slice size {} does not fit dimension {} of {}", sizes[d],
            d, operand);
  }
  return operand.with_dims(sizes);
}

Shape infer_dynamic_update_slice(const Instruction& i) {
  const Shape& operand = i.operand(0)->shape();
  const Shape& update = array_operand(i, 1);
  require_equal_types(i, 0, 1);
  require(operand.rank() == update.rank(), i, "operand 0 is {}, operand 1 is {}: ranks must be equal", operand, update);
  for (size_t d = 0; d < operand.rank(); ++d) {
    require(update.dim(d) <= operand.dim(d), i, "dimension {} of the update has size {}, of operand 0 size {}", d,
            update.dim(d), operand.dim(d));
  }
  require_start_indices(i, 2, operand.rank());
  return operand;
}

Shape infer_iota(const Instruction& i) {
  const Shape& declared = i.shape();
  require(declared.is_array() && declared.type() != DType::pred, i, "the result cannot be {}", declared);
  require_below(i, i.attrs<IotaAttrs>().iota_dimension, declared.rank(), "iota_dimension");
  return declared;
}

// Reinterprets the bytes: the same number of bits in and out.
Shape infer_bitcast(const Instruction& i) {
  const Shape& operand = array_operand(i, 0);
  const Shape& declared = i.shape();
  require(declared.is_array(), i, "the result cannot be {}", declared);
  const auto bits = [](const Shape& shape) { return WideInt{shape.element_count()} * bits_of(shape.type()); };
  require(bits(operand) == bits(declared), i, "{} and {} have different numbers of bits", operand, declared);
  return declared;
}

// Reinterprets each element. A narrower result type adds a minor dimension of the parts, a wider one takes it away.
Shape infer_bitcast_convert(const Instruction& i) {
  const Shape& from = i.operand(0)->shape();
  const Shape& to = i.shape();
  require(to.is_array(), i, "the result cannot be {}", to);
  require(is_complex(from.type()) == is_complex(to.type()), i, "cannot convert between {} and {}: complex and real",
          from, to);
  const int from_bits = bits_of(from.type());
  const int to_bits = bits_of(to.type());
  Dims result = from.dims();
  if (from_bits > to_bits) {
    require(from_bits % to_bits == 0, i, "{} bits of {} are no multiple of {} bits of {}", from_bits, from.type(),
            to_bits, to.type());
    result.push_back(from_bits / to_bits);
  } else if (from_bits < to_bits) {
    const int64_t parts = to_bits / from_bits;
    require(to_bits % from_bits == 0 && !result.empty() && result.back() == parts, i,
            "the last dimension of {} must have size {} to make one {}", from, parts, to.type());
    result.pop_back();
  }
  return Shape(to.type(), result);
}

Shape infer_get_dimension_size(const Instruction& i) {
  const Dims& dimensions = i.attrs<DimensionSizeAttrs>().dimensions;
  require(dimensions.size() == 1, i, "dimensions={} must be one dimension", dimensions);
  require_below(i, dimensions[0], i.operand(0)->shape().rank(), "dimensions");
  return Shape(DType::s32);
}

Shape infer_set_dimension_size(const Instruction& i) {
  infer_get_dimension_size(i);
  const Shape& size = i.operand(1)->shape();
  require(size == Shape(DType::s32), i, "operand 1 is {}, must be s32[]", size);
  return i.operand(0)->shape();
}

}  // namespace gshard
