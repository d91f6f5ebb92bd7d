// Whole train steps on the CPU backend beside what they cannot do without: the time of their products as raw calls of
// oneDNN, and that of their memory traffic.
//
//   gshard_step_bench                     all models, in f32 and bf16
//   gshard_step_bench demo-bf16           one
//   gshard_step_bench --dots demo-bf16    its products by their sizes, with the clock's time of each
//   gshard_step_bench --write DIR demo    programs and arguments as files, for `gshard profile` and other engines
//   gshard_step_bench --write DIR --devices 8 d256-bf16     annotated for so many devices: batch and experts cut
//
// Memory traffic is that of weights and the optimiser's state, and of what is held when most is (what the way back
// needs of the way there), each read and written once. "cpu" is the processor time of a step over the number of cores,
// which other work on the machine changes less than the clock's, and is what stands over the sum; products are timed so
// too.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/cpu/executable.h"
#include "base/cores.h"
#include "runtime/array_archive.h"
#include "runtime/prepare.h"
#include "step/models.h"
#include "step/raw_dots.h"
#include "text/print.h"

namespace gshard::bench {
namespace {

struct Run {
  std::string name;
  StepModel model;
  DType type;
};

std::vector<Run> all_runs() {
  std::vector<Run> runs;
  for (const StepModel& model : step_models()) {
    for (const DType type : {DType::f32, DType::bf16}) {
      for (const StepModel& each : {dense_twin(model), model}) {
        runs.push_back({fmt::format("{}-{}", each.name, name_of(type)), each, type});
      }
    }
  }
  return runs;
}

ModelOptions options_of(const Run& run) {
  return {.numerics = run.type == DType::bf16 ? Numerics::mixed() : Numerics::single()};
}

double state_bytes(const ModelProgram& program) {
  double bytes = 0;
  for (const Parameter& parameter : program.parameters) {
    if (parameter.role != Role::input) bytes += static_cast<double>(parameter.shape.byte_size());
  }
  return bytes;
}

// ---- a compiled step and its memory ---------------------------------------------------------------------------------

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Times {
  double clock;
  double cores;  // processor time over the number of cores
};

class CompiledStep {
 public:
  CompiledStep(const ModelProgram& program, std::vector<Literal> arguments) : arguments_(std::move(arguments)) {
    const double start = now();
    program_ = cpu::Executable::compile(*prepare(*program.module));
    compile_seconds_ = now() - start;
    for (Literal& argument : arguments_) memory_.arguments.push_back(argument.mutable_bytes());
    const Shape& shape = program.module->entry()->root()->shape();
    for (size_t r = 0; r < program_->donors().size(); ++r) {
      const int donor = program_->donors()[r];
      if (donor < 0) results_.push_back(Literal::uninitialized(shape.element(r)));
      memory_.results.push_back(donor < 0 ? results_.back().mutable_bytes()
                                          : memory_.arguments[static_cast<size_t>(donor)]);
    }
  }

  const cpu::Executable& program() const { return *program_; }
  double compile_seconds() const { return compile_seconds_; }

  Times run(cpu::Trace* trace = nullptr) {
    const double start = now();
    const std::clock_t work = std::clock();
    program_->run_in({&memory_, 1}, {}, trace);
    const double used = static_cast<double>(std::clock() - work) / CLOCKS_PER_SEC;
    return {now() - start, used / usable_cores()};
  }

 private:
  std::vector<Literal> arguments_;
  std::vector<Literal> results_;
  cpu::DeviceMemory memory_;
  std::unique_ptr<cpu::Executable> program_;
  double compile_seconds_ = 0;
};

// The median of the clock and the least of the work.
Times typical(CompiledStep& step) {
  step.run();
  std::vector<double> clock;
  double cores = 1e9;
  for (int i = 0; i < 5; ++i) {
    const Times times = step.run();
    clock.push_back(times.clock);
    cores = std::min(cores, times.cores);
  }
  std::sort(clock.begin(), clock.end());
  return {clock[clock.size() / 2], cores};
}

struct Products {
  Product product;
  int64_t runs = 0;
  double seconds = 0;  // by the clock
  double raw = 0;      // of a raw call for each
};

// The products of a run, by their sizes.
std::vector<Products> products_of(CompiledStep& step, RawDots& raw) {
  const std::vector<cpu::StepReport> steps = step.program().steps();
  cpu::Trace trace;
  step.run(&trace);
  std::map<std::string, Products> found;
  for (const cpu::Slice& slice : trace) {
    const cpu::StepReport& report = steps[slice.step];
    if (slice.thread != 0 || !report.text.starts_with("matmul")) continue;
    const Product product = product_of(*report.what);
    Products& all = found.try_emplace(describe(product), Products{product}).first->second;
    ++all.runs;
    all.seconds += static_cast<double>(slice.end - slice.begin) * 1e-9;
    all.raw += raw.seconds_of(product);
  }
  std::vector<Products> products;
  for (const auto& [name, all] : found) products.push_back(all);
  std::sort(products.begin(), products.end(), [](auto& a, auto& b) { return a.raw > b.raw; });
  return products;
}

double seconds_of_dots(CompiledStep& step, RawDots& raw) {
  double seconds = 0;
  for (const Products& products : products_of(step, raw)) seconds += products.raw;
  return seconds;
}

void report_dots(const Run& run, RawDots& raw) {
  const ModelProgram program = step_program(run.model, options_of(run));
  CompiledStep step(program, step_arguments(run.model, program));
  step.run();
  for (const Products& p : products_of(step, raw)) {
    fmt::print("{:16} {:40} {:4} runs {:7.1f} ms {:7.1f} raw {:5.2f}\n", run.name, describe(p.product), p.runs,
               p.seconds * 1e3, p.raw * 1e3, p.raw / p.seconds);
  }
}

// Takes the time of a dense twin's step, 0 where there is none, and gives its own.
double report(const Run& run, double bytes_per_second, RawDots& raw, double twin) {
  const ModelProgram program = step_program(run.model, options_of(run));
  CompiledStep step(program, step_arguments(run.model, program));
  const Times times = typical(step);
  const double dots = seconds_of_dots(step, raw);
  const double state = state_bytes(program);
  const auto held = static_cast<double>(step.program().peak().bytes);
  const double memory = 2 * (state + held) / bytes_per_second;
  fmt::print("{:16} {:8.0f} {:8.0f} {:8.0f} {:8.0f} {:7.2f} {:7.0f} {:7.0f} {:7.0f}", run.name, times.clock * 1e3,
             times.cores * 1e3, dots * 1e3, memory * 1e3, times.cores / (dots + memory), state * 0x1p-20,
             held * 0x1p-20, static_cast<double>(step.program().arena_bytes()) * 0x1p-20);
  fmt::print(" {:9.0f} {:8.1f}", static_cast<double>(run.model.target_tokens()) / times.cores, step.compile_seconds());
  fmt::print("{}\n", twin > 0 ? fmt::format(" {:7.2f}", times.cores / twin) : "");
  std::fflush(stdout);
  return times.cores;
}

void write(const Run& run, const std::string& folder, int64_t devices) {
  ModelOptions options = options_of(run);
  if (devices > 1) options.layout = MeshLayout::experts(devices);
  const ModelProgram program = step_program(run.model, options);
  std::ofstream(fmt::format("{}/{}.hlo", folder, run.name)) << print(*program.module);
  const std::vector<Literal> arguments = step_arguments(run.model, program);
  std::vector<ArrayEntry> arrays;
  for (size_t i = 0; i < arguments.size(); ++i) arrays.push_back({fmt::format("arg{}", i), arguments[i].shape()});
  ArrayWriter(fmt::format("{}/{}.npz", folder, run.name)).write(arrays, [&](size_t i) { return arguments[i]; });
}

bool is_wanted(const Run& run, const std::vector<std::string>& prefixes) {
  return prefixes.empty() || std::any_of(prefixes.begin(), prefixes.end(),
                                         [&](const std::string& prefix) { return run.name.starts_with(prefix); });
}

int main_of(std::vector<std::string> arguments) {
  std::string folder;
  const bool shows_dots = !arguments.empty() && arguments[0] == "--dots";
  if (shows_dots) arguments.erase(arguments.begin());
  if (arguments.size() > 1 && arguments[0] == "--write") {
    folder = arguments[1];
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  int64_t devices = 1;
  if (arguments.size() > 1 && arguments[0] == "--devices") {
    devices = std::stoll(arguments[1]);
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  const double bytes_per_second = folder.empty() && !shows_dots ? copied_bytes_per_second() : 0;
  if (folder.empty() && !shows_dots) {
    fmt::print("copies: {:.1f} GB/s read and written\n", bytes_per_second * 1e-9);
    fmt::print("{:16} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7} {:>7} {:>7} {:>9} {:>8} {:>7}\n", "", "step ms", "cpu ms",
               "dots ms", "mem ms", "ratio", "state", "held", "arena", "tokens/s", "compile", "twin");
  }
  RawDots raw;
  std::map<std::string, double> dense;  // steps, by the name of what they are twins of
  for (const Run& run : all_runs()) {
    if (!is_wanted(run, arguments)) continue;
    if (!folder.empty()) {
      write(run, folder, devices);
      continue;
    }
    if (shows_dots) {
      report_dots(run, raw);
      continue;
    }
    std::string other = run.name;
    if (const size_t at = other.find("-dense"); at != std::string::npos) {
      dense[other.erase(at, 6)] = report(run, bytes_per_second, raw, 0);
    } else {
      report(run, bytes_per_second, raw, dense[run.name]);
    }
  }
  return 0;
}

}  // namespace
}  // namespace gshard::bench

int main(int argc, char** argv) {
  try {
    return gshard::bench::main_of(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const gshard::Error& error) {
    fmt::print(stderr, "{}\n", error.report());
    return error.exit_code();
  }
}
