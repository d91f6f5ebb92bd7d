// Running what the tests build.
#pragma once

#include <functional>
#include <vector>

#include "ir/literal.h"
#include "model/model.h"

namespace gshard {

// f64 of these sizes; s32.
Literal doubles(Dims sizes, std::vector<double> values);
Literal integers(Dims sizes, std::vector<int32_t> values);

// The elements of an array of any real type.
std::vector<double> elements_of(const Literal& literal);

// What a body of ops makes of these arguments, evaluated.
Literal run(const std::vector<Literal>& arguments, const Body& body);

// What a program takes: the initial values of its weights and state, and these inputs in the order in which they were
// declared.
std::vector<Literal> arguments_of(const ModelProgram& program, const std::vector<Literal>& inputs);
// Its results, part by part, on one device, or partitioned over those of its mesh.
std::vector<Literal> results_of(const ModelProgram& program, const std::vector<Literal>& arguments);
std::vector<Literal> partitioned_results_of(const ModelProgram& program, const std::vector<Literal>& arguments);
std::vector<Literal> run_whole(const ModelProgram& program, const std::vector<Literal>& inputs);
std::vector<Literal> run_partitioned(const ModelProgram& program, const std::vector<Literal>& inputs);

// The elements of the result of this name.
std::vector<double> named(const ModelProgram& program, const std::vector<Literal>& results, const std::string& name);
// Puts the next values of weights and state in the place of those before.
void carry_over(const ModelProgram& program, const std::vector<Literal>& results, std::vector<Literal>& arguments);

// The message of the Error that f throws.
std::string error_of(const std::function<void()>& f);

}  // namespace gshard
