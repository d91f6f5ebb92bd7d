#include "backend/cpu/matmul.h"

#include <algorithm>
#include <dnnl.hpp>
#include <numeric>

#include "eval/strided.h"

// oneDNN comes with OpenMP, whose threads would spin beside ours: each of our threads calls it alone.
extern "C" void omp_set_num_threads(int threads);

namespace gshard::cpu {
namespace {

using dnnl::memory;

// Products smaller than this are not worth a second thread.
constexpr double kSmallProduct = 4e6;
constexpr int64_t kMostParts = 16;
constexpr int64_t kLeastRows = 32;

// ---- the dimensions of a dot --------------------------------------------------------------------------------------

// One loop of the product, with its strides in the three arrays (0 where it is absent).
struct Dimension {
  int64_t size;
  int64_t lhs = 0;
  int64_t rhs = 0;
  int64_t result = 0;
};
using Dimensions = std::vector<Dimension>;

// The stride of each dimension of an operand that lies in memory with its dimensions in another order.
Dims strides_of(const Shape& shape, const Dims& order) {
  Dims dims(shape.rank());
  for (size_t d = 0; d < shape.rank(); ++d) dims[static_cast<size_t>(order[d])] = shape.dim(d);
  const Dims in_memory = row_major_strides(dims);
  Dims strides(shape.rank());
  for (size_t d = 0; d < shape.rank(); ++d) strides[d] = in_memory[static_cast<size_t>(order[d])];
  return strides;
}

// Whether b runs inside of a as one loop, in every array.
bool run_as_one(const Dimension& a, const Dimension& b) {
  return a.lhs == b.lhs * b.size && a.rhs == b.rhs * b.size && a.result == b.result * b.size;
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

// The dimension that stays in the matrix; what else there is becomes batch.
Dimension keep_innermost(Dimensions& dims, Dimensions& batch) {
  if (dims.empty()) return {1};
  const Dimension kept = dims.back();
  batch.insert(batch.end(), dims.begin(), dims.end() - 1);
  return kept;
}

struct Roles {
  Dimensions batch;
  Dimensions rows;
  Dimensions columns;
  Dimensions summed;
};

Roles roles_of(const Instruction& dot, const Dims& lhs_order, const Dims& rhs_order) {
  const auto& attrs = dot.attrs<DotAttrs>();
  const Shape& lhs = dot.operand(0)->shape();
  const Shape& rhs = dot.operand(1)->shape();
  const Dims lhs_strides = strides_of(lhs, lhs_order);
  const Dims rhs_strides = strides_of(rhs, rhs_order);
  const Dims result_strides = row_major_strides(dot.shape().dims());
  Roles roles;
  size_t next = 0;
  for (size_t i = 0; i < attrs.lhs_batch_dims.size(); ++i) {
    const auto l = static_cast<size_t>(attrs.lhs_batch_dims[i]);
    const auto r = static_cast<size_t>(attrs.rhs_batch_dims[i]);
    roles.batch.push_back({lhs.dim(l), lhs_strides[l], rhs_strides[r], result_strides[next++]});
  }
  for (size_t d = 0; d < lhs.rank(); ++d) {
    if (is_among(static_cast<int64_t>(d), attrs.lhs_batch_dims) ||
        is_among(static_cast<int64_t>(d), attrs.lhs_contracting_dims))
      continue;
    roles.rows.push_back({lhs.dim(d), lhs_strides[d], 0, result_strides[next++]});
  }
  for (size_t d = 0; d < rhs.rank(); ++d) {
    if (is_among(static_cast<int64_t>(d), attrs.rhs_batch_dims) ||
        is_among(static_cast<int64_t>(d), attrs.rhs_contracting_dims))
      continue;
    roles.columns.push_back({rhs.dim(d), 0, rhs_strides[d], result_strides[next++]});
  }
  for (size_t i = 0; i < attrs.lhs_contracting_dims.size(); ++i) {
    const auto l = static_cast<size_t>(attrs.lhs_contracting_dims[i]);
    const auto r = static_cast<size_t>(attrs.rhs_contracting_dims[i]);
    roles.summed.push_back({lhs.dim(l), lhs_strides[l], rhs_strides[r], 0});
  }
  for (Dimensions* dims : {&roles.batch, &roles.rows, &roles.columns, &roles.summed}) join(*dims);
  return roles;
}

bool has_types(const Instruction& dot) {
  const DType lhs = dot.operand(0)->shape().type();
  const DType rhs = dot.operand(1)->shape().type();
  const DType result = dot.shape().type();
  if (lhs == DType::f32) return rhs == DType::f32 && result == DType::f32;
  return lhs == DType::bf16 && rhs == DType::bf16 && (result == DType::bf16 || result == DType::f32);
}

// A matrix in which neither dimension is dense would go through oneDNN's slow reference.
bool is_dense(int64_t rows, int64_t row_stride, int64_t columns, int64_t column_stride) {
  return rows == 1 || columns == 1 || row_stride == 1 || column_stride == 1;
}

memory::data_type type_of(DType type) { return type == DType::bf16 ? memory::data_type::bf16 : memory::data_type::f32; }

memory::desc descriptor(const MatrixLayout& layout) {
  // A dimension of size 1 may have any stride; one that looks dense keeps oneDNN on its fast paths.
  memory::dims strides(layout.strides.begin(), layout.strides.end());
  const size_t rank = strides.size();
  for (size_t d = 0; d < rank; ++d) {
    if (layout.dims[d] != 1) continue;
    strides[d] = d + 1 == rank ? 1 : std::max<int64_t>(strides[d + 1] * layout.dims[d + 1], 1);
    if (d + 2 == rank) strides[d] = std::max<int64_t>(layout.dims[d + 1] * strides[d + 1], 1);
  }
  return {memory::dims(layout.dims.begin(), layout.dims.end()), type_of(layout.type), strides};
}

const dnnl::engine& engine() {
  static const dnnl::engine made(dnnl::engine::kind::cpu, 0);
  return made;
}

}  // namespace

std::optional<MatmulSpec> matmul_of(const Instruction& dot, const Dims& lhs_order, const Dims& rhs_order) {
  if (!has_types(dot)) return std::nullopt;
  for (const Shape* shape : {&dot.shape(), &dot.operand(0)->shape(), &dot.operand(1)->shape()}) {
    if (shape->element_count() == 0) return std::nullopt;
  }
  Roles roles = roles_of(dot, lhs_order, rhs_order);
  if (roles.summed.size() > 1) return std::nullopt;
  const Dimension k = roles.summed.empty() ? Dimension{1} : roles.summed[0];
  const Dimension m = keep_innermost(roles.rows, roles.batch);
  const Dimension n = keep_innermost(roles.columns, roles.batch);
  if (roles.batch.size() + 2 > DNNL_MAX_NDIMS) return std::nullopt;
  if (!is_dense(m.size, m.lhs, k.size, k.lhs) || !is_dense(k.size, k.rhs, n.size, n.rhs)) return std::nullopt;
  if (n.size != 1 && n.result != 1) return std::nullopt;
  std::stable_sort(roles.batch.begin(), roles.batch.end(),
                   [](const Dimension& a, const Dimension& b) { return a.result > b.result; });
  MatmulSpec spec{
      {dot.operand(0)->shape().type(), {}, {}}, {dot.operand(1)->shape().type(), {}, {}}, {dot.shape().type(), {}, {}}};
  for (const Dimension& d : roles.batch) {
    spec.lhs.dims.push_back(d.lhs == 0 ? 1 : d.size);
    spec.lhs.strides.push_back(d.lhs);
    spec.rhs.dims.push_back(d.rhs == 0 ? 1 : d.size);
    spec.rhs.strides.push_back(d.rhs);
    spec.result.dims.push_back(d.size);
    spec.result.strides.push_back(d.result);
  }
  const auto add = [](MatrixLayout& layout, int64_t rows, int64_t row_stride, int64_t columns, int64_t column_stride) {
    layout.dims.append(std::array{rows, columns});
    layout.strides.append(std::array{row_stride, column_stride});
  };
  add(spec.lhs, m.size, m.lhs, k.size, k.lhs);
  add(spec.rhs, k.size, k.rhs, n.size, n.rhs);
  add(spec.result, m.size, m.result, n.size, n.result);
  return spec;
}

// ---- the primitive ------------------------------------------------------------------------------------------------

struct Matmul::State {
  struct Piece {
    dnnl::matmul primitive;
    memory::desc lhs;
    memory::desc rhs;
    memory::desc result;
    size_t scratch;
  };
  MatmulSpec spec;
  size_t split = 0;   // the dimension of the result that is cut into parts
  int64_t step = 1;   // of it in one part
  int64_t count = 1;  // parts
  Piece whole;        // a part of `step`
  Piece last;         // what is left at the end

  Piece piece_for(int64_t size) const {
    MatrixLayout lhs = spec.lhs;
    MatrixLayout rhs = spec.rhs;
    MatrixLayout result = spec.result;
    const size_t rank = result.dims.size();
    result.dims[split] = size;
    if (split + 1 < rank && lhs.dims[split] != 1) lhs.dims[split] = size;
    if (split + 2 != rank && rhs.dims[split] != 1) rhs.dims[split] = size;
    Piece piece;
    piece.lhs = descriptor(lhs);
    piece.rhs = descriptor(rhs);
    piece.result = descriptor(result);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    omp_set_num_threads(1);
    const dnnl::matmul::primitive_desc made(dnnl::matmul::desc(piece.lhs, piece.rhs, piece.result), attributes,
                                            engine());
    piece.scratch = made.scratchpad_desc().get_size();
    piece.primitive = dnnl::matmul(made);
    return piece;
  }
};

namespace {

// The bytes of one step along a dimension of an operand; 0 where the operand is the same for all of it.
int64_t bytes_of_step(const MatrixLayout& layout, size_t d, bool is_absent) {
  return is_absent || layout.dims[d] == 1 ? 0 : layout.strides[d] * bytes_of(layout.type);
}

std::byte* scratch_of_thread(size_t bytes) {
  struct Free {
    void operator()(std::byte* at) const { std::free(at); }
  };
  thread_local std::unique_ptr<std::byte, Free> scratch;
  thread_local size_t size = 0;
  if (size < bytes) {
    size = (bytes + 4095) / 4096 * 4096;
    scratch.reset(static_cast<std::byte*>(std::aligned_alloc(4096, size)));
  }
  return scratch.get();
}

}  // namespace

Matmul::Matmul(const MatmulSpec& spec) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.spec.lhs = spec.lhs;
  s.spec.rhs = spec.rhs;
  s.spec.result = spec.result;
  const Dims& dims = spec.result.dims;
  const size_t rank = dims.size();
  double work = 2.0 * static_cast<double>(spec.lhs.dims[rank - 1]);
  for (int64_t d : dims) work *= static_cast<double>(d);
  // The first batch dimension that is long enough, else rows, else columns.
  s.split = rank - 2;
  if (dims[rank - 2] < 2 * kLeastRows && dims[rank - 1] >= 2 * kLeastRows) s.split = rank - 1;
  for (size_t d = rank - 2; d-- > 0;) {
    if (dims[d] > 1) s.split = d;
  }
  const int64_t size = dims[s.split];
  s.step = size;
  if (work >= kSmallProduct) {
    const int64_t least = s.split + 2 >= rank ? kLeastRows : 1;
    const auto wanted = std::min<int64_t>(kMostParts, static_cast<int64_t>(work / kSmallProduct) + 1);
    s.step = std::max<int64_t>((size + wanted - 1) / wanted, least);
    s.step = (s.step + least - 1) / least * least;
  }
  s.step = std::min(s.step, size);
  s.count = (size + s.step - 1) / s.step;
  s.whole = s.piece_for(s.step);
  if (size % s.step != 0) s.last = s.piece_for(size % s.step);
}

Matmul::~Matmul() = default;
Matmul::Matmul(Matmul&&) noexcept = default;

int64_t Matmul::parts() const { return state_->count; }

void Matmul::run(const std::byte* lhs, const std::byte* rhs, std::byte* result, int64_t first_part,
                 int64_t last_part) const {
  const State& s = *state_;
  const size_t rank = s.spec.result.dims.size();
  omp_set_num_threads(1);
  dnnl::stream stream(engine());
  const bool in_columns = s.split + 1 == rank;
  const bool in_rows = s.split + 2 == rank;
  for (int64_t part = first_part; part < last_part; ++part) {
    const int64_t at = part * s.step;
    const bool is_last = at + s.step > s.spec.result.dims[s.split];
    const State::Piece& piece = is_last ? s.last : s.whole;
    const auto data = [&](const std::byte* base, const MatrixLayout& layout, bool is_absent) {
      return const_cast<std::byte*>(base + at * bytes_of_step(layout, s.split, is_absent));
    };
    const dnnl::memory a(piece.lhs, engine(), data(lhs, s.spec.lhs, in_columns));
    const dnnl::memory b(piece.rhs, engine(), data(rhs, s.spec.rhs, in_rows));
    const dnnl::memory c(piece.result, engine(), data(result, s.spec.result, false));
    std::unordered_map<int, dnnl::memory> arguments{{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}};
    if (piece.scratch > 0) {
      const memory::desc scratch({static_cast<int64_t>(piece.scratch)}, memory::data_type::u8, memory::format_tag::x);
      arguments.emplace(DNNL_ARG_SCRATCHPAD, dnnl::memory(scratch, engine(), scratch_of_thread(piece.scratch)));
    }
    piece.primitive.execute(stream, arguments);
  }
  stream.wait();
}

}  // namespace gshard::cpu
