// A layer of one's own, with its annotations: a gated feed-forward layer whose hidden units are cut.
#include <cstdio>

#include "model/functions.h"
#include "model/train_step.h"
#include "runtime/compiled_model.h"

using namespace gshard;

// y = (silu(x wg) * (x wi)) wo; x [B,L,M].
Tensor gated_feed_forward(const Scope& scope, Tensor x, int64_t hidden) {
  const int64_t size = x.dim(2);
  const Tensor wg = scope.parameter("wg", {size, hidden}, Initializer::fan_in(size), {"model", "ff"});
  const Tensor wi = scope.parameter("wi", {size, hidden}, Initializer::fan_in(size), {"model", "ff"});
  const Tensor wo = scope.parameter("wo", {hidden, size}, Initializer::fan_in(hidden), {"ff", "model"});
  Tensor h = silu(einsum("BLM,MH->BLH", x, wg)) * einsum("BLM,MH->BLH", x, wi);
  h = scope.annotate(h, {"batch", "", "ff"});
  return scope.annotate(einsum("BLH,HM->BLM", h, wo), {"batch"});
}

int main() {
  const auto loss = [](Model& model) {
    const Tensor x = model.input("x", Shape(DType::f32, {8, 4, 16}), {"batch"});
    const Tensor error = gated_feed_forward(model.scope() / "layer", x, 64) - x;
    return mean(error * error);
  };
  CompiledModel model(train_step("new_layer", {.layout = MeshLayout::mixed(2, 2)}, loss, {.rule = Adam{}}));
  model.initialize(1);
  Literal x(Shape(DType::f32, {8, 4, 16}));
  for (size_t i = 0; i < 512; ++i) x.mutable_values<float>()[i] = static_cast<float>(i % 7) - 3;
  for (int step = 0; step < 5; ++step) std::printf("loss %.4f\n", model.run({{"x", x}}).at("loss").values<float>()[0]);
}
