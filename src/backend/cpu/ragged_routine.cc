#include "backend/cpu/ragged_routine.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "backend/cpu/matmul.h"
#include "backend/cpu/onednn.h"
#include "base/ceil_div.h"
#include "eval/dispatch.h"
#include "eval/elements.h"
#include "eval/strided.h"

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

// Groups along `extent` places, of sizes that begin at the element `begin`; those that are negative or pass the end are
// cut.
struct GroupSizes {
  DType type;
  const std::byte* sizes;
  int64_t begin;
  int64_t groups;
};
std::vector<Range> ranges_of(const GroupSizes& s, int64_t extent) {
  std::vector<Range> ranges;
  int64_t first = 0;
  with_integer(s.type, [&]<class T>() {
    for (int64_t g = 0; g < s.groups; ++g) {
      const T size = reinterpret_cast<const T*>(s.sizes)[s.begin + g];
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
      : size_type_(x.operand(2)->shape().type()), groups_(x.operand(2)->shape().dims().back()) {}

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

// A dimension that all products are repeated along: a batch's, or one of the left's before the ragged one. Steps are
// elements, 0 for one that the right does not have.
struct Repeat {
  int64_t count;
  int64_t lhs_step;
  int64_t rhs_step;
};

// [b,m,k], [b,g,k,n] -> [b,m,n]: each row meets the matrix of its group; rows of no group are 0. b stands for all
// dimensions that the products are repeated along.
class RowGroups : public RaggedRoutine {
 public:
  struct Form {
    MatrixSide lhs;
    MatrixSide rhs;
    MatrixSide result;
    int64_t group_step;  // elements between matrices of the right
    std::vector<Repeat> repeats;
    bool one_list;  // of sizes, for all repeats
  };
  RowGroups(const Instruction& x, Form form) : RaggedRoutine(x), form_(std::move(form)) {
    for (const Repeat& repeat : form_.repeats) count_ *= repeat.count;
    products_ = products(form_.lhs.rows, [&](int64_t rows) {
      MatrixSide lhs = form_.lhs;
      MatrixSide result = form_.result;
      lhs.rows = result.rows = rows;
      return Product(lhs, form_.rhs, result, Product::Into::overwrite);
    });
  }

  std::string describe() const override {
    const std::string times = count_ == 1 ? "" : fmt::format("{} times ", count_);
    return fmt::format("{}{} groups of {} rows by [{},{}] {}", times, groups_, form_.lhs.rows, form_.rhs.rows,
                       form_.rhs.columns, name_of(form_.lhs.type));
  }

  void run(const Arrays& arrays, const ParallelLoop& loop) const override {
    std::vector<Job> jobs;
    for (int64_t i = 0; i < count_; ++i) add_jobs(arrays, i, jobs);
    if (jobs.empty()) return;
    loop(static_cast<int64_t>(jobs.size()), [&](int64_t j) {
      const Job& job = jobs[static_cast<size_t>(j)];
      products_[static_cast<size_t>(job.log)].run(job.lhs, job.rhs, job.result);
    });
  }

 private:
  struct Job {
    int log;
    const std::byte* lhs;
    const std::byte* rhs;
    std::byte* result;
  };

  // The products of one repeat; what is behind its groups becomes 0.
  void add_jobs(const Arrays& arrays, int64_t repeat, std::vector<Job>& jobs) const {
    const int64_t row_bytes = form_.result.row_step * width(form_.result);
    const std::byte* lhs = arrays.operands[0];
    const std::byte* rhs = arrays.operands[1];
    std::byte* result = arrays.results[0] + repeat * form_.lhs.rows * row_bytes;
    int64_t rest = repeat;
    for (size_t d = form_.repeats.size(); d-- > 0;) {
      const Repeat& along = form_.repeats[d];
      lhs += rest % along.count * along.lhs_step * width(form_.lhs);
      rhs += rest % along.count * along.rhs_step * width(form_.rhs);
      rest /= along.count;
    }
    const int64_t begin = form_.one_list ? 0 : repeat * groups_;
    const auto ranges = ranges_of({size_type_, arrays.operands[2], begin, groups_}, form_.lhs.rows);
    for (const Piece& piece : pieces_of(ranges)) {
      jobs.push_back({piece.log, lhs + piece.first * form_.lhs.row_step * width(form_.lhs),
                      rhs + piece.group * form_.group_step * width(form_.rhs), result + piece.first * row_bytes});
    }
    const int64_t end = ranges.empty() ? 0 : ranges.back().first + ranges.back().count;
    std::fill(result + end * row_bytes, result + form_.lhs.rows * row_bytes, std::byte{0});
  }

  Form form_;
  int64_t count_ = 1;  // of all repeats
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
    const std::vector<Range> ranges = ranges_of({size_type_, arrays.operands[2], 0, groups_}, form_.rhs.rows);
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

// The dimension of an array of two that is not `d`.
int64_t other(int64_t d) { return 1 - d; }

// The dimensions that products are repeated along, in the order of the result; nothing where a free dimension of the
// left stands behind the ragged one.
std::optional<std::vector<Repeat>> repeats_of(const Instruction& x, const RaggedDotAttrs& attrs) {
  const Shape& lhs = x.operand(0)->shape();
  const Dims lhs_steps = row_major_strides(lhs.dims());
  const Dims rhs_steps = row_major_strides(x.operand(1)->shape().dims());
  std::vector<Repeat> repeats;
  for (size_t i = 0; i < attrs.lhs_batch_dims.size(); ++i) {
    const auto d = static_cast<size_t>(attrs.lhs_batch_dims[i]);
    repeats.push_back({lhs.dim(d), lhs_steps[d], rhs_steps[static_cast<size_t>(attrs.rhs_batch_dims[i])]});
  }
  for (int64_t d = 0; d < static_cast<int64_t>(lhs.rank()); ++d) {
    if (is_among(d, attrs.lhs_batch_dims) || d == attrs.lhs_contracting_dims[0]) continue;
    if (d > attrs.lhs_ragged_dims[0]) return std::nullopt;
    if (d < attrs.lhs_ragged_dims[0])
      repeats.push_back({lhs.dim(static_cast<size_t>(d)), lhs_steps[static_cast<size_t>(d)], 0});
  }
  return repeats;
}

// The one dimension of the right that is neither a batch's, nor of groups, nor summed.
int64_t columns_of(const Shape& rhs, const RaggedDotAttrs& attrs) {
  int64_t rest = static_cast<int64_t>(rhs.rank() * (rhs.rank() - 1) / 2);
  for (const int64_t d : attrs.rhs_batch_dims) rest -= d;
  return rest - attrs.rhs_group_dims[0] - attrs.rhs_contracting_dims[0];
}

std::unique_ptr<Routine> row_groups(const Instruction& x, const RaggedDotAttrs& attrs) {
  const Shape& lhs = x.operand(0)->shape();
  const Shape& rhs = x.operand(1)->shape();
  if (rhs.rank() != attrs.rhs_batch_dims.size() + 3) return nullptr;
  auto repeats = repeats_of(x, attrs);
  if (!repeats) return nullptr;
  const auto last = static_cast<int64_t>(x.shape().rank()) - 1;
  const int64_t group_step = row_major_strides(rhs.dims())[static_cast<size_t>(attrs.rhs_group_dims[0])];
  RowGroups::Form form{matrix_of(lhs, attrs.lhs_ragged_dims[0], attrs.lhs_contracting_dims[0]),
                       matrix_of(rhs, attrs.rhs_contracting_dims[0], columns_of(rhs, attrs)),
                       matrix_of(x.shape(), last - 1, last),
                       group_step,
                       *std::move(repeats),
                       x.operand(2)->shape().rank() == 1};
  if (!is_dense(form.rhs)) return nullptr;
  return std::make_unique<RowGroups>(x, std::move(form));
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
  if (matmul_engine(x) != MatmulEngine::onednn || x.shape().element_count() == 0) return nullptr;
  for (const Instruction* operand : x.operands()) {
    if (operand->shape().element_count() == 0) return nullptr;
  }
  if (attrs.lhs_contracting_dims.size() != 1 || attrs.lhs_ragged_dims.size() != 1) return nullptr;
  if (attrs.rhs_group_dims.size() == 1) return row_groups(x, attrs);
  const bool is_plain = x.operand(0)->shape().rank() == 2 && x.operand(1)->shape().rank() == 2;
  const bool sums_groups = attrs.lhs_ragged_dims[0] == attrs.lhs_contracting_dims[0];
  return is_plain && sums_groups && attrs.lhs_batch_dims.empty() ? sum_groups(x, attrs) : nullptr;
}

}  // namespace gshard::cpu
