#include "backend/cpu/executable.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "backend/cpu/crew.h"
#include "backend/cpu/prepare_convolutions.h"
#include "backend/cpu/prepare_dots.h"
#include "backend/cpu/prepare_one_hot.h"
#include "backend/cpu/repeat_views.h"
#include "backend/cpu/sink_into_loops.h"
#include "backend/cpu/split_sums.h"
#include "base/cores.h"
#include "base/memory_budget.h"
#include "ir/literal_leaves.h"

namespace gshard::cpu {

struct Executable::State {
  std::unique_ptr<Module> module;
  Jit jit;
  Program program;
  std::shared_ptr<Pool> pool;
  IdleCrews crews;
};

namespace {

void compile_kernels(Jit& jit, Program& program, Pool& pool) {
  struct Wanting {
    Step* step;
    size_t first;  // of its kernels
    size_t count;
  };
  std::vector<Wanting> wanting;
  std::vector<const Kernel*> kernels;
  for_each_step(program.steps, [&](const Step& step) {
    const std::vector<const Kernel*> of_step = step.kernels();
    if (of_step.empty()) return;
    wanting.push_back({const_cast<Step*>(&step), kernels.size(), of_step.size()});
    kernels.insert(kernels.end(), of_step.begin(), of_step.end());
  });
  const std::vector<KernelFunction> functions = jit.compile(kernels, pool);
  for (const Wanting& w : wanting) w.step->set_functions(std::span(functions).subspan(w.first, w.count));
}

void check_arguments(const Computation& entry, const std::vector<Literal>& arguments) {
  if (arguments.size() != entry.parameters().size()) {
    throw Error::program("the program has " + std::to_string(entry.parameters().size()) + " parameters, not " +
                         std::to_string(arguments.size()));
  }
  for (size_t p = 0; p < arguments.size(); ++p) {
    if (arguments[p].shape() == entry.parameter(p)->shape()) continue;
    throw Error::program("argument " + std::to_string(p) + " is " + arguments[p].shape().to_string() +
                         ", but parameter " + entry.parameter(p)->name() + " is " +
                         entry.parameter(p)->shape().to_string());
  }
}

Literal assemble(const Shape& shape, std::vector<Literal>& leaves, size_t& next) {
  if (!shape.is_tuple()) return std::move(leaves[next++]);
  std::vector<Literal> elements;
  for (const Shape& element : shape.elements()) elements.push_back(assemble(element, leaves, next));
  return Literal::tuple(std::move(elements));
}

StepReport report_of(const Step& step, const Costs& costs) {
  StepReport report{step.what(), step.describe()};
  report.has_steps = step.what() != nullptr && step.computes().empty();
  report.bytes = step.traffic(costs);
  for (const Instruction* x : step.computes()) {
    const double flops = costs.of(*x).flops;
    report.flops += flops;
    const bool is_product = x->op() == Op::dot || x->op() == Op::convolution;
    if (is_product && x->operand(0)->shape().type() == DType::bf16) report.bf16_flops += flops;
  }
  return report;
}

// The entries of the devices' timelines by the numbers of their steps, in order of time.
Trace trace_of(std::span<const Timeline> timelines, const Steps& steps) {
  std::unordered_map<const Step*, size_t> numbers;
  for_each_step(steps, [&](const Step& step) { numbers.emplace(&step, numbers.size()); });
  Trace trace;
  for (size_t device = 0; device < timelines.size(); ++device) {
    for (const Timeline::Entry& e : timelines[device].entries()) {
      trace.push_back({numbers.at(e.step), e.thread, e.begin, e.end, static_cast<int64_t>(device)});
    }
  }
  std::stable_sort(trace.begin(), trace.end(), [](const Slice& a, const Slice& b) { return a.begin < b.begin; });
  return trace;
}

MemoryPeak peak_of(const Program& program) {
  std::map<int64_t, int64_t> changes;  // of the bytes held, by time
  const auto is_held = [](const BufferInfo& b) { return b.kind == BufferInfo::Kind::arena && b.last_use >= 0; };
  for (const BufferInfo& b : program.buffers) {
    if (!is_held(b)) continue;
    changes[b.first_use] += b.bytes;
    changes[b.last_use + 1] -= b.bytes;
  }
  MemoryPeak peak;
  int64_t time = 0;
  int64_t held = 0;
  for (const auto& [at, change] : changes) {
    held += change;
    if (held <= peak.bytes) continue;
    peak.bytes = held;
    time = at;
  }
  for (const BufferInfo& b : program.buffers) {
    if (!is_held(b) || b.first_use > time || time > b.last_use || b.leaf.value == nullptr) continue;
    peak.values.push_back({b.leaf.value, b.leaf.shape(), b.bytes});
  }
  std::stable_sort(peak.values.begin(), peak.values.end(), [](auto& a, auto& b) { return a.bytes > b.bytes; });
  return peak;
}

// Sizes are counted in int64_t, where they saturate: kernels and offsets are made only of what stays far below.
void check_sizes(const Program& program) {
  constexpr int64_t kTooLarge = int64_t{1} << 62;
  for (const BufferInfo& b : program.buffers) {
    if (b.bytes < kTooLarge) continue;
    const Error error = evaluation_error(*b.leaf.value, b.leaf.shape().to_string() + " is too large to hold in memory");
    if (!error.position()) throw Error::memory(error.what());
    throw Error::memory(error.what()).at(*error.position());
  }
}

void check_room(const Program& program, int64_t limit) {
  const int64_t bytes = saturating_multiply(program.arena_bytes, program.grid.count());
  if (bytes <= limit) return;
  throw Error::memory(fmt::format("the values on the way take {} bytes on {} devices, of {} that may be used", bytes,
                                  program.grid.count(), limit));
}

}  // namespace

Executable::Executable(std::unique_ptr<State> state) : state_(std::move(state)) {}
Executable::~Executable() = default;

std::unique_ptr<Executable> Executable::compile(const Module& module, const CompileOptions& options) {
  auto state = std::make_unique<State>();
  state->module = module.clone();
  sink_into_loops(*state->module);
  replace_one_hot(*state->module);
  if (options.precision == MatmulPrecision::bf16) round_operands(*state->module);
  prepare_dots(*state->module);
  prepare_convolutions(*state->module);
  split_sums(*state->module);
  repeat_views(*state->module);
  state->program = lower(*state->module, options.grid, options.check_nans ? NanChecks::on : NanChecks::off);
  check_sizes(state->program);
  assign_offsets(state->program);
  state->pool = options.pool != nullptr ? options.pool : std::make_shared<Pool>(thread_count(options.threads));
  compile_kernels(state->jit, state->program, *state->pool);
  return std::unique_ptr<Executable>(new Executable(std::move(state)));
}

int64_t Executable::arena_bytes() const { return state_->program.arena_bytes; }

MemoryPeak Executable::peak() const { return peak_of(state_->program); }

std::vector<StepReport> Executable::steps() const {
  const Costs costs(*state_->module);
  std::vector<StepReport> reports;
  for_each_step(state_->program.steps, [&](const Step& step) { reports.push_back(report_of(step, costs)); });
  return reports;
}

const DeviceGrid& Executable::grid() const { return state_->program.grid; }
const std::vector<int>& Executable::donors() const { return state_->program.donors; }

void Executable::run_in(std::span<const DeviceMemory> devices, const EvaluateOptions& options, Trace* trace) const {
  GSHARD_CHECK(static_cast<int64_t>(devices.size()) == grid().count());
  std::unique_ptr<Crew> crew = state_->crews.take();
  if (crew == nullptr) {
    check_room(state_->program, options.memory_limit);
    crew = std::make_unique<Crew>(state_->program, *state_->pool);
  }
  // Copies of one count from the same time.
  std::vector<Timeline> timelines(trace != nullptr ? devices.size() : 0, Timeline());
  crew->run(devices, options, timelines);
  state_->crews.give_back(std::move(crew));
  if (trace != nullptr) *trace = trace_of(timelines, state_->program.steps);
}

Literal Executable::run(std::vector<Literal> arguments, const EvaluateOptions& options, Trace* trace) const {
  std::vector<std::vector<Literal>> of_devices;
  of_devices.push_back(std::move(arguments));
  return std::move(run_all(std::move(of_devices), options, trace)[0]);
}

std::vector<Literal> Executable::run_all(std::vector<std::vector<Literal>> arguments, const EvaluateOptions& options,
                                         Trace* trace) const {
  if (static_cast<int64_t>(arguments.size()) != grid().count()) {
    throw Error::program(
        fmt::format("arguments for {} devices, the program is for {}", arguments.size(), grid().count()));
  }
  const MemoryBudget::Scope scope(options.memory_limit);
  const Computation& entry = *state_->module->entry();
  std::vector<DeviceMemory> memory;
  std::vector<std::vector<Literal>> leaves(arguments.size());
  std::vector<std::vector<Literal>> results;
  for (size_t device = 0; device < arguments.size(); ++device) {
    check_arguments(entry, arguments[device]);
    for (Literal& argument : arguments[device]) add_leaves(std::move(argument), leaves[device]);
    results.push_back(make_results(entry.root()->shape(), leaves[device]));
    memory.push_back(memory_of(leaves[device], results[device]));
  }
  run_in(memory, options, trace);
  std::vector<Literal> wholes;
  for (std::vector<Literal>& each : results) {
    size_t next = 0;
    wholes.push_back(assemble(entry.root()->shape(), each, next));
  }
  return wholes;
}

// The leaves of the result: new ones, or those of the arguments that they are written into.
std::vector<Literal> Executable::make_results(const Shape& shape, std::vector<Literal>& arguments) const {
  std::vector<Literal> results;
  for (size_t r = 0; r < donors().size(); ++r) {
    const Shape& leaf = leaf_of(shape, r);
    if (donors()[r] >= 0) {
      results.push_back(std::move(arguments[static_cast<size_t>(donors()[r])]));
    } else {
      results.push_back(leaf.is_token() ? Literal(leaf) : Literal::uninitialized(leaf));
    }
  }
  return results;
}

DeviceMemory Executable::memory_of(const std::vector<Literal>& arguments, std::vector<Literal>& results) const {
  DeviceMemory memory;
  for (const Literal& argument : arguments) memory.arguments.push_back(const_cast<std::byte*>(argument.bytes()));
  for (size_t r = 0; r < results.size(); ++r) {
    memory.results.push_back(results[r].shape().is_token() ? nullptr : results[r].mutable_bytes());
    if (donors()[r] >= 0) memory.arguments[static_cast<size_t>(donors()[r])] = memory.results.back();
  }
  return memory;
}

}  // namespace gshard::cpu
