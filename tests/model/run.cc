#include "run.h"

#include <algorithm>

#include "eval/arguments.h"
#include "eval/simulate.h"
#include "ops/table.h"
#include "runtime/prepare.h"
#include "shard/partition.h"
#include "text/verify.h"

namespace gshard {
Literal doubles(Dims sizes, std::vector<double> values) {
  Literal literal(Shape(DType::f64, std::move(sizes)));
  std::copy(values.begin(), values.end(), literal.mutable_values<double>().begin());
  return literal;
}

Literal integers(Dims sizes, std::vector<int32_t> values) {
  Literal literal(Shape(DType::s32, std::move(sizes)));
  std::copy(values.begin(), values.end(), literal.mutable_values<int32_t>().begin());
  return literal;
}

std::vector<double> elements_of(const Literal& literal) {
  const Literal wide = convert_leaves(literal, literal.shape().with_type(DType::f64));
  const auto values = wide.values<double>();
  return {values.begin(), values.end()};
}

Literal run(const std::vector<Literal>& arguments, const Body& body) {
  Module module("test");
  std::vector<Shape> shapes;
  for (const Literal& argument : arguments) shapes.push_back(argument.shape());
  define_entry(module, "main", shapes, body);
  verify(module);
  return evaluate(module, arguments);
}

std::vector<Literal> arguments_of(const ModelProgram& program, const std::vector<Literal>& inputs) {
  std::vector<Literal> arguments;
  size_t next = 0;
  for (const Parameter& parameter : program.parameters) {
    arguments.push_back(parameter.role == Role::input ? inputs.at(next++) : initial_value(parameter, 1));
  }
  return arguments;
}

std::vector<Literal> results_of(const ModelProgram& program, const std::vector<Literal>& arguments) {
  return evaluate(*program.module, arguments).elements();
}

std::vector<Literal> run_whole(const ModelProgram& program, const std::vector<Literal>& inputs) {
  verify(*program.module);
  return results_of(program, arguments_of(program, inputs));
}

std::vector<Literal> partitioned_results_of(const ModelProgram& program, const std::vector<Literal>& arguments) {
  const Partitioned parts = partition(*prepare(*program.module));
  verify(*parts.module);
  const Shape& shape = program.module->entry()->root()->shape();
  return gather_results(parts, shape, simulate(*parts.module, scatter_arguments(parts, arguments))).elements();
}

std::vector<Literal> run_partitioned(const ModelProgram& program, const std::vector<Literal>& inputs) {
  return partitioned_results_of(program, arguments_of(program, inputs));
}

std::vector<double> named(const ModelProgram& program, const std::vector<Literal>& results, const std::string& name) {
  const auto place = std::ranges::find(program.results, name) - program.results.begin();
  return elements_of(results.at(static_cast<size_t>(place)));
}

void carry_over(const ModelProgram& program, const std::vector<Literal>& results, std::vector<Literal>& arguments) {
  for (size_t i = 0; i < results.size(); ++i) {
    const auto found = std::ranges::find(program.parameters, program.results[i], &Parameter::name);
    if (found == program.parameters.end()) continue;
    arguments[static_cast<size_t>(found - program.parameters.begin())] = results[i];
  }
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace gshard
