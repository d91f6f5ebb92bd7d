// gshard bench: how fast a program runs on this machine, beside what the machine can do.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "runtime/peaks.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/timed.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "Compiles the program for the CPU at hand and runs it: once to warm up, then N times. The step\n"
    "time is the median. FLOPs are counted as 'gshard stats' does, loops as often as they ran; bytes\n"
    "are those of the arrays that each step reads and writes. Both stand beside what this machine was\n"
    "measured to do at most in the same minute: the products of large matrices, and copies beyond all\n"
    "caches. What stays in a cache may exceed the peak of memory. With --devices, --mesh or --annotate\n"
    "the program is partitioned, and its devices are threads that share the cores: what is counted is\n"
    "the work of all, values are those of each.\n"
    "\n"
    "Examples:\n"
    "  gshard bench model.hlo\n"
    "  gshard bench model.hlo --devices 8\n"
    "  gshard bench model.hlo --repeat 50 --json | jq .median_seconds";

struct Options : TimedOptions {
  bool json = false;
};

struct Figures {
  Work work;
  Peaks peaks;
  double seconds;  // of a step

  double flops_per_second() const { return work.flops / seconds; }
  double bytes_per_second() const { return work.bytes / seconds; }
  // Of the time, what the arithmetic would take at the measured peaks.
  double share_of_arithmetic() const {
    return ((work.flops - work.bf16_flops) / peaks.f32_operations + work.bf16_flops / peaks.bf16_operations) / seconds;
  }
  double share_of_memory() const { return bytes_per_second() / peaks.bytes; }
};

void show(const Timing& timing, const Figures& f) {
  const std::vector<std::pair<std::string, std::string>> lines = {
      {"step time", fmt::format("{}, median of {}, from {} to {}", human_seconds(f.seconds), timing.seconds.size(),
                                human_seconds(timing.seconds.front()), human_seconds(timing.seconds.back()))},
      {"compile time", human_seconds(timing.compile_seconds)},
      {"arithmetic", fmt::format("{}FLOP, {}FLOP/s, {:.1f}% of the peak", human_count(f.work.flops),
                                 human_count(f.flops_per_second()), 100 * f.share_of_arithmetic())},
      {"memory traffic", fmt::format("{}, {}/s, {:.1f}% of the peak", human_bytes(f.work.bytes),
                                     human_bytes(f.bytes_per_second()), 100 * f.share_of_memory())},
      {"machine's peaks", fmt::format("{}FLOP/s in f32, {}FLOP/s in bf16, {}/s", human_count(f.peaks.f32_operations),
                                      human_count(f.peaks.bf16_operations), human_bytes(f.peaks.bytes))},
      {"values", fmt::format("arguments {}, results {}, on the way {}", human_bytes(timing.argument_bytes),
                             human_bytes(timing.result_bytes), human_bytes(timing.program->arena_bytes()))},
      {"peak memory", human_bytes(timing.peak_bytes)},
  };
  std::string text;
  for (const auto& [name, value] : lines) text += fmt::format("{:<17}{}\n", name, value);
  put(text);
}

void show_json(const Timing& timing, const Figures& f) {
  const nlohmann::ordered_json json = {{"median_seconds", f.seconds},
                                       {"seconds", timing.seconds},
                                       {"compile_seconds", timing.compile_seconds},
                                       {"flops", f.work.flops},
                                       {"bf16_flops", f.work.bf16_flops},
                                       {"flops_per_second", f.flops_per_second()},
                                       {"share_of_arithmetic", f.share_of_arithmetic()},
                                       {"bytes", f.work.bytes},
                                       {"bytes_per_second", f.bytes_per_second()},
                                       {"share_of_memory", f.share_of_memory()},
                                       {"peak_f32_flops_per_second", f.peaks.f32_operations},
                                       {"peak_bf16_flops_per_second", f.peaks.bf16_operations},
                                       {"peak_bytes_per_second", f.peaks.bytes},
                                       {"argument_bytes", timing.argument_bytes},
                                       {"result_bytes", timing.result_bytes},
                                       {"arena_bytes", timing.program->arena_bytes()},
                                       {"peak_memory_bytes", timing.peak_bytes}};
  put(json.dump(2) + "\n");
}

int run(const Options& options, const CLI::App& app) {
  const Program program = read_program(options.file);
  return with_lines(program, [&] {
    const Timing timing = time_on_backend(program, options, app);
    const Figures figures{total_work(timing), measure_peaks(), timing.median()};
    options.json ? show_json(timing, figures) : show(timing, figures);
    return 0;
  });
}

}  // namespace

Command add_bench(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* app = add_subcommand(root, "bench", "Time a module on the CPU backend", kNotes);
  add_timed_options(*app, *options);
  app->add_flag("--json", options->json, "Write JSON");
  return {app, [app, options] { return run(*options, *app); }};
}

}  // namespace gshard
