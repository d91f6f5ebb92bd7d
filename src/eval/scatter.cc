#include <utility>

#include "eval/combine.h"
#include "eval/elements.h"
#include "eval/indices.h"
#include "eval/movement.h"

namespace gshard {
namespace {

// Where windows of the updates go in the operands.
struct Placement {
  StartIndices indices;
  WindowStrides updates;
  Dims operand_strides;

  Placement(const ScatterAttrs& attrs, const Shape& operand, const Literal& indices, const Shape& updates)
      : indices(indices, IndexDimensions::of(attrs), operand.rank()),
        updates(IndexDimensions::of(attrs), updates, operand.rank()),
        operand_strides(row_major_strides(operand.dims())) {}
};

bool is_inside(const Dims& starts, const Dims& sizes, const Shape& operand) {
  for (size_t d = 0; d < starts.size(); ++d) {
    if (starts[d] < 0 || starts[d] > operand.dim(d) - sizes[d]) return false;
  }
  return true;
}

// Whether the computation returns its second argument: the update replaces the element.
bool overwrites(const Computation& combiner) {
  const Instruction* root = combiner.root();
  return combiner.parameters().size() == 2 && root == combiner.parameter(1);
}

// Calls body(to, from) for every window that lies inside of the operand, with the places where it begins in the operand
// and in the updates.
template <class Body>
void for_each_window(const Placement& placement, const Shape& operand, Body&& body) {
  placement.indices.for_each([&](const Dims& position, const Dims& starts) {
    if (!is_inside(starts, placement.updates.sizes, operand)) return;
    body(offset_of(starts, placement.operand_strides), offset_of(position, placement.updates.positions));
  });
}

void overwrite(const Placement& placement, Literal& to, const Literal& from) {
  const int64_t bytes = bytes_of(to.shape().type());
  const StridedCopy window(placement.updates.sizes, placement.operand_strides, placement.updates.window, bytes);
  std::byte* target = to.mutable_bytes();
  for_each_window(placement, to.shape(), [&](int64_t to_at, int64_t from_at) {
    window.run(target + to_at * bytes, from.bytes() + from_at * bytes);
  });
}

void combine_windows(const Placement& placement, LaneProgram& reducer, std::vector<Literal>& to,
                     std::vector<Literal> from) {
  convert_for(reducer, to, from);
  Combiner combiner(reducer, to, from);
  const StridedLoop<2> window(placement.updates.sizes, {placement.operand_strides, placement.updates.window});
  const auto [to_step, from_step] = window.run_strides();
  for_each_window(placement, to[0].shape(), [&](int64_t to_at, int64_t from_at) {
    window.run({to_at, from_at}, [&](const std::array<int64_t, 2>& run) {
      combiner.run({run[0], to_step, run[1], from_step, window.run_length()});
    });
  });
}

}  // namespace

Literal eval_scatter(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  const auto& attrs = instruction.attrs<ScatterAttrs>();
  const Computation& combiner = *instruction.callees()[0];
  const auto count = static_cast<std::ptrdiff_t>(operands.size() / 2);
  // Taken out of the operands, so that they are written in place where nothing else holds them.
  std::vector<Literal> to(std::make_move_iterator(operands.begin()), std::make_move_iterator(operands.begin() + count));
  std::vector<Literal> from(operands.begin() + count + 1, operands.end());
  const Placement placement(attrs, to[0].shape(), operands[static_cast<size_t>(count)], from[0].shape());
  if (from[0].shape().element_count() == 0) {
    // Nothing to do, but perhaps very many windows to do it in.
  } else if (overwrites(combiner) && to[0].shape().type() == from[0].shape().type()) {
    overwrite(placement, to[0], from[0]);
  } else {
    combine_windows(placement, evaluator.lanes_of(combiner), to, std::move(from));
  }
  if (!instruction.shape().is_tuple()) return convert_elements(to[0], instruction.shape().type());
  for (size_t k = 0; k < to.size(); ++k) to[k] = convert_elements(to[k], instruction.shape().element(k).type());
  return Literal::tuple(std::move(to));
}

}  // namespace gshard
