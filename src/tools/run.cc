// gshard run: evaluates a module and shows what came out.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>

#include "runtime/argument_file.h"
#include "runtime/executable.h"
#include "runtime/memory.h"
#include "runtime/prepare.h"
#include "runtime/results.h"
#include "runtime/whole.h"
#include "tools/arguments.h"
#include "tools/program.h"
#include "tools/sharding_options.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/usage.h"
#include "transform/widen_floats.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "Random arguments make sense: floats lie in (0.5, 1.5)/sqrt(fan-in), integers in the range of\n"
    "their use, indices are sorted or unique where an op was promised that. Deep networks without\n"
    "normalisation may overflow with floats that are all positive; --signed keeps them small.\n"
    "\n"
    "Arrays of DATA.npz are found by the parameter's name, or as arg0, 0 or arr_0 by its number,\n"
    "parts of tuples as arg0.1. Types that numpy has not are written as the next that holds them\n"
    "exactly (bf16 and f8 as float32) and read back from it; ml_dtypes arrays are read too. Names\n"
    "that end in .safetensors are of that format, which has bf16.\n"
    "\n"
    "Examples:\n"
    "  gshard run model.hlo --seed 7\n"
    "  gshard run model.hlo --args data.npz --out result.npz\n"
    "  gshard run model.hlo --f64          the same random arguments, evaluated in double precision\n"
    "  gshard run model.hlo --mesh data=4  partitioned, on four virtual devices";

constexpr size_t kFirstShown = 4;

struct RunOptions {
  std::string file;
  GivenArguments arguments;
  std::string out;
  bool f64 = false;
  std::string backend = "cpu";
  std::string precision = "f32";
  bool check_nans = false;
  ShardingArguments sharding;
  bool is_partitioned = false;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string number(double value) { return fmt::format("{:.6g}", value); }

// Returns how many elements of the result are not finite.
int64_t show(const Literal& result) {
  int64_t non_finite = 0;
  Table table({{"result"},
               {"shape"},
               {"min", Align::right},
               {"max", Align::right},
               {"mean", Align::right},
               {"non-finite", Align::right},
               {"first values"}});
  for_each_leaf(result, [&](const std::string& name, const Literal& array) {
    const Summary s = summarize(array, kFirstShown);
    non_finite += s.non_finite;
    std::string first = fmt::format("{}", fmt::join(s.first, " "));
    if (array.shape().element_count() > static_cast<int64_t>(kFirstShown)) first += " ...";
    table.add({name, array.shape().to_string(), number(s.min), number(s.max), number(s.mean),
               with_separators(s.non_finite), first});
  });
  put(table.text());
  return non_finite;
}

// The program that was asked for: whole, or partitioned over the devices that the options name.
Executable executable_of(const Module& module, const RunOptions& options) {
  DeviceOptions on;
  on.backend = options.backend == "cpu" ? Backend::cpu : Backend::reference;
  on.precision = options.precision == "bf16" ? cpu::MatmulPrecision::bf16 : cpu::MatmulPrecision::f32;
  on.check_nans = options.check_nans;
  if (!options.is_partitioned) return Executable(Devices(1, on), module);
  const Partitioned parts = partition(*prepare(module), partition_options(options.sharding));
  return Executable(devices_of(parts, on), parts);
}

Literal evaluated(const Module& module, std::vector<Literal> arguments, const RunOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const Executable program = executable_of(module, options);
  const double compiled = seconds_since(start);
  std::vector<DeviceArray> arrays = program.put_all(std::move(arguments));
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<DeviceArray> results = program.run(std::move(arrays), evaluation_with(options.arguments));
  if (const cpu::Executable* machine_code = program.compiled()) {
    for (const cpu::StepReport& step : machine_code->steps()) spdlog::debug("{}", step.text);
    spdlog::info("compiled in {:.3f} s, ran in {:.4f} s, values on the way take {} on each device", compiled,
                 seconds_since(begin), human_bytes(machine_code->arena_bytes()));
  }
  spdlog::info("evaluated in {:.3f} s, peak memory {}", seconds_since(start), human_bytes(peak_memory()));
  return program.get_all(results);
}

void check_options(const RunOptions& options) {
  const std::string kind = std::filesystem::path(options.out).extension();
  if (!kind.empty() && kind != ".npz" && kind != ".safetensors") {
    throw Error::usage(fmt::format("--out: '{}' ends in neither .npz nor .safetensors", options.out));
  }
  if (options.check_nans && options.backend != "cpu") throw Error::usage("--check-nans needs --backend cpu");
  if (options.precision != "bf16") return;
  if (options.backend != "cpu") throw Error::usage("--precision bf16 needs --backend cpu");
  if (options.f64) throw Error::usage("--precision bf16 is of products of f32, of which --f64 leaves none");
}

int run(const RunOptions& options, const CLI::App& app) {
  check_options(options);
  const Program program = read_program(options.file);
  if (options.arguments.make_up_constants) make_up_constants(*program.module, options.arguments.seed);
  return with_lines(program, [&] {
    const std::unique_ptr<Module> wide = options.f64 ? widen_floats(*program.module) : nullptr;
    const Module& module = wide != nullptr ? *wide : *program.module;
    std::optional<ResultWriter> out;
    if (!options.out.empty()) out.emplace(options.out);
    if (options.backend == "cpu") check_constants(module, options.arguments);
    const Literal result = evaluated(module, make_arguments(*program.module, module, options.arguments, app), options);
    if (out) out->write(result);
    if (const int64_t non_finite = show(result); non_finite > 0) {
      spdlog::warn("{} elements of the results are not finite", with_separators(non_finite));
    }
    return 0;
  });
}

}  // namespace

Command add_run(CLI::App& root) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* app = add_subcommand(root, "run", "Evaluate a module with given or random arguments", kNotes);
  app->add_option("FILE", options->file, "HLO text; '-' is standard input")->required();
  add_argument_options(*app, options->arguments);
  app->add_option("--out", options->out,
                  "Write the results to a .npz or .safetensors file: 'result', or 'result.0', ...")
      ->type_name("RESULT.npz");
  app->add_option(
         "--backend", options->backend,
         "cpu: compiled loops and oneDNN (default); reference: the plain evaluator,\nwhich is what a program means")
      ->check(CLI::IsMember({"reference", "cpu"}));
  app->add_option("--precision", options->precision,
                  "In what products and convolutions of f32 multiply on the cpu backend: f32 (default),\nor bf16, "
                  "which is faster; both add up in f32")
      ->check(CLI::IsMember({"f32", "bf16"}));
  app->add_flag("--check-nans", options->check_nans,
                "Stop at the first instruction that makes a NaN, and name it (slower:\nevery instruction by itself)");
  app->add_flag("--f64", options->f64, "Evaluate all floats in double precision");
  add_sharding_options(*app, options->sharding);
  return {app, [app, options] {
            options->is_partitioned = asks_for_devices(*app);
            return run(*options, *app);
          }};
}

}  // namespace gshard
