#include <algorithm>

#include "eval/combine.h"
#include "eval/dispatch.h"
#include "eval/elements.h"
#include "eval/window.h"

namespace gshard {
namespace {

constexpr int64_t kNothing = -1;

// The elements at `indices`.
Literal elements_at(const Literal& array, const std::vector<int64_t>& indices) {
  Literal result = Literal::uninitialized(array.shape().with_dims({static_cast<int64_t>(indices.size())}));
  with_bytes(array.shape().type(), [&]<class T>() {
    const auto from = array.values<T>();
    const auto to = result.mutable_values<T>();
    for (size_t i = 0; i < indices.size(); ++i) to[i] = from[static_cast<size_t>(indices[i])];
  });
  return result;
}

// The elements that one tap of the window offers, and at which output of the window.
struct Candidates {
  std::vector<int64_t> outputs;
  std::vector<int64_t> elements;
};

Candidates candidates_of(const TapBox& box) {
  Candidates candidates;
  const StridedLoop<2> loop(box.sizes, {box.outputs.strides, box.inputs.strides});
  const auto [output_step, element_step] = loop.run_strides();
  const int64_t count = Shape(DType::pred, box.sizes).element_count();
  candidates.outputs.reserve(static_cast<size_t>(count));
  candidates.elements.reserve(static_cast<size_t>(count));
  loop.run({box.outputs.offset, box.inputs.offset}, [&](const std::array<int64_t, 2>& run) {
    for (int64_t i = 0; i < loop.run_length(); ++i) {
      candidates.outputs.push_back(run[0] + i * output_step);
      candidates.elements.push_back(run[1] + i * element_step);
    }
  });
  return candidates;
}

// selected[o] is the element that the window at output o has chosen so far: a candidate takes its place unless
// select(chosen, candidate) holds, or nothing was chosen yet.
void select_among(const Candidates& candidates, const Computation& select, Evaluator& evaluator, const Literal& operand,
                  std::vector<int64_t>& selected) {
  std::vector<int64_t> chosen = candidates.elements;
  for (size_t i = 0; i < chosen.size(); ++i) {
    const int64_t before = selected[static_cast<size_t>(candidates.outputs[i])];
    if (before != kNothing) chosen[i] = before;
  }
  const auto count = static_cast<int64_t>(chosen.size());
  const std::vector<Literal> kept =
      evaluator.call_lifted(select, {elements_at(operand, chosen), elements_at(operand, candidates.elements)}, count);
  const auto keeps = kept[0].values<uint8_t>();
  for (size_t i = 0; i < chosen.size(); ++i) {
    selected[static_cast<size_t>(candidates.outputs[i])] = keeps[i] != 0 ? chosen[i] : candidates.elements[i];
  }
}

// The element that the window at each output selects; kNothing where it lies on padding alone.
std::vector<int64_t> selected_elements(const Instruction& instruction, const Literal& operand, const Shape& outputs,
                                       Evaluator& evaluator) {
  std::vector<int64_t> selected(static_cast<size_t>(outputs.element_count()), kNothing);
  if (selected.empty()) return selected;
  const Window& window = instruction.attrs<WindowAttrs>().window;
  TapBoxes(windowed_dims(instruction, window, operand.shape().dims(), outputs.dims())).for_each([&](const TapBox& box) {
    evaluator.check_stop();
    select_among(candidates_of(box), *instruction.callees()[0], evaluator, operand, selected);
  });
  return selected;
}

}  // namespace

Literal eval_select_and_scatter(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  const std::vector<int64_t> selected = selected_elements(instruction, operands[0], operands[1].shape(), evaluator);
  LaneProgram& scatter = evaluator.lanes_of(*instruction.callees()[1]);
  std::vector<Literal> to{filled(instruction.shape(), operands[2])};
  std::vector<Literal> from{operands[1]};
  convert_for(scatter, to, from);
  Combiner combiner(scatter, to, from);
  for (size_t i = 0; i < selected.size(); ++i) {
    if (selected[i] != kNothing) combiner.run({.to = selected[i], .from = static_cast<int64_t>(i)});
  }
  return convert_elements(to[0], instruction.shape().type());
}

}  // namespace gshard
