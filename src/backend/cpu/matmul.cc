#include "backend/cpu/matmul.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "backend/cpu/instruction_set.h"
#include "backend/cpu/multiply_in_blocks.h"
#include "backend/cpu/onednn_product.h"
#include "eval/strided.h"

namespace gshard::cpu {
namespace {

// Products smaller than this are not worth a second thread.
constexpr double kSmallProduct = 4e6;
constexpr int64_t kMostParts = 16;
constexpr int64_t kEnoughParts = 8;
constexpr int64_t kLeastRows = 64;
constexpr size_t kMostDims = 12;  // that oneDNN takes

// ---- the dimensions of a dot --------------------------------------------------------------------------------------

// One loop of the product, with its strides in the arrays (0 where it is absent).
struct Dimension {
  int64_t size;
  int64_t lhs = 0;
  int64_t rhs = 0;
  int64_t result = 0;
  int64_t bias = 0;
};
using Dimensions = std::vector<Dimension>;

// One dimension of the dot as it is seen in the arrays that have it.
struct Sides {
  const StridedDim* lhs = nullptr;
  const StridedDim* rhs = nullptr;
  const StridedDim* result = nullptr;
  const StridedDim* bias = nullptr;
};

// Loops with one step in every array, the innermost first.
struct Cut {
  StridedDim loops;  // those that are left
  bool is_absent;

  explicit Cut(const StridedDim* dim) : is_absent(dim == nullptr) {
    if (is_absent) return;
    for (const StridedLoop& loop : *dim) {
      if (loop.size != 1) loops.push_back(loop);
    }
  }
  int64_t innermost() const { return loops.empty() ? 1 : loops.back().size; }
  // Takes `size` iterations off the innermost loop; gives their step.
  int64_t take(int64_t size) {
    if (is_absent) return 0;
    StridedLoop& last = loops.back();
    const int64_t stride = last.stride;
    last = {last.size / size, stride * size};
    if (last.size == 1) loops.pop_back();
    return stride;
  }
};

// Adds the loops of one dimension; false where their boundaries lie differently in the arrays.
bool add_loops(const Sides& sides, Dimensions& dims) {
  Cut lhs(sides.lhs);
  Cut rhs(sides.rhs);
  Cut result(sides.result);
  Cut bias(sides.bias);
  const std::array cuts{&lhs, &rhs, &result, &bias};
  while (true) {
    int64_t size = INT64_MAX;
    for (const Cut* cut : cuts) {
      if (!cut->is_absent) size = std::min(size, cut->innermost());
    }
    for (const Cut* cut : cuts) {
      if (!cut->is_absent && cut->innermost() % size != 0) return false;
    }
    if (size == 1) return std::all_of(cuts.begin(), cuts.end(), [](const Cut* cut) { return cut->loops.empty(); });
    dims.push_back({size, lhs.take(size), rhs.take(size), result.take(size), bias.take(size)});
  }
}

// Whether b runs inside of a as one loop, in every array.
bool run_as_one(const Dimension& a, const Dimension& b) {
  return a.lhs == b.lhs * b.size && a.rhs == b.rhs * b.size && a.result == b.result * b.size &&
         a.bias == b.bias * b.size;
}

void join(Dimensions& dims) {
  std::erase_if(dims, [](const Dimension& d) { return d.size == 1; });
  std::stable_sort(dims.begin(), dims.end(), [](const Dimension& a, const Dimension& b) {
    return a.lhs + a.rhs + a.result > b.lhs + b.rhs + b.result;
  });
  for (size_t i = 0; i + 1 < dims.size();) {
    if (!run_as_one(dims[i], dims[i + 1])) {
      ++i;
      continue;
    }
    dims[i + 1].size *= dims[i].size;
    dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(i));
    i = 0;
  }
}

struct Roles {
  Dimensions batch;
  Dimensions rows;
  Dimensions columns;
  Dimensions summed;
};

std::optional<Roles> roles_of(const DotAttrs& attrs, const DotForm& form) {
  const auto at = [](const DotArray& array, int64_t d) { return &array.dims[static_cast<size_t>(d)]; };
  const auto bias_at = [&](int64_t d) { return form.bias ? at(*form.bias, d) : nullptr; };
  const auto is_other = [](size_t d, const Dims& batch, const Dims& contracting) {
    return !is_among(static_cast<int64_t>(d), batch) && !is_among(static_cast<int64_t>(d), contracting);
  };
  Roles roles;
  bool fits = true;
  int64_t next = 0;
  for (size_t i = 0; i < attrs.lhs_batch_dims.size(); ++i) {
    fits &= add_loops({at(form.lhs, attrs.lhs_batch_dims[i]), at(form.rhs, attrs.rhs_batch_dims[i]),
                       at(form.result, next), bias_at(next)},
                      roles.batch);
    ++next;
  }
  for (size_t d = 0; d < form.lhs.dims.size(); ++d) {
    if (!is_other(d, attrs.lhs_batch_dims, attrs.lhs_contracting_dims)) continue;
    fits &= add_loops({&form.lhs.dims[d], nullptr, at(form.result, next), bias_at(next)}, roles.rows);
    ++next;
  }
  for (size_t d = 0; d < form.rhs.dims.size(); ++d) {
    if (!is_other(d, attrs.rhs_batch_dims, attrs.rhs_contracting_dims)) continue;
    fits &= add_loops({nullptr, &form.rhs.dims[d], at(form.result, next), bias_at(next)}, roles.columns);
    ++next;
  }
  for (size_t i = 0; i < attrs.lhs_contracting_dims.size(); ++i) {
    fits &=
        add_loops({at(form.lhs, attrs.lhs_contracting_dims[i]), at(form.rhs, attrs.rhs_contracting_dims[i]), nullptr},
                  roles.summed);
  }
  // Rows and columns that repeat are no matrices.
  for (const Dimension& d : roles.batch) fits &= d.lhs != 0 || d.rhs != 0;
  for (const Dimension& d : roles.rows) fits &= d.lhs != 0;
  for (const Dimension& d : roles.columns) fits &= d.rhs != 0;
  for (const Dimension& d : roles.summed) fits &= d.lhs != 0 && d.rhs != 0;
  if (!fits) return std::nullopt;
  for (Dimensions* dims : {&roles.batch, &roles.rows, &roles.columns, &roles.summed}) join(*dims);
  return roles;
}

// A matrix in which neither dimension is dense would go through oneDNN's slow reference.
bool is_dense(int64_t rows, int64_t row_stride, int64_t columns, int64_t column_stride) {
  return rows == 1 || columns == 1 || row_stride == 1 || column_stride == 1;
}

// ---- the choice of the matrices -------------------------------------------------------------------------------------

// The product whose rows, columns and sums are these loops; all others are batch.
struct Choice {
  Dimension m{1};
  Dimension n{1};
  Dimension k{1};
  Dimensions batch;
};

bool is_fast(const Choice& c) {
  return is_dense(c.m.size, c.m.lhs, c.k.size, c.k.lhs) && is_dense(c.k.size, c.k.rhs, c.n.size, c.n.rhs) &&
         (c.n.size == 1 || c.n.result == 1) && c.batch.size() + 2 <= kMostDims;
}

// What is added is one dense row, or there is nothing.
bool adds_rows(const Choice& c) {
  return c.m.bias == 0 && (c.n.size == 1 || c.n.bias == 1) &&
         std::all_of(c.batch.begin(), c.batch.end(), [](const Dimension& d) { return d.bias == 0; });
}

// Long rows and columns keep the vector units busy; columns are the lanes.
double value_of(const Choice& c) {
  const auto filled = [](int64_t size, double half) {
    return static_cast<double>(size) / (static_cast<double>(size) + half);
  };
  return filled(c.m.size, 8) * filled(c.n.size, 16);
}

// The best choice of one loop of rows and one of columns.
std::optional<Choice> choose(const Roles& roles, bool has_bias) {
  if (roles.summed.size() > 1) return std::nullopt;
  const Dimensions one{{1}};
  const Dimensions& rows = roles.rows.empty() ? one : roles.rows;
  const Dimensions& columns = roles.columns.empty() ? one : roles.columns;
  std::optional<Choice> best;
  for (size_t m = 0; m < rows.size(); ++m) {
    for (size_t n = 0; n < columns.size(); ++n) {
      Choice choice{rows[m], columns[n], roles.summed.empty() ? Dimension{1} : roles.summed[0], roles.batch};
      for (size_t i = 0; i < rows.size(); ++i) {
        if (i != m) choice.batch.push_back(rows[i]);
      }
      for (size_t i = 0; i < columns.size(); ++i) {
        if (i != n) choice.batch.push_back(columns[i]);
      }
      if (has_bias && !adds_rows(choice)) continue;
      if (is_fast(choice) && (!best || value_of(choice) > value_of(*best))) best = std::move(choice);
    }
  }
  return best;
}

// The product of the transposed matrices: the operands change places.
Roles transposed(Roles roles) {
  std::swap(roles.rows, roles.columns);
  for (Dimensions* dims : {&roles.batch, &roles.rows, &roles.columns, &roles.summed}) {
    for (Dimension& d : *dims) std::swap(d.lhs, d.rhs);
  }
  return roles;
}

MatmulSpec spec_of(Choice choice, DType type, DType result_type) {
  std::stable_sort(choice.batch.begin(), choice.batch.end(),
                   [](const Dimension& a, const Dimension& b) { return a.result > b.result; });
  MatmulSpec spec{{type, {}, {}}, {type, {}, {}}, {result_type, {}, {}}};
  for (const Dimension& d : choice.batch) {
    spec.lhs.dims.push_back(d.lhs == 0 ? 1 : d.size);
    spec.lhs.strides.push_back(d.lhs);
    spec.rhs.dims.push_back(d.rhs == 0 ? 1 : d.size);
    spec.rhs.strides.push_back(d.rhs);
    spec.result.dims.push_back(d.size);
    spec.result.strides.push_back(d.result);
  }
  const auto add = [](MatrixLayout& layout, const Dimension& rows, int64_t row_stride, const Dimension& columns,
                      int64_t column_stride) {
    layout.dims.append(std::array{rows.size, columns.size});
    layout.strides.append(std::array{row_stride, column_stride});
  };
  add(spec.lhs, choice.m, choice.m.lhs, choice.k, choice.k.lhs);
  add(spec.rhs, choice.k, choice.k.rhs, choice.n, choice.n.rhs);
  add(spec.result, choice.m, choice.m.result, choice.n, choice.n.result);
  return spec;
}

}  // namespace

MatmulEngine matmul_engine(DType lhs, DType rhs, DType result) {
  if (lhs != rhs || (lhs == DType::bf16 && !makes_bf16_products())) return MatmulEngine::none;
  const bool is_narrow = lhs == DType::bf16 && result == DType::f32;
  if (lhs == DType::f32 || lhs == DType::bf16) {
    return lhs == result || is_narrow ? MatmulEngine::onednn : MatmulEngine::none;
  }
  const bool has_blocks = lhs == DType::f64 || (is_integer(lhs) && bits_of(lhs) >= 32);
  return has_blocks && lhs == result ? MatmulEngine::blocks : MatmulEngine::none;
}

MatmulEngine matmul_engine(const Instruction& product) {
  return matmul_engine(product.operand(0)->shape().type(), product.operand(1)->shape().type(), product.shape().type());
}

double overhead_of(const MatmulSpec& spec) {
  constexpr double kProduct = 300;
  double products = 1;
  for (size_t d = 0; d + 2 < spec.result.dims.size(); ++d) products *= static_cast<double>(spec.result.dims[d]);
  return products * kProduct;
}

double cost_of_moving(int64_t bytes) { return 0.2 * static_cast<double>(bytes); }

std::optional<MatmulSpec> matmul_of(const DotAttrs& attrs, const DotForm& form) {
  const MatmulEngine engine = matmul_engine(form.lhs.type, form.rhs.type, form.result.type);
  if (engine == MatmulEngine::none || (form.bias && engine != MatmulEngine::onednn)) return std::nullopt;
  const std::optional<Roles> roles = roles_of(attrs, form);
  if (!roles) return std::nullopt;
  std::optional<Choice> straight = choose(*roles, form.bias.has_value());
  std::optional<Choice> turned = choose(transposed(*roles), form.bias.has_value());
  if (!straight && !turned) return std::nullopt;
  const bool is_turned = !straight || (turned && value_of(*turned) > value_of(*straight));
  MatmulSpec spec = spec_of(is_turned ? *std::move(turned) : *std::move(straight), form.lhs.type, form.result.type);
  spec.is_turned = is_turned;
  if (form.bias) spec.bias = form.bias->type;
  return spec;
}

// ---- the product --------------------------------------------------------------------------------------------------

struct Matmul::State {
  struct Piece {
    MatmulSpec spec;
    std::unique_ptr<OneDnnProduct> product = nullptr;  // where oneDNN does it
    void run(const Arrays& arrays) const {
      product != nullptr ? product->run(arrays) : multiply_in_blocks(spec, arrays);
    }
  };
  MatmulSpec spec;
  size_t split = 0;   // the dimension of the result that is cut into parts
  int64_t step = 1;   // of it in one part
  int64_t count = 1;  // parts
  Piece whole = {};   // a part of `step`
  Piece last = {};    // what is left at the end

  Piece piece_for(int64_t size) const {
    Piece piece{spec};
    const size_t rank = spec.result.dims.size();
    piece.spec.result.dims[split] = size;
    if (split + 1 < rank && spec.lhs.dims[split] != 1) piece.spec.lhs.dims[split] = size;
    if (split + 2 != rank && spec.rhs.dims[split] != 1) piece.spec.rhs.dims[split] = size;
    if (matmul_engine(spec.lhs.type, spec.rhs.type, spec.result.type) == MatmulEngine::onednn) {
      piece.product = std::make_unique<OneDnnProduct>(piece.spec);
    }
    return piece;
  }
};

namespace {

// The bytes of one step along a dimension of an operand; 0 where the operand is the same for all of it.
int64_t bytes_of_step(const MatrixLayout& layout, size_t d, bool is_absent) {
  return is_absent || layout.dims[d] == 1 ? 0 : layout.strides[d] * bytes_of(layout.type);
}

}  // namespace

Matmul::Matmul(const MatmulSpec& spec) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.spec = spec;
  const Dims& dims = spec.result.dims;
  const size_t rank = dims.size();
  double work = 2.0 * static_cast<double>(spec.lhs.dims[rank - 1]);
  for (int64_t d : dims) work *= static_cast<double>(d);
  const int64_t wanted = std::min<int64_t>(kMostParts, static_cast<int64_t>(work / kSmallProduct) + 1);
  s.split = rank - 2;
  s.step = dims[rank - 2];
  const auto try_split = [&](size_t d) {
    const int64_t least = d + 2 >= rank ? kLeastRows : 1;
    // Narrow columns are short pieces of memory, each in pages of its own.
    const int64_t most = d + 1 == rank ? std::min(wanted, kEnoughParts) : wanted;
    int64_t step = std::max<int64_t>((dims[d] + most - 1) / most, least);
    step = std::min((step + least - 1) / least * least, dims[d]);
    const int64_t count = (dims[d] + step - 1) / step;
    if (count <= s.count) return;
    s.split = d;
    s.step = step;
    s.count = count;
  };
  for (size_t d = 0; d + 2 < rank; ++d) try_split(d);
  // Each part reads the whole of one operand: better the smaller one.
  const bool is_wide = dims[rank - 1] > dims[rank - 2];
  for (const size_t d : {is_wide ? rank - 1 : rank - 2, is_wide ? rank - 2 : rank - 1}) {
    if (s.count < std::min(wanted, kEnoughParts)) try_split(d);
  }
  const int64_t size = dims[s.split];
  s.whole = s.piece_for(s.step);
  if (size % s.step != 0) s.last = s.piece_for(size % s.step);
}

Matmul::~Matmul() = default;
Matmul::Matmul(Matmul&&) noexcept = default;

std::string Matmul::describe() const {
  const MatmulSpec& spec = state_->spec;
  const size_t rank = spec.result.dims.size();
  const Dims batch(spec.result.dims.begin(), spec.result.dims.end() - 2);
  std::string text = batch.empty() ? "" : fmt::format("{} x ", fmt::join(batch, " x "));
  text += fmt::format("[{},{}] [{},{}]", spec.lhs.dims[rank - 2], spec.lhs.dims[rank - 1], spec.rhs.dims[rank - 2],
                      spec.rhs.dims[rank - 1]);
  text += fmt::format(" {} -> {}", name_of(spec.lhs.type), name_of(spec.result.type));
  if (spec.bias) text += ", bias";
  if (spec.scale != 1) text += fmt::format(", times {}", spec.scale);
  return text;
}

int64_t Matmul::parts() const { return state_->count; }

void Matmul::run(const Arrays& arrays, int64_t first_part, int64_t last_part) const {
  const State& s = *state_;
  const size_t rank = s.spec.result.dims.size();
  const bool in_columns = s.split + 1 == rank;
  const bool in_rows = s.split + 2 == rank;
  for (int64_t part = first_part; part < last_part; ++part) {
    const int64_t at = part * s.step;
    const bool is_last = at + s.step > s.spec.result.dims[s.split];
    const State::Piece& piece = is_last ? s.last : s.whole;
    Arrays of_part = arrays;
    of_part.lhs += at * bytes_of_step(s.spec.lhs, s.split, in_columns);
    of_part.rhs += at * bytes_of_step(s.spec.rhs, s.split, in_rows);
    of_part.result += at * bytes_of_step(s.spec.result, s.split, false);
    if (s.spec.bias && in_columns) of_part.bias += at * bytes_of(*s.spec.bias);
    piece.run(of_part);
  }
}

}  // namespace gshard::cpu
