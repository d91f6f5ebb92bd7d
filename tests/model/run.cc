#include "run.h"

#include <gtest/gtest.h>

#include "eval/arguments.h"
#include "eval/simulate.h"
#include "ops/table.h"
#include "runtime/prepare.h"
#include "shard/partition.h"
#include "text/verify.h"

namespace gshard {
namespace {

std::vector<Literal> arguments_of(const ModelProgram& program, const std::vector<Literal>& inputs) {
  std::vector<Literal> arguments;
  size_t next = 0;
  for (const Parameter& parameter : program.parameters) {
    arguments.push_back(parameter.role == Role::input ? inputs.at(next++) : initial_value(parameter, 1));
  }
  return arguments;
}

}  // namespace

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

std::vector<Literal> run_whole(const ModelProgram& program, const std::vector<Literal>& inputs) {
  verify(*program.module);
  return evaluate(*program.module, arguments_of(program, inputs)).elements();
}

std::vector<Literal> run_partitioned(const ModelProgram& program, const std::vector<Literal>& inputs) {
  const Partitioned parts = partition(*prepare(*program.module));
  verify(*parts.module);
  const auto arguments = scatter_arguments(parts, arguments_of(program, inputs));
  const Shape& shape = program.module->entry()->root()->shape();
  return gather_results(parts, shape, simulate(*parts.module, arguments)).elements();
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
