// ragged-dot: a dot in which one dimension of lhs is divided into groups, whose sizes are data. Three modes by what
// the ragged dimension is (b batch, m and n free, k contracted, g groups):
//
//   free        [b,m,k], [g,b,k,n] -> [b,m,n]     each row of lhs meets the rhs of its group; rows of no group are 0
//   contracted  [b,m,k], [b,k,n]   -> [g,b,m,n]   one sum per group
//   batch       [b,m,k], [b,k,n]   -> [b,m,n]     a dot: batches are independent, grouped or not
#include <algorithm>
#include <vector>

#include "eval/dot.h"
#include "eval/elements.h"
#include "eval/evaluator.h"
#include "eval/strided.h"

namespace gshard {
namespace {

struct Range {
  int64_t first;
  int64_t count;
};

// The groups along the ragged dimension, for every position in the dimensions outside of it. Sizes that are negative
// or pass the end are cut.
class Groups {
 public:
  Groups(const Literal& sizes, int64_t extent)
      : count_(sizes.shape().dims().back()), shared_(sizes.shape().rank() == 1) {
    for (int64_t size : integers_of(sizes)) {
      const int64_t first =
          ranges_.size() % static_cast<size_t>(count_) == 0 ? 0 : ranges_.back().first + ranges_.back().count;
      ranges_.push_back({first, std::clamp<int64_t>(size, 0, extent - first)});
    }
  }
  int64_t count() const { return count_; }
  Range at(int64_t outer, int64_t group) const {
    return ranges_[static_cast<size_t>((shared_ ? 0 : outer * count_) + group)];
  }

 private:
  std::vector<Range> ranges_;
  int64_t count_;
  bool shared_;  // one list of sizes for all positions
};

// How a run of dimensions (free or contracted) is divided by the ragged one: outer x extent x inner.
struct RaggedRun {
  int64_t outer = 1;
  int64_t extent = 1;
  int64_t inner = 1;

  RaggedRun(const Shape& shape, const Dims& dims, int64_t ragged) {
    bool before = true;
    for (int64_t d : dims) {
      const int64_t size = shape.dim(static_cast<size_t>(d));
      if (d == ragged) {
        extent = size;
        before = false;
      } else {
        (before ? outer : inner) *= size;
      }
    }
  }
  Range part(int64_t position, Range range) const {
    return {(position * extent + range.first) * inner, range.count * inner};
  }
};

template <class T>
void multiply_free_groups(const MatrixOperand& a, const MatrixOperand& b, const RaggedRun& run, const Groups& groups,
                          T* out) {
  const int64_t n = b.free_count();
  for (int64_t batch = 0; batch < a.batch_count(); ++batch) {
    const MatrixView<T> result{out + batch * a.free_count() * n, n, 1};
    for (int64_t outer = 0; outer < run.outer; ++outer) {
      for (int64_t group = 0; group < groups.count(); ++group) {
        const Range rows = run.part(outer, groups.at(batch * run.outer + outer, group));
        matmul_add<T>({rows.count, n, a.contracted_count()}, part_of(a.matrix<T>(batch), rows.first, 0),
                      b.matrix<T>(group * a.batch_count() + batch).transposed(), part_of(result, rows.first, 0));
      }
    }
  }
}

template <class T>
void multiply_contracted_groups(const MatrixOperand& a, const MatrixOperand& b, const RaggedRun& run,
                                const Groups& groups, T* out) {
  const int64_t m = a.free_count();
  const int64_t n = b.free_count();
  for (int64_t group = 0; group < groups.count(); ++group) {
    for (int64_t batch = 0; batch < a.batch_count(); ++batch) {
      const MatrixView<T> result{out + (group * a.batch_count() + batch) * m * n, n, 1};
      for (int64_t outer = 0; outer < run.outer; ++outer) {
        const Range terms = run.part(outer, groups.at(batch * run.outer + outer, group));
        matmul_add<T>({m, n, terms.count}, part_of(a.matrix<T>(batch), 0, terms.first),
                      part_of(b.matrix<T>(batch), 0, terms.first).transposed(), result);
      }
    }
  }
}

}  // namespace

Literal eval_ragged_dot(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const auto& attrs = instruction.attrs<RaggedDotAttrs>();
  const Shape& lhs = operands[0].shape();
  if (any_empty({instruction.shape(), lhs, operands[1].shape()})) return Literal(instruction.shape());
  const DType type = accumulator_type(instruction.shape().type(), lhs.type(), operands[1].shape().type());
  Dims rhs_batch = attrs.rhs_group_dims;
  rhs_batch.append({attrs.rhs_batch_dims.data(), attrs.rhs_batch_dims.size()});
  const MatrixOperand a(operands[0], attrs.lhs_batch_dims, attrs.lhs_contracting_dims, type);
  const MatrixOperand b(operands[1], rhs_batch, attrs.rhs_contracting_dims, type);

  const int64_t ragged = attrs.lhs_ragged_dims[0];
  const bool contracted = is_among(ragged, attrs.lhs_contracting_dims);
  const RaggedRun run(lhs, contracted ? attrs.lhs_contracting_dims : a.free_dims(), ragged);
  const Groups groups(operands[2], run.extent);
  Literal sums(instruction.shape().with_type(type));
  with_accumulator(type, [&]<class T>() {
    T* out = sums.mutable_values<T>().data();
    if (is_among(ragged, attrs.lhs_batch_dims)) {
      multiply<T>(a, b, out);
    } else if (contracted) {
      multiply_contracted_groups<T>(a, b, run, groups, out);
    } else {
      multiply_free_groups<T>(a, b, run, groups, out);
    }
  });
  return convert_elements(sums, instruction.shape().type());
}

}  // namespace gshard
