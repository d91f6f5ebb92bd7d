#include "autodiff/central_differences.h"

#include <fmt/format.h>

#include <cmath>
#include <complex>
#include <random>

#include "autodiff/gradient.h"
#include "eval/evaluate.h"
#include "ops/build.h"
#include "text/print.h"
#include "text/verify.h"

namespace gshard {
namespace {

bool is_number(const Shape& shape) { return shape.type() == DType::f64 || shape.type() == DType::c128; }

// The parts of an array of f64 or c128 as plain numbers.
std::span<const double> numbers_of(const Literal& x) {
  return {reinterpret_cast<const double*>(x.bytes()), static_cast<size_t>(x.byte_size()) / sizeof(double)};
}
std::span<double> mutable_numbers_of(Literal& x) {
  return {reinterpret_cast<double*>(x.mutable_bytes()), static_cast<size_t>(x.byte_size()) / sizeof(double)};
}

Literal random_array(const Shape& shape, uint64_t seed) {
  std::mt19937_64 engine(seed);
  Literal x(shape.without_layout());
  for (double& number : mutable_numbers_of(x)) number = static_cast<double>(engine() % 2000001) / 1e6 - 1;
  return x;
}

// The real part of the sum of the products; of their magnitudes where `magnitude`.
double product(const Literal& a, const Literal& b) {
  const auto x = numbers_of(a);
  const auto y = numbers_of(b);
  double total = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const bool is_imaginary = is_complex(a.shape().type()) && i % 2 == 1;
    total += is_imaginary ? -x[i] * y[i] : x[i] * y[i];
  }
  return total;
}

double magnitude(const Literal& a, const Literal& b) {
  double total = 0;
  for (size_t i = 0; i < numbers_of(a).size(); ++i) total += std::abs(numbers_of(a)[i] * numbers_of(b)[i]);
  return total;
}

std::vector<Literal> parts_of(const Literal& result) {
  return result.shape().is_tuple() ? result.elements() : std::vector<Literal>{result};
}

uint64_t cotangent_seed(const DifferenceOptions& options, size_t result) { return options.seed * 1000 + result; }

// The sum of all results times their cotangents.
double loss_of(const Module& module, std::span<const Literal> arguments, const DifferenceOptions& options) {
  const std::vector<Literal> results = parts_of(evaluate(module, arguments));
  double loss = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    if (!is_number(results[i].shape())) continue;
    loss += product(random_array(results[i].shape(), cotangent_seed(options, i)), results[i]);
  }
  return loss;
}

double change_along(const Module& module, std::span<const Literal> arguments, size_t n, const Literal& direction,
                    const DifferenceOptions& options) {
  constexpr double kStep = 2e-7;
  const auto loss_at = [&](double step) {
    std::vector<Literal> moved(arguments.begin(), arguments.end());
    for (size_t i = 0; i < numbers_of(direction).size(); ++i) {
      mutable_numbers_of(moved[n])[i] += step * numbers_of(direction)[i];
    }
    return loss_of(module, moved, options);
  };
  return (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
}

std::vector<size_t> variables_of(const Module& module, const DifferenceOptions& options) {
  std::vector<size_t> numbers;
  for (const Instruction* parameter : module.entry()->parameters()) {
    const bool is_wanted = options.variables == Variables::all || parameter->shape().rank() > 0;
    if (is_number(parameter->shape()) && is_wanted) {
      numbers.push_back(static_cast<size_t>(parameter->attrs<ParameterAttrs>().number));
    }
  }
  return numbers;
}

}  // namespace

std::unique_ptr<Module> with_gradients(const Module& module, const DifferenceOptions& options) {
  auto copy = module.clone();
  Computation& entry = *copy->entry();
  const Value root = entry.root();
  const std::vector<Value> results = root.shape().is_tuple() ? unpack(root) : std::vector<Value>{root};
  std::vector<Value> differentiated;
  std::vector<Value> cotangents;
  for (size_t i = 0; i < results.size(); ++i) {
    if (!is_number(results[i].shape())) continue;
    differentiated.push_back(results[i]);
    cotangents.push_back(constant(entry, random_array(results[i].shape(), cotangent_seed(options, i))));
  }
  std::vector<Value> variables;
  for (const size_t n : variables_of(module, options)) variables.emplace_back(entry.parameter(n));
  std::vector<Value> all = results;
  const std::vector<Value> gradients = vector_jacobian_product(differentiated, cotangents, variables);
  all.insert(all.end(), gradients.begin(), gradients.end());
  entry.set_root(tuple(all).instruction());
  copy->mutable_header().entry_result_layout.reset();
  copy->sort_and_prune_computations();
  verify(*copy);
  return copy;
}

std::string gradient_difference(const Module& module, std::span<const Literal> arguments,
                                const DifferenceOptions& options) {
  const auto differentiated = with_gradients(module, options);
  const std::vector<Literal> results = evaluate(*differentiated, arguments).elements();
  const std::vector<size_t> variables = variables_of(module, options);
  const size_t first = results.size() - variables.size();
  for (size_t i = 0; i < variables.size(); ++i) {
    const Literal& gradient = results[first + i];
    const Literal direction = random_array(gradient.shape(), options.seed * 77 + i);
    const double expected = change_along(module, arguments, variables[i], direction, options);
    const double got = product(gradient, direction);
    const double scale = 1e-2 + std::abs(expected) + magnitude(gradient, direction);
    if (std::abs(expected - got) <= options.tolerance * scale) continue;
    return fmt::format("parameter {}: the results change by {}, the gradient says {}\n{}\n{}", variables[i], expected,
                       got, print(module), print(*differentiated));
  }
  return "";
}

}  // namespace gshard
