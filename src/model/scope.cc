// Scopes: names of what is built, parameters, and random numbers.
#include <fmt/format.h>

#include <cmath>
#include <span>

#include "autodiff/gradient.h"
#include "model/model.h"
#include "model/name_key.h"
#include "ops/constants.h"
#include "ops/infer.h"
#include "ops/table.h"

namespace gshard {

std::string Scope::name_within(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}/{}", path_, name);
}

Scope::~Scope() {
  if (path_.empty()) return;
  const Computation& in = model_.entry_;
  for (size_t i = first_; i < in.size(); ++i) {
    Notes& notes = in.at(i)->mutable_notes();
    if (notes.metadata != nullptr && !notes.metadata->op_name.empty()) continue;  // of a scope within this one
    auto metadata = notes.metadata ? std::make_shared<Metadata>(*notes.metadata) : std::make_shared<Metadata>();
    metadata->op_name = fmt::format("{}/{}", path_, keyword_of(in.at(i)->op()));
    notes.metadata = std::move(metadata);
  }
}

Tensor Scope::parameter(std::string_view name, const Dims& sizes, Initializer initializer, Axes axes, Here here) const {
  const Shape shape(numerics().parameters, sizes);
  return model_.declare({name_within(name), shape, Role::weight, initializer, std::move(axes)}, here);
}

Tensor Scope::annotate(Tensor x, const Axes& axes, Here here) const { return model_.annotate(x, axes, here); }

Tensor Scope::activation(Tensor x, Here here) const { return convert(x, numerics().activations, here); }

Tensor Scope::exact(Tensor x, Here here) const { return convert(x, numerics().exact, here); }

Tensor Scope::uniform(const Dims& sizes, Here here) const {
  constexpr int kBits = 24;  // that an f32 holds
  Computation& in = model_.entry_;
  const Shape word(DType::u64, {1});
  const uint64_t key = name_key(fmt::format("{}#{}", path_, model_.streams_[path_]++)) ^ model_.options().seed;
  const auto number = [&](uint64_t value) {
    Literal literal(word);
    literal.mutable_values<uint64_t>()[0] = value;
    return constant(in, std::move(literal), here);
  };
  Tensor stream = number(key);
  if (is_set(model_.step_seed_)) {
    stream = xor_(stream, reshape(model_.step_seed_, {1}, here), here);
  }
  const Tensor state = concatenate({stream, number(0)}, 0, here);
  const Tensor made = rng_bit_generator(state, Shape(DType::u32, sizes), RngAlgorithm::rng_philox, here);
  const Tensor bits = shift_right_logical(get_tuple_element(made, 1, here), 32 - kBits, here);
  return multiply(convert(bits, numerics().exact, here), std::ldexp(1.0, -kBits), here);
}

Tensor Scope::dropout(Tensor x, double rate, Here here) const {
  if (!(rate >= 0 && rate < 1)) throw error_here(fmt::format("dropout: a rate of {}, must be in [0, 1)", rate), here);
  if (rate == 0 || mode() == Mode::evaluate) return x;
  const Tensor kept = compare(uniform(x.dims(), here), rate, Direction::GE, ComparisonType::automatic, here);
  return select(kept, multiply(x, 1 / (1 - rate), here), 0, here);
}

Tensor Scope::recomputed(const std::function<Tensor()>& body, Here here) const {
  const size_t first = model_.entry_.size();
  const auto since = [](std::vector<NamedTensor>& all, size_t count) { return std::span(all).subspan(count); };
  const size_t metrics = model_.metrics_.size();
  const size_t losses = model_.losses_.size();
  const auto updates = model_.updates_;
  std::vector<Tensor> results = {body()};
  std::vector<Tensor*> kept;  // by the model
  for (NamedTensor& metric : since(model_.metrics_, metrics)) kept.push_back(&metric.value);
  for (NamedTensor& loss : since(model_.losses_, losses)) kept.push_back(&loss.value);
  for (auto& [name, value] : model_.updates_) {
    if (!updates.contains(name)) kept.push_back(&value);
  }
  for (const Tensor* value : kept) results.push_back(*value);
  results = checkpoint_since(first, results, here);
  for (size_t i = 0; i < kept.size(); ++i) *kept[i] = results[i + 1];
  return results[0];
}

void Scope::add_metric(std::string_view name, Tensor value) const {
  model_.metrics_.push_back({name_within(name), value});
}

void Scope::add_loss(std::string_view name, Tensor scalar) const {
  model_.losses_.push_back({name_within(name), scalar});
}

}  // namespace gshard
