#include "runtime/timing.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <unordered_map>

#include "runtime/memory.h"
#include "runtime/place_in_model.h"

namespace gshard {
namespace {

constexpr uint64_t kLeastRuns = 5;
constexpr uint64_t kMostRuns = 1000;
constexpr double kSeconds = 1;  // that timed runs take, where nothing is said
constexpr int kTracedRuns = 3;  // of which the fastest is kept

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// A copy with bytes of its own.
Literal own(const Literal& value) {
  if (value.shape().is_tuple()) {
    std::vector<Literal> elements;
    for (const Literal& element : value.elements()) elements.push_back(own(element));
    return Literal::tuple(std::move(elements));
  }
  Literal copy = value;
  if (copy.shape().is_array() && copy.byte_size() > 0) copy.mutable_bytes();
  return copy;
}

class Runner {
 public:
  Runner(Timing& timing, const std::vector<std::vector<Literal>>& arguments, const EvaluateOptions& evaluation)
      : timing_(timing), arguments_(arguments), evaluation_(evaluation) {}

  // The seconds of one run. What it is given to overwrite is copied before.
  double run(cpu::Trace* trace = nullptr) const {
    std::vector<std::vector<Literal>> arguments = arguments_;
    for (auto& of_device : arguments) copy_donated(of_device);
    std::vector<Literal> results;
    const double seconds =
        seconds_of([&] { results = timing_.program->run_all(std::move(arguments), evaluation_, trace); });
    timing_.result_bytes = results[0].byte_size();
    return seconds;
  }

 private:
  void copy_donated(std::vector<Literal>& arguments) const {
    const std::vector<int>& donors = timing_.program->donors();
    int leaf = 0;
    for (Literal& argument : arguments) {
      const int last = leaf + static_cast<int>(argument.shape().is_tuple() ? argument.shape().leaf_count() : 1);
      const bool is_donated =
          std::any_of(donors.begin(), donors.end(), [&](int donor) { return leaf <= donor && donor < last; });
      if (is_donated) argument = own(argument);
      leaf = last;
    }
  }

  Timing& timing_;
  const std::vector<std::vector<Literal>>& arguments_;
  const EvaluateOptions& evaluation_;
};

void add(Work& work, const cpu::StepReport& step, double seconds) {
  ++work.runs;
  work.seconds += seconds;
  work.flops += step.flops;
  work.bf16_flops += step.bf16_flops;
  work.bytes += step.bytes;
}

}  // namespace

double Timing::median() const { return seconds[seconds.size() / 2]; }

Timing time_program(const std::function<std::unique_ptr<cpu::Executable>()>& compile,
                    const std::vector<std::vector<Literal>>& arguments, const TimingOptions& options) {
  Timing timing;
  timing.compile_seconds = seconds_of([&] { timing.program = compile(); });
  timing.steps = timing.program->steps();
  for (const Literal& argument : arguments[0]) timing.argument_bytes += argument.byte_size();
  const Runner runner(timing, arguments, options.evaluation);
  const double first = runner.run();
  uint64_t repeat = options.repeat;
  if (repeat == 0) repeat = std::clamp(static_cast<uint64_t>(kSeconds / std::max(first, 1e-6)), kLeastRuns, kMostRuns);
  for (uint64_t i = 0; i < repeat; ++i) timing.seconds.push_back(runner.run());
  timing.peak_bytes = peak_memory();
  std::sort(timing.seconds.begin(), timing.seconds.end());
  double fastest = 0;
  for (int i = 0; i < kTracedRuns; ++i) {
    cpu::Trace trace;
    const double seconds = runner.run(&trace);
    if (i > 0 && seconds >= fastest) continue;
    fastest = seconds;
    timing.trace = std::move(trace);
  }
  return timing;
}

std::vector<Work> work_by(const Timing& timing, const std::function<std::string(const cpu::StepReport&)>& name) {
  std::vector<Work> works;
  std::unordered_map<std::string, size_t> numbers;
  for (const cpu::Slice& slice : timing.trace) {
    const cpu::StepReport& step = timing.steps[slice.step];
    if (slice.thread != 0 || step.has_steps) continue;
    const auto [found, is_new] = numbers.emplace(name(step), works.size());
    if (is_new) works.push_back({found->first});
    add(works[found->second], step, static_cast<double>(slice.end - slice.begin) * 1e-9);
  }
  std::stable_sort(works.begin(), works.end(), [](const Work& a, const Work& b) { return a.seconds > b.seconds; });
  return works;
}

Work total_work(const Timing& timing) {
  const std::vector<Work> works = work_by(timing, [](const cpu::StepReport&) { return "total"; });
  return works.empty() ? Work{"total"} : works[0];
}

std::string operation_of(const cpu::StepReport& step) {
  if (step.what == nullptr) return "copy";
  const std::string_view keyword = keyword_of(step.what->op());
  return fmt::format("{}{}", step.text.starts_with("kernel") ? "kernel " : "", keyword);
}

std::string place_of(const cpu::StepReport& step) { return step.what == nullptr ? "" : place_in_model(*step.what); }

}  // namespace gshard
