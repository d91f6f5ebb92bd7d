#include "model/train_step.h"

#include "ops/constants.h"

namespace gshard {
namespace {

std::vector<NamedTensor> with_metrics(const Model& model, Tensor loss) {
  std::vector<NamedTensor> results = {{"loss", loss}};
  results.insert(results.end(), model.metrics().begin(), model.metrics().end());
  return results;
}

// A number that differs in every step, far from that of the next.
Tensor seed_of(Tensor step) {
  Literal spread(Shape(DType::u64));
  spread.mutable_values<uint64_t>()[0] = 0x9e3779b97f4a7c15ULL;
  return convert(step, DType::u64) * constant(step.computation(), std::move(spread));
}

}  // namespace

ModelProgram train_step(const std::string& name, const ModelOptions& options, const LossFunction& loss,
                        const OptimizerOptions& optimizer, Here here) {
  Model model(name, options);
  const Tensor step = model.state("step", Shape(DType::s32), {}, {}, here);
  model.set_step_seed(seed_of(step));
  const Tensor total = loss(model);
  optimize(model, total, step, optimizer, here);
  model.update("step", step + 1, here);
  return std::move(model).finish(with_metrics(model, total), here);
}

ModelProgram evaluation(const std::string& name, ModelOptions options, const LossFunction& loss, Here here) {
  options.mode = Mode::evaluate;
  Model model(name, std::move(options));
  const Tensor total = loss(model);
  return std::move(model).finish(with_metrics(model, total), here);
}

}  // namespace gshard
