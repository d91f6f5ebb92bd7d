#include "backend/cpu/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/ceil_div.h"

namespace gshard::cpu {
namespace {

// Lanes of a part are whole cache lines.
constexpr int64_t kLanesOfPart = 1024;
constexpr int64_t kLeastLanesInOrder = 64;

Literal literal_of(const Shape& shape, const std::byte* bytes) {
  Literal literal = Literal::uninitialized(shape);
  if (const int64_t size = literal.byte_size(); size > 0)
    std::memcpy(literal.mutable_bytes(), bytes, static_cast<size_t>(size));
  return literal;
}

// The value of a shape, whose leaves stand in the next buffers.
Literal gather_leaves(const Shape& shape, const Frame& frame, const std::vector<Buffer>& buffers, size_t& next) {
  if (!shape.is_tuple()) {
    const Buffer buffer = buffers[next++];
    return buffer < 0 ? Literal(shape) : literal_of(shape, frame.at[static_cast<size_t>(buffer)]);
  }
  std::vector<Literal> elements;
  for (const Shape& element : shape.elements()) elements.push_back(gather_leaves(element, frame, buffers, next));
  return Literal::tuple(std::move(elements));
}

void scatter_leaves(const Literal& value, const Frame& frame, const std::vector<Buffer>& buffers, size_t& next) {
  if (value.shape().is_tuple()) {
    for (const Literal& element : value.elements()) scatter_leaves(element, frame, buffers, next);
    return;
  }
  const Buffer buffer = buffers[next++];
  if (buffer < 0 || value.byte_size() == 0) return;
  std::memcpy(frame.at[static_cast<size_t>(buffer)], value.bytes(), static_cast<size_t>(value.byte_size()));
}

int64_t byte_offset_of(const StridedView& view) { return view.offset * bytes_of(view.base->shape().type()); }

// Tiles of kernels that permute dimensions: the lines that one row of a tile touches are in the cache for the next.
constexpr int64_t kTileRows = 64;
constexpr int64_t kTileLanes = 256;
// Parts of kernels that transpose: few enough pages for the processor's table of them.
constexpr int64_t kTransposedRows = 512;
constexpr int64_t kTransposedLanes = 512;

bool permutes(const Kernel& kernel) {
  const auto is_far = [&](const Index& index) {
    return kernel.outer_lane >= 0 && std::abs(index.factor(static_cast<size_t>(kernel.outer_lane))) >= 16;
  };
  return std::any_of(kernel.nodes.begin(), kernel.nodes.end(), [&](const Node& n) { return is_far(n.index); }) ||
         std::any_of(kernel.stores.begin(), kernel.stores.end(), [&](const Store& s) { return is_far(s.index); });
}

}  // namespace

void run(const Steps& steps, Frame& frame) {
  for (const auto& step : steps) {
    const int64_t begin = frame.timeline == nullptr ? 0 : frame.timeline->now();
    step->run(frame);
    if (frame.timeline != nullptr) frame.timeline->add({step.get(), 0, begin, frame.timeline->now()});
  }
}

void run_parts(const Step& step, Frame& frame, int64_t parts, const std::function<void(int64_t)>& part) {
  if (frame.timeline == nullptr) return frame.pool->run(parts, part);
  // From the first to the last part that each thread did.
  std::vector<Timeline::Entry> entries(static_cast<size_t>(frame.pool->threads()), {&step, 0, -1, -1});
  frame.pool->run(parts, [&](int64_t p) {
    const int thread = Pool::current_thread();
    Timeline::Entry& entry = entries[static_cast<size_t>(thread)];
    if (entry.begin < 0) entry = {&step, thread, frame.timeline->now(), -1};
    part(p);
    entry.end = frame.timeline->now();
  });
  // The thread that calls is told of as a whole.
  for (const Timeline::Entry& entry : entries) {
    if (entry.thread > 0) frame.timeline->add(entry);
  }
}

double Step::traffic(const Costs& costs) const {
  double bytes = 0;
  for (const Instruction* x : computes()) {
    const Cost cost = costs.of(*x);
    bytes += cost.bytes_read + cost.bytes_written;
  }
  return bytes;
}

// ---- kernels ------------------------------------------------------------------------------------------------------

void KernelStep::set_functions(std::span<const KernelFunction> functions) {
  function_ = functions[0];
  const Kernel& kernel = group_->kernel;
  rows_ = kernel.rows();
  lanes_ = kernel.outer_lane < 0 ? 1 : kernel.loops[static_cast<size_t>(kernel.outer_lane)];
  const int64_t work = std::max<int64_t>(kernel.work(), 1);
  if (kernel.in_order) {
    // Every part goes through all rows, of which it needs some lanes to pay.
    const int64_t wanted = kWorkOfPart / std::max<int64_t>(work / lanes_, 1) + 1;
    row_step_ = rows_;
    const int64_t least = ceil_div(kLeastLanesInOrder, kernel.lane_block()) * kernel.lane_block();
    lane_step_ = std::clamp(ceil_div(wanted, least) * least, least, kLanesOfPart);
    lane_step_ = kernel.outer_lane >= 0 && kernel.has_lanes_apart() ? std::min(lanes_, lane_step_) : lanes_;
  } else if (kernel.tile >= 0) {
    row_step_ = kTransposedRows;
    lane_step_ = std::min(lanes_, kTransposedLanes);
  } else if (lanes_ > kTileLanes && rows_ > kTileRows && permutes(kernel)) {
    row_step_ = std::max<int64_t>(kTileRows / kernel.row_block(), 1) * kernel.row_block();
    lane_step_ = kTileLanes;
  } else if (lanes_ > kLanesOfPart && rows_ < 64) {
    // Few long rows: lanes are cut.
    row_step_ = rows_;
    const int64_t per_lane = std::max<int64_t>(work / lanes_, 1);
    lane_step_ = std::max((kWorkOfPart / per_lane + kLanesOfPart - 1) / kLanesOfPart, int64_t{1}) * kLanesOfPart;
  } else {
    lane_step_ = lanes_;
    const int64_t block = kernel.row_block();
    const int64_t wanted = kWorkOfPart / std::max<int64_t>(work / std::max<int64_t>(rows_, 1), 1);
    row_step_ = std::max<int64_t>(wanted / block, 1) * block;
  }
  GSHARD_CHECK(lane_step_ == lanes_ || lane_step_ % kernel.lane_block() == 0);
}

void KernelStep::run(Frame& frame) const {
  SmallVector<std::byte*, 16> arguments;
  for (Buffer buffer : arguments_) arguments.push_back(frame.at[static_cast<size_t>(buffer)]);
  const int64_t row_parts = (rows_ + row_step_ - 1) / row_step_;
  const int64_t lane_parts = (lanes_ + lane_step_ - 1) / lane_step_;
  const auto part = [&](int64_t p) {
    const int64_t row = p / lane_parts * row_step_;
    const int64_t lane = p % lane_parts * lane_step_;
    function_(arguments.data(), row, std::min(row + row_step_, rows_), lane, std::min(lane + lane_step_, lanes_));
  };
  if (row_parts * lane_parts == 1) return function_(arguments.data(), 0, rows_, 0, lanes_);
  run_parts(*this, frame, row_parts * lane_parts, part);
}

std::vector<const Instruction*> KernelStep::computes() const {
  std::vector<const Instruction*> members(group_->members.begin(), group_->members.end());
  std::sort(members.begin(), members.end(), [](auto* a, auto* b) { return a->index() < b->index(); });
  return members;
}

double KernelStep::traffic(const Costs&) const { return bytes_touched(group_->kernel); }

std::string KernelStep::describe() const {
  std::string text = "kernel of";
  for (const Instruction* member : computes()) text += fmt::format(" {}", member->name());
  return text;
}

// ---- the others ---------------------------------------------------------------------------------------------------

MatmulStep::MatmulStep(const DotPlan& plan, const Buffers& buffers)
    : Step(plan.dot),
      output_(plan.output),
      matmul_(plan.spec),
      buffers_(buffers),
      lhs_offset_(byte_offset_of(plan.lhs)),
      rhs_offset_(byte_offset_of(plan.rhs)),
      bias_offset_(plan.bias ? byte_offset_of(*plan.bias) : 0) {
  if (!plan.spec.is_turned) return;
  std::swap(buffers_.lhs, buffers_.rhs);
  std::swap(lhs_offset_, rhs_offset_);
}

void MatmulStep::run(Frame& frame) const {
  const auto at = [&](Buffer buffer) { return frame.at[static_cast<size_t>(buffer)]; };
  const Matmul::Arrays arrays{at(buffers_.lhs) + lhs_offset_, at(buffers_.rhs) + rhs_offset_,
                              buffers_.bias < 0 ? nullptr : at(buffers_.bias) + bias_offset_, at(buffers_.result)};
  const int64_t parts = matmul_.parts();
  if (parts == 1 || frame.pool->threads() == 1) return matmul_.run(arrays, 0, parts);
  run_parts(*this, frame, parts, [&](int64_t part) { matmul_.run(arrays, part, part + 1); });
}

std::string MatmulStep::describe() const {
  std::string text = fmt::format("matmul {}", matmul_.describe());
  if (output_ != what()) text += fmt::format(", written as {}", output_->name());
  return text;
}

void ConvolutionStep::run(Frame& frame) const {
  const Convolution::Arrays arrays{
      frame.at[static_cast<size_t>(buffers_.lhs)], frame.at[static_cast<size_t>(buffers_.rhs)],
      frame.at[static_cast<size_t>(buffers_.result)], frame.at[static_cast<size_t>(buffers_.workspace)]};
  convolution_.prepare(arrays);
  frame.pool->run(convolution_.parts(), [&](int64_t part) { convolution_.run(arrays, part); });
  convolution_.finish(arrays);
}

void RoutineStep::run(Frame& frame) const {
  SmallVector<const std::byte*, 8> operands;
  SmallVector<std::byte*, 8> results;
  for (Buffer buffer : operands_) operands.push_back(frame.at[static_cast<size_t>(buffer)]);
  for (Buffer buffer : results_) results.push_back(frame.at[static_cast<size_t>(buffer)]);
  std::byte* workspace = workspace_ < 0 ? nullptr : frame.at[static_cast<size_t>(workspace_)];
  frame.evaluator->check_stop();
  routine_->run({{operands.begin(), operands.end()}, {results.begin(), results.end()}, workspace},
                [&](int64_t parts, const std::function<void(int64_t)>& part) {
                  if (parts == 1) return part(0);
                  run_parts(*this, frame, parts, part);
                });
}

void EvaluateStep::run(Frame& frame) const {
  std::vector<Literal> operands;
  size_t next = 0;
  for (const Instruction* operand : what()->operands()) {
    operands.push_back(gather_leaves(operand->shape(), frame, operands_, next));
  }
  const Literal result = kernel_of(what()->op())(*what(), operands, *frame.evaluator);
  next = 0;
  scatter_leaves(result, frame, results_, next);
}

std::string EvaluateStep::describe() const {
  return fmt::format("evaluator for {} {}", keyword_of(what()->op()), what()->name());
}

void CopyStep::run(Frame& frame) const {
  std::memmove(frame.at[static_cast<size_t>(to_)], frame.at[static_cast<size_t>(from_)], static_cast<size_t>(bytes_));
}

std::string CopyStep::describe() const { return fmt::format("copy of {} bytes", bytes_); }

void WhileStep::run(Frame& frame) const {
  while (true) {
    gshard::cpu::run(condition_, frame);
    if (frame.at[static_cast<size_t>(predicate_)][0] == std::byte{0}) return;
    frame.evaluator->check_stop();
    gshard::cpu::run(body_, frame);
  }
}

void BranchStep::run(Frame& frame) const {
  const std::byte* at = frame.at[static_cast<size_t>(index_)];
  size_t taken = 0;
  if (what()->operand(0)->shape().type() == DType::pred) {
    taken = *at != std::byte{0} ? 0 : 1;
  } else {
    int32_t index = 0;
    std::memcpy(&index, at, sizeof(index));
    // An index out of range means the last branch.
    taken =
        index < 0 || static_cast<size_t>(index) >= branches_.size() ? branches_.size() - 1 : static_cast<size_t>(index);
  }
  gshard::cpu::run(branches_[taken], frame);
}

}  // namespace gshard::cpu
