#include "runtime/check.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "eval/arguments.h"
#include "runtime/compare_runs.h"
#include "runtime/dependence.h"
#include "runtime/memory.h"
#include "runtime/prepare.h"
#include "runtime/results.h"
#include "runtime/whole.h"

namespace gshard {
namespace {

// The partitioned program may err so many times as much as the whole one.
constexpr double kErrorFactor = 4;
// The largest share of an output's integers that rounding may change. Where it changes more in the whole program
// already, their comparison shows nothing.
constexpr double kMostUndecided = 0.1;

bool is_rounded(const Shape& shape) { return is_floating(shape.type()) || is_complex(shape.type()); }

// The distance from 1 to the next number of a floating (or complex) type.
double unit_of(DType type) {
  switch (type) {
    case DType::f64:
    case DType::c128:
      return 0x1p-52;
    case DType::f32:
    case DType::c64:
      return 0x1p-23;
    case DType::f16:
      return 0x1p-10;
    case DType::bf16:
      return 0x1p-7;
    default:
      return 0x1p-2;
  }
}

std::vector<Literal> leaves_of(const Literal& result) {
  std::vector<Literal> leaves;
  for_each_leaf(result, [&](const std::string&, const Literal& array) { leaves.push_back(array); });
  return leaves;
}

// Drops the entries of tokens from what is said of every leaf.
std::vector<bool> of_arrays(const std::vector<bool>& leaves, const std::vector<BoundaryValue>& values) {
  std::vector<bool> arrays;
  for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    if (values[leaf].shape.is_array()) arrays.push_back(leaves[leaf]);
  }
  return arrays;
}

// One set of arguments: what each side made of it.
struct Trial {
  std::vector<Literal> exact;     // the whole program in f64
  std::vector<Literal> declared;  // the whole program as declared, with CheckedTypes::declared
  std::vector<Literal> parts;     // the partitioned program
};

class Checker {
 public:
  Checker(const Module& module, CheckReport report, const CheckOptions& options)
      : module_(module), options_(options), report_(std::move(report)), whole_(module, *report_.prepared) {
    if (options.types == CheckedTypes::widened) wide_program_ = widened(report_.program);
    evaluation_.memory_limit = memory_limit();
    dependent_ = of_arrays(results_dependent_on_arguments(*report_.prepared), report_.program.results);
  }

  CheckReport run() && {
    const Trial first = attempt(Signs::positive);
    add_outputs(first);
    if (std::any_of(report_.outputs.begin(), report_.outputs.end(), [&](const auto& o) { return says_nothing(o); })) {
      add_second(first, attempt(Signs::both));
    }
    for (OutputCheck& output : report_.outputs) judge(output);
    return std::move(report_);
  }

 private:
  Trial attempt(Signs signs) {
    const auto trial = static_cast<uint64_t>(report_.trials++);
    const std::vector<Literal> arguments = random_arguments(module_, options_.seed + trial, {signs});
    std::vector<Literal> wide;
    for (size_t i = 0; i < arguments.size(); ++i) {
      wide.push_back(convert_leaves(arguments[i], whole_.widened_module().entry()->parameter(i)->shape()));
    }
    Trial results;
    results.exact = leaves_of(whole_.run_widened(wide, evaluation_));
    if (options_.types == CheckedTypes::declared) {
      results.declared = run_whole(arguments);
      results.parts = run_parts(report_.program, arguments);
    } else {
      results.parts = run_parts(wide_program_, wide);
      if (options_.every_value || !is_equal(results)) go_through(wide, results);
    }
    return results;
  }

  bool is_equal(const Trial& trial) const {
    for (size_t leaf = 0; leaf < trial.exact.size(); ++leaf) {
      if (compare(trial.exact[leaf], trial.parts[leaf], options_.tolerance, Scale::median).different > 0) return false;
    }
    return true;
  }

  // Finds the first value that is wrong. Where none is, the results are those that follow from the devices' decisions.
  void go_through(const std::vector<Literal>& arguments, Trial& trial) {
    if (!whole_.runs_on_one_device()) {
      if (report_.fault) return;
      report_.fault =
          first_difference(whole_.on_all_devices(), report_.program, arguments, options_.tolerance, evaluation_);
      return;
    }
    Replay values = replay(*report_.prepared, report_.program, arguments, options_.tolerance, evaluation_);
    if (!report_.fault) report_.fault = std::move(values.fault);
    if (report_.fault || is_equal(trial)) return;
    trial.exact = leaves_of(values.result);
    std::move(values.ties.begin(), values.ties.end(), std::back_inserter(report_.ties));
  }

  std::vector<Literal> run_whole(std::span<const Literal> arguments) {
    if (options_.backend == Backend::reference) return leaves_of(whole_.run(arguments, evaluation_));
    if (!whole_program_) whole_program_ = whole_.executable({.precision = options_.precision});
    return run(*whole_program_, arguments);
  }

  std::vector<Literal> run_parts(const Partitioned& program, std::span<const Literal> arguments) {
    if (options_.backend == Backend::reference) {
      return leaves_of(run_partitioned(program, module_.entry()->root()->shape(), arguments, evaluation_));
    }
    if (!parts_) parts_.emplace(devices_of(program, {.precision = options_.precision}), program);
    return run(*parts_, arguments);
  }

  std::vector<Literal> run(const Executable& program, std::span<const Literal> arguments) const {
    return leaves_of(program.get_all(program.run(program.put_all(arguments), evaluation_)));
  }

  void add_outputs(const Trial& trial) {
    add_leaves(module_.entry()->root()->shape(), "result");
    for (size_t leaf = 0; leaf < report_.outputs.size(); ++leaf) {
      report_.outputs[leaf].content = content(trial, leaf);
      report_.outputs[leaf].is_dependent = dependent_[leaf];
      compare_leaf(trial, leaf, report_.outputs[leaf]);
    }
  }

  // What overflows in the declared types alone shows no more than what does in f64.
  Content content(const Trial& trial, size_t leaf) const {
    Content content = content_of(trial.exact[leaf]);
    if (options_.types == CheckedTypes::declared) {
      content.non_finite = std::max(content.non_finite, content_of(trial.declared[leaf]).non_finite);
    }
    return content;
  }

  void add_leaves(const Shape& shape, const std::string& name) {
    if (shape.is_array()) {
      OutputCheck& output = report_.outputs.emplace_back();
      output.name = name;
      output.shape = shape;
    }
    for (size_t i = 0; i < shape.tuple_size(); ++i) add_leaves(shape.element(i), name + "." + std::to_string(i));
  }

  void compare_leaf(const Trial& trial, size_t leaf, OutputCheck& output) const {
    if (options_.types == CheckedTypes::widened) {
      output.comparison = compare(trial.exact[leaf], trial.parts[leaf], options_.tolerance, Scale::median);
    } else if (is_rounded(output.shape)) {
      compare_errors(trial, leaf, output);
    } else {
      compare_decisions(trial, leaf, output);
    }
  }

  void compare_errors(const Trial& trial, size_t leaf, OutputCheck& output) const {
    const double unit = unit_of(output.shape.type());
    const RoundingErrors errors = rounding_errors(trial.exact[leaf], trial.declared[leaf], trial.parts[leaf]);
    output.whole_error = errors.whole;
    output.parts_error = errors.parts;
    output.allowed_error = kErrorFactor * (errors.whole + unit);
    const bool fine = std::isfinite(output.allowed_error) && output.parts_error <= output.allowed_error;
    // What is not finite has to be the same in both all the same: the error is infinite where it is not.
    const double tolerance = fine ? std::numeric_limits<double>::max() : kErrorFactor * unit;
    output.comparison = compare(trial.declared[leaf], trial.parts[leaf], tolerance, Scale::median);
    if (!fine) output.comparison.different = std::max<int64_t>(output.comparison.different, 1);
  }

  // Integers that rounded numbers decided on may be others than those in f64, on the devices four times as often, but
  // never more than kMostUndecided of them.
  void compare_decisions(const Trial& trial, size_t leaf, OutputCheck& output) const {
    const auto share_of_wrong = [&](const Literal& got) {
      const int64_t wrong = compare(trial.exact[leaf], got, 0).different;
      return static_cast<double>(wrong) / static_cast<double>(std::max<int64_t>(got.shape().element_count(), 1));
    };
    output.whole_error = share_of_wrong(trial.declared[leaf]);
    output.parts_error = share_of_wrong(trial.parts[leaf]);
    output.allowed_error = std::min(kErrorFactor * output.whole_error, kMostUndecided);
    output.comparison = compare(trial.declared[leaf], trial.parts[leaf], 0);
    if (output.parts_error <= output.allowed_error) output.comparison.different = 0;
  }

  bool says_nothing(const OutputCheck& output) const {
    const bool constant = output.content.is_constant && is_rounded(output.shape) && output.is_dependent;
    return constant || output.content.non_finite > options_.most_non_finite;
  }

  // What was equal on the first arguments has to be on the second ones; what said nothing may say something there.
  void add_second(const Trial& first, const Trial& second) {
    for (size_t leaf = 0; leaf < report_.outputs.size(); ++leaf) {
      OutputCheck& output = report_.outputs[leaf];
      if (output.comparison.different == 0) compare_leaf(second, leaf, output);
      output.content.non_finite = std::min(output.content.non_finite, content(second, leaf).non_finite);
      output.content.is_constant =
          output.content.is_constant && compare(first.exact[leaf], second.exact[leaf], 0).different == 0;
    }
  }

  bool is_allowed(Finding finding) const {
    return std::find(options_.allowed.begin(), options_.allowed.end(), finding) != options_.allowed.end();
  }

  bool is_undecided(const OutputCheck& output) const {
    return options_.types == CheckedTypes::declared && !is_rounded(output.shape) && output.whole_error > kMostUndecided;
  }

  void judge(OutputCheck& output) const {
    if (output.comparison.different > 0) {
      output.finding = is_undecided(output) ? Finding::undecided : Finding::different;
    } else if (says_nothing(output)) {
      const bool non_finite = output.content.non_finite > options_.most_non_finite;
      const Finding finding = non_finite ? Finding::non_finite : Finding::constant;
      if (!is_allowed(finding)) output.finding = finding;
    }
  }

  const Module& module_;
  const CheckOptions& options_;
  CheckReport report_;
  const WholeProgram whole_;
  Partitioned wide_program_;
  // Compiled, with Backend::cpu: the partitioned program, and with CheckedTypes::declared the whole one.
  std::optional<Executable> parts_;
  std::optional<Executable> whole_program_;
  EvaluateOptions evaluation_;
  std::vector<bool> dependent_;  // by output
};

}  // namespace

bool CheckReport::passed() const {
  return std::all_of(outputs.begin(), outputs.end(), [](const auto& o) { return o.finding == Finding::none; });
}

double CheckReport::largest_error() const {
  double largest = 0;
  for (const OutputCheck& output : outputs) largest = std::max(largest, output.comparison.largest_error);
  return largest;
}

CheckReport check(const Module& module, std::unique_ptr<Module> prepared, Partitioned program,
                  const CheckOptions& options) {
  CheckReport report;
  report.prepared = std::move(prepared);
  report.program = std::move(program);
  return Checker(module, std::move(report), options).run();
}

CheckReport check(const Module& module, const CheckOptions& options) {
  const std::unique_ptr<Module> complete = module.clone();
  make_up_constants(*complete, options.seed);
  std::unique_ptr<Module> prepared = prepare(*complete);
  Partitioned program = partition(*prepared, options.partition);
  return check(*complete, std::move(prepared), std::move(program), options);
}

}  // namespace gshard
