#include "backend/cpu/ragged_routine.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "backend/cpu/onednn.h"
#include "base/ceil_div.h"
#include "eval/dispatch.h"
#include "eval/elements.h"

namespace gshard::cpu {
namespace {

using dnnl::memory;

// The largest product has so many rows of the ragged dimension.
constexpr int kLogOfMost = 8;
// Columns of the left operand that are one part of a ragged contraction.
constexpr int64_t kColumnsOfPart = 128;

// A matrix in an array: two of its dimensions.
struct MatrixSide {
  DType type;
  int64_t rows;
  int64_t columns;
  int64_t row_step;
  int64_t column_step;

  memory::desc descriptor() const {
    // What oneDNN makes of a step that is never made depends on it.
    const int64_t across = columns == 1 && rows > 1 && row_step > 1 ? 1 : column_step;
    const int64_t down = rows == 1 ? std::max<int64_t>(columns * across, 1) : row_step;
    return {{rows, columns}, dnnl_type(type), memory::dims{down, across}};
  }
  MatrixSide transposed() const { return {type, columns, rows, column_step, row_step}; }
};

MatrixSide matrix_of(const Shape& shape, int64_t row_dim, int64_t column_dim) {
  const Dims strides = row_major_strides(shape.dims());
  const auto row = static_cast<size_t>(row_dim);
  const auto column = static_cast<size_t>(column_dim);
  return {shape.type(), shape.dim(row), shape.dim(column), strides[row], strides[column]};
}

// Neither dimension dense: oneDNN's slow reference.
bool is_dense(const MatrixSide& m) { return m.row_step == 1 || m.column_step == 1 || m.rows == 1 || m.columns == 1; }

// One product of fixed sizes.
class Product {
 public:
  enum class Into : uint8_t { overwrite, add };
  Product(const MatrixSide& lhs, const MatrixSide& rhs, const MatrixSide& result, Into into)
      : lhs_(lhs.descriptor()), rhs_(rhs.descriptor()), result_(result.descriptor()) {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (into == Into::add) {
      dnnl::post_ops sum;
      sum.append_sum(1.0F);
      attributes.set_post_ops(sum);
    }
    plan_alone();
    const dnnl::matmul::primitive_desc made(dnnl::matmul::desc(lhs_, rhs_, result_), attributes, dnnl_engine());
    scratch_ = made.scratchpad_desc().get_size();
    primitive_ = dnnl::matmul(made);
  }

  void run(const std::byte* lhs, const std::byte* rhs, std::byte* result) const {
    const auto at = [](const memory::desc& desc, const std::byte* data) {
      return memory(desc, dnnl_engine(), const_cast<std::byte*>(data));
    };
    execute_alone(
        primitive_,
        {{DNNL_ARG_SRC, at(lhs_, lhs)}, {DNNL_ARG_WEIGHTS, at(rhs_, rhs)}, {DNNL_ARG_DST, at(result_, result)}},
        scratch_);
  }

 private:
  memory::desc lhs_;
  memory::desc rhs_;
  memory::desc result_;
  dnnl::matmul primitive_;
  size_t scratch_;
};

// 2^log places of the ragged dimension, all of one group.
struct Piece {
  int64_t group;
  int64_t first;
  int log;
};

struct Range {
  int64_t first;
  int64_t count;
};

// The groups along `extent` places; sizes that are negative or pass the end are cut.
std::vector<Range> ranges_of(DType type, const std::byte* sizes, int64_t groups, int64_t extent) {
  std::vector<Range> ranges;
  int64_t first = 0;
  with_integer(type, [&]<class T>() {
    for (int64_t g = 0; g < groups; ++g) {
      const T size = reinterpret_cast<const T*>(sizes)[g];
      const bool is_beyond = std::cmp_greater(size, extent - first);
      const int64_t count = is_beyond ? extent - first : std::max<int64_t>(static_cast<int64_t>(size), 0);
      ranges.push_back({first, count});
      first += count;
    }
  });
  return ranges;
}

std::vector<Piece> pieces_of(const std::vector<Range>& ranges) {
  std::vector<Piece> pieces;
  for (size_t g = 0; g < ranges.size(); ++g) {
    Range rest = ranges[g];
    while (rest.count > 0) {
      const int log = std::min(static_cast<int>(std::bit_width(static_cast<uint64_t>(rest.count))) - 1, kLogOfMost);
      pieces.push_back({static_cast<int64_t>(g), rest.first, log});
      rest.first += int64_t{1} << log;
      rest.count -= int64_t{1} << log;
    }
  }
  return pieces;
}

// What the routines of both modes have.
class RaggedRoutine : public Routine {
 public:
  explicit RaggedRoutine(const Instruction& x)
      : size_type_(x.operand(2)->shape().type()), groups_(x.operand(2)->shape().dim(0)) {}

 protected:
  // Products of 1, 2, 4, ... places up to `extent`.
  template <class Make>
  static std::vector<Product> products(int64_t extent, Make&& make) {
    std::vector<Product> made;
    for (int log = 0; log <= kLogOfMost && int64_t{1} << log <= extent; ++log) made.push_back(make(int64_t{1} << log));
    return made;
  }
  static int64_t width(const MatrixSide& m) { return bytes_of(m.type); }

  DType size_type_;
  int64_t groups_;
};

// [m,k], [g,k,n] -> [m,n]: each row meets the matrix of its group; rows of no group are 0.
class RowGroups : public RaggedRoutine {
 public:
  struct Form {
    MatrixSide lhs;
    MatrixSide rhs;
    MatrixSide result;
    int64_t group_step;  // elements between matrices of the right
  };
  RowGroups(const Instruction& x, const Form& form) : RaggedRoutine(x), form_(form) {
    products_ = products(form.lhs.rows, [&](int64_t rows) {
      MatrixSide lhs = form.lhs;
      MatrixSide result = form.result;
      lhs.rows = result.rows = rows;
      return Product(lhs, form.rhs, result, Product::Into::overwrite);
    });
  }

  std::string describe() const override {
    return fmt::format("{} groups of {} rows by [{},{}] {}", groups_, form_.lhs.rows, form_.rhs.rows, form_.rhs.columns,
                       name_of(form_.lhs.type));
  }

  void run(const Arrays& arrays, const ParallelLoop& loop) const override {
    const std::vector<Range> ranges = ranges_of(size_type_, arrays.operands[2], groups_, form_.lhs.rows);
    const std::vector<Piece> pieces = pieces_of(ranges);
    const int64_t row_bytes = form_.result.row_step * width(form_.result);
    const int64_t end = ranges.empty() ? 0 : ranges.back().first + ranges.back().count;
    std::fill(arrays.results[0] + end * row_bytes, arrays.results[0] + form_.lhs.rows * row_bytes, std::byte{0});
    if (pieces.empty()) return;
    loop(static_cast<int64_t>(pieces.size()), [&](int64_t p) {
      const Piece& piece = pieces[static_cast<size_t>(p)];
      products_[static_cast<size_t>(piece.log)].run(
          arrays.operands[0] + piece.first * form_.lhs.row_step * width(form_.lhs),
          arrays.operands[1] + piece.group * form_.group_step * width(form_.rhs),
          arrays.results[0] + piece.first * row_bytes);
    });
  }

 private:
  Form form_;
  std::vector<Product> products_;
};

// [m,k], [m,n] -> [g,k,n]: one sum over the places of each group.
class SumGroups : public RaggedRoutine {
 public:
  struct Form {
    MatrixSide lhs;  // [k,m]
    MatrixSide rhs;  // [m,n]
    DType result;
  };
  SumGroups(const Instruction& x, const Form& form) : RaggedRoutine(x), form_(form) {
    step_ = std::min(form.lhs.rows, kColumnsOfPart);
    parts_ = ceil_div(form.lhs.rows, step_);
    whole_ = products_of(step_);
    if (form.lhs.rows % step_ != 0) last_ = products_of(form.lhs.rows % step_);
  }

  std::string describe() const override {
    return fmt::format("{} sums [{},{}] over groups of {} rows {}", groups_, form_.lhs.rows, form_.rhs.columns,
                       form_.rhs.rows, name_of(form_.lhs.type));
  }
  int64_t workspace_bytes() const override {
    return form_.result == DType::f32 ? 0 : groups_ * form_.lhs.rows * form_.rhs.columns * bytes_of(DType::f32);
  }

  void run(const Arrays& arrays, const ParallelLoop& loop) const override {
    const std::vector<Range> ranges = ranges_of(size_type_, arrays.operands[2], groups_, form_.rhs.rows);
    if (groups_ == 0) return;
    loop(groups_ * parts_, [&](int64_t part) {
      const int64_t group = part / parts_;
      const int64_t first = part % parts_ * step_;
      const int64_t rows = std::min(step_, form_.lhs.rows - first);
      const int64_t at = (group * form_.lhs.rows + first) * form_.rhs.columns;
      const bool is_direct = form_.result == DType::f32;
      std::byte* sums = (is_direct ? arrays.results[0] : arrays.workspace) + at * bytes_of(DType::f32);
      const int64_t count = rows * form_.rhs.columns;
      std::fill_n(sums, count * bytes_of(DType::f32), std::byte{0});
      add_group(arrays, ranges[static_cast<size_t>(group)], first, sums);
      if (is_direct) return;
      narrow_floats(form_.result, reinterpret_cast<const float*>(sums), arrays.results[0] + at * bytes_of(form_.result),
                    static_cast<size_t>(count));
    });
  }

 private:
  std::vector<Product> products_of(int64_t rows) const {
    return products(form_.rhs.rows, [&](int64_t places) {
      MatrixSide lhs = form_.lhs;
      MatrixSide rhs = form_.rhs;
      lhs.rows = rows;
      lhs.columns = rhs.rows = places;
      const MatrixSide result{DType::f32, rows, rhs.columns, rhs.columns, 1};
      return Product(lhs, rhs, result, Product::Into::add);
    });
  }

  void add_group(const Arrays& arrays, const Range& range, int64_t first_row, std::byte* sums) const {
    const auto& products = first_row + step_ <= form_.lhs.rows ? whole_ : last_;
    for (const Piece& piece : pieces_of({range})) {
      const int64_t lhs = first_row * form_.lhs.row_step + piece.first * form_.lhs.column_step;
      products[static_cast<size_t>(piece.log)].run(
          arrays.operands[0] + lhs * width(form_.lhs),
          arrays.operands[1] + piece.first * form_.rhs.row_step * width(form_.rhs), sums);
    }
  }

  Form form_;
  int64_t step_;
  int64_t parts_;
  std::vector<Product> whole_;
  std::vector<Product> last_;
};

bool has_types(const Instruction& x) {
  const DType type = x.operand(0)->shape().type();
  const DType result = x.shape().type();
  if (type != x.operand(1)->shape().type()) return false;
  return (type == DType::f32 && result == DType::f32) ||
         (type == DType::bf16 && (result == DType::bf16 || result == DType::f32));
}

// The dimension of an array of two that is not `d`.
int64_t other(int64_t d) { return 1 - d; }

std::unique_ptr<Routine> row_groups(const Instruction& x, const RaggedDotAttrs& attrs) {
  const Shape& rhs = x.operand(1)->shape();
  const int64_t group = attrs.rhs_group_dims[0];
  const int64_t summed = attrs.rhs_contracting_dims[0];
  const int64_t columns = 3 - group - summed;
  const RowGroups::Form form{matrix_of(x.operand(0)->shape(), attrs.lhs_ragged_dims[0], attrs.lhs_contracting_dims[0]),
                             matrix_of(rhs, summed, columns), matrix_of(x.shape(), 0, 1),
                             row_major_strides(rhs.dims())[static_cast<size_t>(group)]};
  if (!is_dense(form.rhs)) return nullptr;
  return std::make_unique<RowGroups>(x, form);
}

std::unique_ptr<Routine> sum_groups(const Instruction& x, const RaggedDotAttrs& attrs) {
  const int64_t lhs_summed = attrs.lhs_contracting_dims[0];
  const int64_t rhs_summed = attrs.rhs_contracting_dims[0];
  return std::make_unique<SumGroups>(
      x, SumGroups::Form{matrix_of(x.operand(0)->shape(), other(lhs_summed), lhs_summed),
                         matrix_of(x.operand(1)->shape(), rhs_summed, other(rhs_summed)), x.shape().type()});
}

}  // namespace

std::unique_ptr<Routine> make_ragged_dot(const Instruction& x) {
  const auto& attrs = x.attrs<RaggedDotAttrs>();
  const Shape& sizes = x.operand(2)->shape();
  if (!has_types(x) || sizes.rank() != 1 || !attrs.lhs_batch_dims.empty()) return nullptr;
  for (const Instruction* operand : x.operands()) {
    if (operand->shape().element_count() == 0) return nullptr;
  }
  if (x.shape().element_count() == 0 || x.operand(0)->shape().rank() != 2) return nullptr;
  if (attrs.lhs_contracting_dims.size() != 1 || attrs.lhs_ragged_dims.size() != 1) return nullptr;
  const size_t rhs_rank = x.operand(1)->shape().rank();
  if (attrs.lhs_ragged_dims[0] == attrs.lhs_contracting_dims[0]) {
    return rhs_rank == 2 ? sum_groups(x, attrs) : nullptr;
  }
  return rhs_rank == 3 && attrs.rhs_group_dims.size() == 1 ? row_groups(x, attrs) : nullptr;
}

}  // namespace gshard::cpu
