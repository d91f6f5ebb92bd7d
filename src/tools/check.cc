// gshard check: runs a program whole and partitioned, and compares the results.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>

#include "runtime/check.h"
#include "runtime/memory.h"
#include "runtime/prepare.h"
#include "runtime/statistics.h"
#include "tools/program.h"
#include "tools/replications.h"
#include "tools/sharding_options.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "The program is run whole on one device and partitioned on N virtual ones, on the same random\n"
    "arguments, and every output is compared. Both sides are evaluated in double precision (integers\n"
    "as declared), where a difference is a fault and not rounding: an element may be off by 1e-9 of\n"
    "its magnitude, or of the median magnitude of its output where that is larger.\n"
    "\n"
    "--native runs the declared types instead, and compares the partitioned program with the whole\n"
    "one, both compiled for the machine at hand. The errors of both are those against the whole one in\n"
    "double precision, relative as above; the partitioned program's root mean square may be four times\n"
    "that of the whole one (and four units in the last place more), and integers may be wrong four\n"
    "times as often, but one in ten at most. What is not finite must be the same in both. How compiled\n"
    "code compares with the evaluator, 'gshard run' beside 'gshard run --backend reference' shows.\n"
    "\n"
    "Without --native, where an output differs the first value on the way to it that does is named.\n"
    "Where the operands of that are equal up to rounding and it follows from those of the devices, a\n"
    "decision (top-k, argmax, compare) fell otherwise at a tie: it is reported as one, and the whole\n"
    "program goes on with the devices' decision.\n"
    "\n"
    "An output that is more than 1 % NaN or infinite, or of floats that are all one number whatever\n"
    "the arguments, shows nothing: it fails unless allowed. So do integers that differ where rounding\n"
    "changes more than one in ten of the whole program's; these cannot be allowed.\n"
    "\n"
    "Exit codes: 0 equal, 1 different, 2 wrong usage, 3 the program is wrong or cannot be partitioned.\n"
    "\n"
    "Examples:\n"
    "  gshard check model.hlo\n"
    "  gshard check model.hlo --mesh fsdp=2,tensor=4\n"
    "  gshard check model.hlo --seed 3 --native";

struct Options {
  std::string file;
  CheckOptions check;
  ShardingArguments sharding;
  ReplicationArguments replication;
  std::string backend;  // empty where not given
  std::string precision = "f32";
  bool native = false;
  bool allow_non_finite = false;
  bool allow_constant = false;
  bool every_output = false;
  bool bisect = false;
};

std::string number(double value) { return fmt::format("{:.2g}", value); }

std::string finding_text(const OutputCheck& output) {
  switch (output.finding) {
    case Finding::none:
      return "equal";
    case Finding::different:
      return fmt::format("{} of {} elements differ", with_separators(output.comparison.different),
                         with_separators(output.shape.element_count()));
    case Finding::undecided:
      return fmt::format(
          "{} of {} elements differ, but rounding changes {:.3g} % of the whole program's: shows nothing",
          with_separators(output.comparison.different), with_separators(output.shape.element_count()),
          100 * output.whole_error);
    case Finding::non_finite:
      return fmt::format("{:.3g} % of it is not finite", 100 * output.content.non_finite);
    case Finding::constant:
      return "all elements are one number, whatever the arguments";
  }
  return "";
}

std::string sharding_of(const CheckReport& report, size_t output) {
  return report.program.results[output].sharding.to_string(report.program.mesh);
}

std::string outputs_table(const CheckReport& report) {
  Table table({{"output"}, {"shape"}, {"sharding"}, {"largest error", Align::right}, {"finding"}});
  for (size_t i = 0; i < report.outputs.size(); ++i) {
    const OutputCheck& output = report.outputs[i];
    table.add({output.name, output.shape.to_string(), sharding_of(report, i), number(output.comparison.largest_error),
               finding_text(output)});
  }
  return table.text();
}

std::string describe(const CheckReport& report, size_t i) {
  const OutputCheck& output = report.outputs[i];
  std::string text = fmt::format("{} {} {}: {}\n", output.name, output.shape.to_string(), sharding_of(report, i),
                                 finding_text(output));
  if (const auto& first = output.comparison.first) {
    text += fmt::format("  element {} is {} on the devices, {} in the whole program (relative error {})\n",
                        position_text(output.shape, first->element), first->got, first->expected, number(first->error));
  }
  if (output.parts_error > 0 && output.finding == Finding::different) {
    text += fmt::format("  error against f64: {} partitioned, {} whole, allowed {}\n", number(output.parts_error),
                        number(output.whole_error), number(output.allowed_error));
  }
  return text;
}

// "%x = dot f32[8,4] [x, -] (model.py:12)".
std::string value_text(const CheckReport& report, const Instruction& i, const Shape& shape, const Sharding& sharding) {
  const std::string source = model_source_of(i);
  const std::string place = source.empty() ? fmt::format("line {}", i.text_line()) : source;
  return fmt::format("%{} = {} {} {} ({})", i.name(), keyword_of(i.op()), shape.to_string(),
                     sharding.to_string(report.program.mesh), place);
}

std::string describe(const CheckReport& report, const ValueDifference& difference) {
  const Instruction& i = *difference.instruction;
  const std::string run = difference.run > 0 ? fmt::format(", in its run {}", difference.run) : "";
  std::string text = fmt::format("  {}{}\n", value_text(report, i, difference.shape, difference.sharding), run);
  if (!difference.copies.empty()) text += fmt::format("    {}\n", difference.copies);
  if (const auto& first = difference.comparison.first) {
    text +=
        fmt::format("    element {} is {} on the devices, {} in the whole program (relative error {})\n",
                    position_text(difference.shape, first->element), first->got, first->expected, number(first->error));
  }
  return text;
}

// The way from what is returned up to the value that differs first.
std::string history(const CheckReport& report) {
  std::string text;
  for (const Instruction* i : way_to(*report.prepared, *report.fault->instruction)) {
    const std::string source = model_source_of(*i);
    text += fmt::format("    %{} = {} {}{}\n", i->name(), keyword_of(i->op()), i->shape().to_string(),
                        source.empty() ? "" : " (" + source + ")");
  }
  return text.empty() ? "" : "  from where it reaches the results through\n" + text;
}

std::string describe_inside(const CheckReport& report) {
  std::string text;
  if (!report.ties.empty()) {
    text += "decisions that fell otherwise on the devices, at ties; the whole program follows them:\n";
    for (const ValueDifference& tie : report.ties) text += describe(report, tie);
  }
  if (report.fault) text += "the first value that differs:\n" + describe(report, *report.fault) + history(report);
  return text;
}

std::string collectives_text(const Module& module) {
  std::vector<std::string> parts;
  double bytes = 0;
  for (const CollectiveCount& collective : statistics_of(module).collectives) {
    parts.push_back(
        fmt::format("{} {}", with_separators(static_cast<int64_t>(collective.runs)), keyword_of(collective.op)));
    bytes += collective.bytes;
  }
  if (parts.empty()) return "no collectives";
  return fmt::format("{} on {} of each device", fmt::join(parts, ", "), human_bytes(bytes));
}

std::string summary(const CheckReport& report) {
  const bool passed = report.passed();
  return fmt::format("{}: {}; {} {}, largest relative error {}; {}\n",
                     styled(passed ? Style::good : Style::bad, passed ? "equal" : "different", Stream::out),
                     devices_text(report.program.mesh), report.outputs.size(),
                     report.outputs.size() == 1 ? "output" : "outputs", number(report.largest_error()),
                     collectives_text(*report.program.module));
}

int check_file(Options options) {
  const Program program = read_program(options.file);
  make_up_constants(*program.module, options.check.seed);
  return with_lines(program, [&] {
    options.check.partition = partition_options(options.sharding);
    if (options.native && options.bisect) {
      throw Error::usage("--bisect compares values in double precision: give it without --native");
    }
    if (options.native) options.check.types = CheckedTypes::declared;
    const bool is_compiled = options.backend.empty() ? options.native : options.backend == "cpu";
    options.check.backend = is_compiled ? Backend::cpu : Backend::reference;
    if (options.precision == "bf16") {
      if (!options.native || !is_compiled) {
        throw Error::usage("--precision bf16 is of compiled programs in their declared types: give --native too");
      }
      options.check.precision = cpu::MatmulPrecision::bf16;
    }
    options.check.every_value = options.bisect;
    if (options.allow_non_finite) options.check.allowed.push_back(Finding::non_finite);
    if (options.allow_constant) options.check.allowed.push_back(Finding::constant);
    std::unique_ptr<Module> prepared = prepare(*program.module);
    Partitioned partitioned = partition(*prepared, options.check.partition);
    warn_where_nothing_is_cut(*prepared, options.check.partition);
    allowed_replications(*prepared, partitioned, options.check.partition, options.replication);
    const CheckReport report = check(*program.module, std::move(prepared), std::move(partitioned), options.check);
    if (options.every_output) put(outputs_table(report));
    for (size_t i = 0; i < report.outputs.size(); ++i) {
      if (report.outputs[i].finding != Finding::none) put(describe(report, i));
    }
    put(describe_inside(report));
    put(summary(report));
    spdlog::info("{} sets of arguments, peak memory {}", report.trials, human_bytes(peak_memory()));
    return report.passed() ? 0 : 1;
  });
}

}  // namespace

Command add_check(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* app = add_subcommand(root, "check", "Compare a partitioned program with the whole one", kNotes);
  app->add_option("FILE", options->file, "HLO text; '-' is standard input")->required();
  add_sharding_options(*app, options->sharding);
  add_replication_options(*app, options->replication);
  add_count_option(
      *app, "--seed", options->check.seed,
      "Make up the arguments, and constants that the text left out ('{...}'),\nfrom this seed (default 0)");
  app->add_flag("--native", options->native,
                "Compare the partitioned program with the whole one in their declared types,\nboth compiled, instead "
                "of in double precision");
  app->add_option("--backend", options->backend,
                  "What the devices run on: cpu, compiled (default with --native),\nor reference, the evaluator "
                  "(default else, where compiling would take longer)")
      ->check(CLI::IsMember({"reference", "cpu"}));
  app->add_option(
         "--precision", options->precision,
         "With --native: in what products and convolutions of f32 multiply on both\nsides: f32 (default) or bf16")
      ->check(CLI::IsMember({"f32", "bf16"}));
  app->add_flag("--bisect", options->bisect,
                "Compare every value on the way too, and name the first that\ndiffers even where no output does "
                "(not with --native)");
  app->add_flag("--allow-nonfinite", options->allow_non_finite, "Outputs may be NaN and infinite");
  app->add_flag("--allow-constant", options->allow_constant, "Outputs may be the same number everywhere");
  app->add_flag("--outputs", options->every_output, "Show every output, not only those that differ");
  return {app, [options] { return check_file(*options); }};
}

}  // namespace gshard
