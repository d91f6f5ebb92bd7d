// Optimisers, as part of the training program: gradients of a loss, and the next values of all weights.
//
//   Tensor loss = language_model(model, size, options);
//   optimize(model, loss, step, {.rule = Adafactor{}, .schedule = Schedule::inverse_root(1, 10000)});
//
// What an optimiser keeps is state of the model, of the parameters' type and cut as the weight that it belongs to;
// MeshLayout::with_state_over() cuts it further.
#pragma once

#include <variant>

#include "model/model.h"
#include "model/schedule.h"

namespace gshard {

// v = momentum * v + g;  w -= rate * v. Without momentum nothing is kept.
struct Sgd {
  double momentum = 0.9;
};

// Adam with decoupled weight decay: w -= rate * (m' / (sqrt(v') + epsilon) + decay * w).
struct Adam {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double decay = 0;
};

// Adafactor (arXiv 1804.04235) as the paper has it: no first moment, and of the second moment of a matrix the means of
// its rows and columns. Of more dimensions the two largest are the matrix's (never that of experts, each of which has
// its own), if both are at least `smallest_factored`.
struct Adafactor {
  double decay_power = 0.8;  // the second moment's decay at step t, from 1, is 1 - t^-power
  double clip = 1;           // the most that the update's root mean square is, before rates
  double squares_floor = 1e-30;
  double scale_floor = 1e-3;  // rates are relative to the root mean square of the weight, or this
  int64_t smallest_factored = 128;
};

enum class NonFinite : uint8_t { skip, apply };  // what becomes of a step whose gradients are not all finite

struct OptimizerOptions {
  std::variant<Sgd, Adam, Adafactor> rule = Adafactor{};
  Schedule schedule = Schedule::inverse_root(1, 10000);
  double clip_norm = 0;  // of all gradients together; 0 for any
  NonFinite non_finite = NonFinite::skip;
  // Gradients of so many runs are added up before weights change, in the last of them: what is more than the memory
  // holds goes through it in parts. The loss of a run is then that part's share of the loss.
  int64_t micro_batches = 1;
};

// Updates the model's weights by the gradients of the loss, a scalar. `step` is an s32 scalar that counts from 0. Adds
// the metrics gradient_norm, learning_rate and, where steps may be skipped, skipped (0 or 1): weights and state then
// stay as they are. Weights that the loss does not depend on have a gradient of 0. Throws Error(program) where the
// model has no weights, the loss no gradient (autodiff/gradient.h), or an option cannot be.
void optimize(Model& model, Tensor loss, Tensor step, const OptimizerOptions& options, Here here = Here::current());

}  // namespace gshard
