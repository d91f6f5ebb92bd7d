#include "autodiff/gradient.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "autodiff/leaves.h"
#include "autodiff/table.h"
#include "autodiff/walk.h"
#include "ops/build.h"

namespace gshard {
namespace {

std::string text_of(Value x) { return "%" + x->name() + ", " + x.shape().to_string(); }

void check_is_set(Value x, std::string_view what, const Here& here) {
  if (x.instruction() == nullptr) throw error_here(fmt::format("gradient: {} is a value of nothing", what), here);
}

// The results are of one computation.
void check_computation(Value x, const Computation& computation, const Here& here) {
  if (x->parent() == &computation) return;
  throw error_here(fmt::format("gradient: {} is of computation %{}, the result of %{}", text_of(x), x->parent()->name(),
                               computation.name()),
                   here);
}

void check_results(Values results, Values cotangents, const Here& here) {
  if (results.empty() || results.size() != cotangents.size()) {
    throw error_here(fmt::format("gradient: {} results with {} cotangents", results.size(), cotangents.size()), here);
  }
  for (size_t i = 0; i < results.size(); ++i) {
    check_is_set(results[i], "a result", here);
    check_computation(results[i], results[0].computation(), here);
    if (!results[i].shape().is_array()) throw error_here("gradient: " + text_of(results[i]) + " is no array", here);
    if (cotangents[i].instruction() == nullptr) continue;
    check_computation(cotangents[i], results[0].computation(), here);
    if (cotangents[i].shape() == results[i].shape()) continue;
    throw error_here(
        fmt::format("gradient: the cotangent of {} is {}", text_of(results[i]), cotangents[i].shape().to_string()),
        here);
  }
}

void check_variables(Values variables, const Computation& computation, const Here& here) {
  for (const Value& x : variables) {
    check_is_set(x, "what it is asked with respect to", here);
    check_computation(x, computation, here);
    if (!is_differentiable(x.shape())) {
      throw error_here(
          fmt::format("gradient: {} is neither an array of floating-point nor of complex numbers", text_of(x)), here);
    }
  }
}

Value with_attribute(Value x, std::string_view value) {
  const FrontendAttributes attributes{{std::string(kGradientAttribute), std::string(value)}};
  x->mutable_notes().frontend_attributes = std::make_shared<const FrontendAttributes>(attributes);
  return x;
}

bool says(const Instruction& x, std::string_view value) {
  const auto& attributes = x.notes().frontend_attributes;
  return attributes != nullptr && std::any_of(attributes->begin(), attributes->end(), [&](const auto& pair) {
           return pair.first == kGradientAttribute && pair.second == value;
         });
}

}  // namespace

bool is_stopped(const Instruction& x) { return says(x, kStop); }
bool is_recomputed(const Instruction& call) { return says(call, kRecompute); }

std::vector<Value> gradient(Value loss, Values with_respect_to, Here here) {
  check_is_set(loss, "the loss", here);
  if (!loss.shape().is_scalar() || !is_floating(loss.type())) {
    throw error_here("gradient: the loss " + text_of(loss) + " is not one floating-point number", here);
  }
  return vector_jacobian_product(std::array{loss}, std::array{full_like(loss, 1, here)}, with_respect_to, here);
}

std::vector<Value> vector_jacobian_product(Values results, Values cotangents, Values with_respect_to, Here here) {
  check_results(results, cotangents, here);
  Computation& computation = results[0].computation();
  check_variables(with_respect_to, computation, here);
  Walk walk(computation);
  const size_t size = computation.size();
  for (const Value& x : with_respect_to) walk.ask(*x.instruction(), 0);
  walk.follow(0, size);
  for (size_t i = 0; i < results.size(); ++i) {
    const bool is_active = walk.is_active(*results[i].instruction(), 0);
    if (is_active && cotangents[i].instruction() != nullptr) walk.give(*results[i].instruction(), 0, cotangents[i]);
  }
  walk.run(0, size);
  std::vector<Value> gradients;
  for (const Value& x : with_respect_to) {
    const Value found = walk.cotangent(*x.instruction(), 0);
    gradients.push_back(found.instruction() != nullptr ? found : full_like(x, 0, here));
  }
  walk.finish();
  return gradients;
}

Value stop_gradient(Value x, Here here) { return with_attribute(copy(x, here), kStop); }

Value checkpoint(Computation& callee, const std::vector<Value>& arguments, Here here) {
  return with_attribute(call(callee, arguments, here), kRecompute);
}

}  // namespace gshard
