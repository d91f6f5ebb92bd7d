#include "model/optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "autodiff/gradient.h"
#include "ops/infer.h"

namespace gshard {
namespace {

// One weight of the exact type, and what is to become of it.
struct Step {
  const Parameter& weight;
  Tensor value;
  Tensor gradient;
  Tensor rate;
  Tensor count;  // of steps, this one included
};

Tensor mean_square(Tensor x) { return mean(x * x); }

// The state of one weight's optimiser: read it, and write its next value.
class Slots {
 public:
  Slots(Model& model, const Parameter& weight, Tensor applied) : model_(model), weight_(weight), applied_(applied) {}

  Tensor read(std::string_view slot, const Dims& sizes, const Axes& axes) {
    const Shape shape(weight_.shape.type(), sizes);
    return convert(model_.state(name_of(slot), shape, {}, axes), model_.numerics().exact);
  }
  Tensor read(std::string_view slot) { return read(slot, weight_.shape.dims(), weight_.axes); }

  void write(std::string_view slot, Tensor before, Tensor after) {
    model_.update(name_of(slot), convert(chosen(before, after), weight_.shape.type()));
  }
  Scope scope() const { return model_.scope(); }
  // The next value, or where the step is not applied the one before.
  Tensor chosen(Tensor before, Tensor after) const {
    // One number for all: repeated to their sizes it would tie weights of one size to each other.
    return is_set(applied_) ? select(applied_, after, before) : after;
  }

 private:
  std::string name_of(std::string_view slot) const { return fmt::format("optimizer/{}/{}", slot, weight_.name); }

  Model& model_;
  const Parameter& weight_;
  Tensor applied_;  // pred scalar; of nothing where every step is
};

// ---- rules: what is added to the weight -----------------------------------------------------------------------------

Tensor change_by(const Sgd& rule, const Step& step, Slots& slots) {
  if (rule.momentum == 0) return -(step.gradient * step.rate);
  const Tensor before = slots.read("momentum");
  const Tensor after = before * rule.momentum + step.gradient;
  slots.write("momentum", before, after);
  return -(after * step.rate);
}

Tensor change_by(const Adam& rule, const Step& step, Slots& slots) {
  const auto decayed = [&](std::string_view slot, double beta, Tensor now) {
    const Tensor before = slots.read(slot);
    const Tensor after = before * beta + now * (1 - beta);
    slots.write(slot, before, after);
    return after / (1 - power(full_like(step.count, beta), step.count));
  };
  const Tensor m = decayed("m", rule.beta1, step.gradient);
  const Tensor v = decayed("v", rule.beta2, step.gradient * step.gradient);
  const Tensor update = m / (sqrt(v) + rule.epsilon);
  return -((rule.decay == 0 ? update : update + step.value * rule.decay) * step.rate);
}

// The two dimensions of a weight that make its matrix.
struct Matrix {
  int64_t rows;
  int64_t columns;
};

std::optional<Matrix> matrix_of(const Parameter& weight, int64_t smallest) {
  Dims dims;
  for (size_t d = 0; d < weight.shape.rank(); ++d) {
    if (weight.axes[d] != "expert" && weight.shape.dim(d) >= smallest) dims.push_back(static_cast<int64_t>(d));
  }
  if (dims.size() < 2) return std::nullopt;
  std::stable_sort(dims.begin(), dims.end(), [&](int64_t a, int64_t b) {
    return weight.shape.dim(static_cast<size_t>(a)) > weight.shape.dim(static_cast<size_t>(b));
  });
  return Matrix{std::min(dims[0], dims[1]), std::max(dims[0], dims[1])};
}

class FactoredMoment {
 public:
  FactoredMoment(const Adafactor& rule, const Step& step, Slots& slots) : step_(step), slots_(slots) {
    decay_ = 1 - power(step.count, full_like(step.count, -rule.decay_power));
    squares_ = step.gradient * step.gradient + rule.squares_floor;
  }

  // The gradient over the root of its second moment.
  Tensor scaled(const std::optional<Matrix>& matrix) const {
    if (!matrix) return step_.gradient * rsqrt(decayed("v", squares_, {}));
    // What is left without one dimension has the other one before or at its place.
    const Tensor rows = decayed("v_rows", mean(squares_, {matrix->columns}), {matrix->columns});
    const Tensor columns = decayed("v_columns", mean(squares_, {matrix->rows}), {matrix->rows});
    const Tensor share = rows / mean(rows, {matrix->rows}, Keep::dims);
    return step_.gradient * expand_dims(rsqrt(share), matrix->columns) * expand_dims(rsqrt(columns), matrix->rows);
  }

 private:
  // The running mean of what remains of the squares without some dimension.
  Tensor decayed(std::string_view slot, Tensor now, const Dims& without) const {
    Axes axes = step_.weight.axes;
    for (const int64_t dim : without) axes.erase(axes.begin() + dim);
    const bool is_tables = !without.empty() && std::ranges::any_of(axes, is_part_of_table);
    if (is_tables) std::ranges::replace_if(axes, is_part_of_table, "");
    const auto laid = [&](Tensor x) { return is_tables ? slots_.scope().annotate(x, axes) : x; };
    const Tensor before = slots_.read(slot, now.dims(), axes);
    const Tensor after = laid(before * decay_ + laid(now) * (1 - decay_));
    slots_.write(slot, before, after);
    return after;
  }

  // Means of tables are small and stay whole. Cut as the tables are, the numbers that they are multiplied with would
  // tie all other vectors of their size to that cut.
  static bool is_part_of_table(const std::string& name) { return name.find('.') != name.npos; }

  const Step& step_;
  Slots& slots_;
  Tensor decay_;
  Tensor squares_;
};

Tensor change_by(const Adafactor& rule, const Step& step, Slots& slots) {
  const Tensor update = FactoredMoment(rule, step, slots).scaled(matrix_of(step.weight, rule.smallest_factored));
  const Tensor clipped = maximum(sqrt(mean_square(update)) / rule.clip, 1);
  const Tensor scale = maximum(sqrt(mean_square(step.value)), rule.scale_floor);
  return -(update * (step.rate * scale / clipped));
}

// ---------------------------------------------------------------------------------------------------------------------

// Of all gradients together.
Tensor norm_of(const std::vector<Tensor>& gradients) {
  Tensor squares;
  for (const Tensor& gradient : gradients) squares = plus(squares, sum(gradient * gradient));
  return sqrt(squares);
}

std::vector<Tensor> gradients_of(const Scope& scope, const std::vector<Parameter>& weights, Tensor loss,
                                 const Here& here) {
  std::vector<Value> values;
  for (const Parameter& weight : weights) values.push_back(weight.value);
  std::vector<Tensor> gradients;
  for (const Value& made : gradient(loss, values, here)) gradients.push_back(scope.exact(made));
  return gradients;
}

// Gradients become the sums of those of the runs since weights last changed; `is_last` where they change now.
void add_up(Model& model, const std::vector<Parameter>& weights, std::vector<Tensor>& gradients, Tensor is_last) {
  for (size_t i = 0; i < weights.size(); ++i) {
    const std::string name = fmt::format("optimizer/gradient/{}", weights[i].name);
    const Tensor before = model.state(name, gradients[i].shape(), {}, weights[i].axes);
    gradients[i] = before + gradients[i];
    model.update(name, select(is_last, full_like(gradients[i], 0), gradients[i]));
  }
}

Tensor learning_rate(Model& model, const Scope& scope, Tensor step, const Schedule& schedule) {
  if (schedule.kind != Schedule::Kind::given) return rate_at(schedule, scope.exact(step));
  return scope.exact(model.input("learning_rate", Shape(DType::f32)));
}

// ---- options --------------------------------------------------------------------------------------------------------

enum class Least : uint8_t { allowed, excluded };

struct OptionBounds {
  const char* name;
  double value;
  double least = 0;
  Least is_least = Least::allowed;
  std::optional<double> end = std::nullopt;  // excluded

  bool hold() const {
    const bool is_above = value > least || (value == least && is_least == Least::allowed);
    return is_above && !(end && value >= *end);
  }
  std::string to_string() const {
    const std::string_view above = is_least == Least::allowed ? "at least" : "more than";
    return fmt::format("{} {}{}", above, least, end ? fmt::format(" and less than {}", *end) : "");
  }
};

std::vector<OptionBounds> bounds_of(const Sgd& rule) {
  return {{.name = "momentum", .value = rule.momentum, .end = 1}};
}

std::vector<OptionBounds> bounds_of(const Adam& rule) {
  return {{.name = "beta1", .value = rule.beta1, .end = 1},
          {.name = "beta2", .value = rule.beta2, .end = 1},
          {.name = "epsilon", .value = rule.epsilon, .is_least = Least::excluded},
          {.name = "decay", .value = rule.decay}};
}

std::vector<OptionBounds> bounds_of(const Adafactor& rule) {
  return {{.name = "decay_power", .value = rule.decay_power},
          {.name = "clip", .value = rule.clip, .is_least = Least::excluded},
          {.name = "squares_floor", .value = rule.squares_floor, .is_least = Least::excluded},
          {.name = "scale_floor", .value = rule.scale_floor}};
}

void check(const OptimizerOptions& options, const Here& here) {
  std::vector<OptionBounds> all = std::visit([](const auto& rule) { return bounds_of(rule); }, options.rule);
  const Schedule& schedule = options.schedule;
  all.push_back({.name = "rate", .value = schedule.rate});
  all.push_back({.name = "steps", .value = static_cast<double>(schedule.steps)});
  all.push_back({.name = "ramp", .value = static_cast<double>(schedule.ramp)});
  all.push_back({.name = "lowest", .value = schedule.lowest});
  all.push_back({.name = "clip_norm", .value = options.clip_norm});
  all.push_back({.name = "micro_batches", .value = static_cast<double>(options.micro_batches), .least = 1});
  for (const OptionBounds& one : all) {
    if (one.hold()) continue;
    throw error_here(fmt::format("optimize: {} is {}, must be {}", one.name, one.value, one.to_string()), here);
  }
}

}  // namespace

void optimize(Model& model, Tensor loss, Tensor step, const OptimizerOptions& options, Here here) {
  const std::vector<Parameter> weights = model.weights();
  if (weights.empty()) throw error_here("optimize: the model has no weights", here);
  check(options, here);
  const Scope root = model.scope();
  const Scope scope = root / "optimizer";
  std::vector<Tensor> gradients = gradients_of(scope, weights, loss, here);
  Tensor applied;  // of nothing where every run changes the weights
  if (options.micro_batches > 1) {
    applied = equal(remainder(step, full_like(step, options.micro_batches)), options.micro_batches - 1);
    add_up(model, weights, gradients, applied);
  }
  const Tensor norm = norm_of(gradients);
  const Tensor rate = learning_rate(model, scope, step, options.schedule);
  root.add_metric("gradient_norm", norm);
  root.add_metric("learning_rate", rate);
  if (options.non_finite == NonFinite::skip) {
    const Tensor finite = is_finite(norm);
    root.add_metric("skipped", convert(!finite, norm.type()));
    applied = is_set(applied) ? applied & finite : finite;
  }
  if (options.clip_norm > 0) {
    const Tensor factor = minimum(options.clip_norm / norm, 1);
    for (Tensor& gradient : gradients) gradient = gradient * factor;
  }
  const Tensor count = scope.exact(options.micro_batches > 1 ? step / options.micro_batches : step) + 1;
  for (size_t i = 0; i < weights.size(); ++i) {
    Slots slots(model, weights[i], applied);
    const Step one{weights[i], scope.exact(weights[i].value), gradients[i], rate, count};
    const Tensor change = std::visit([&](const auto& rule) { return change_by(rule, one, slots); }, options.rule);
    model.update(weights[i].name, convert(slots.chosen(one.value, one.value + change), weights[i].shape.type()));
  }
}

}  // namespace gshard
