#include "backend/cpu/crew.h"

#include <cstdlib>

#include "base/memory_budget.h"

namespace gshard::cpu {
namespace {

// One device of several, for what the evaluator runs.
class DeviceEnvironment : public Environment {
 public:
  DeviceEnvironment(uint64_t seed, const DeviceGrid& grid, int64_t device)
      : Environment(seed), grid_(grid), device_(device) {}
  int64_t partition_id() const override { return device_ % grid_.partitions; }
  int64_t replica_id() const override { return device_ / grid_.partitions; }
  Literal collective(const Instruction& instruction, const Shape& result, std::span<const Literal> operands) override {
    if (grid_.count() == 1) return Environment::collective(instruction, result, operands);
    throw evaluation_error(instruction, "cannot be run on several devices");
  }

 private:
  const DeviceGrid grid_;
  const int64_t device_;
};

void place(const std::vector<Buffer>& buffers, const std::vector<std::byte*>& memory, Frame& frame) {
  for (size_t leaf = 0; leaf < buffers.size(); ++leaf) {
    if (buffers[leaf] >= 0) frame.at[static_cast<size_t>(buffers[leaf])] = memory[leaf];
  }
}

}  // namespace

void Crew::FreeArena::operator()(std::byte* at) const { std::free(at); }

Crew::Arena Crew::make_arena(int64_t bytes) {
  constexpr size_t kPage = 4096;
  const size_t size = (static_cast<size_t>(bytes) + kPage - 1) / kPage * kPage;
  if (size == 0) return nullptr;
  Arena arena(static_cast<std::byte*>(std::aligned_alloc(kPage, size)));
  if (arena == nullptr) throw Error::memory("no room for the values of the program");
  return arena;
}

Crew::Crew(const Program& program, Pool& pool)
    : program_(program),
      world_(program.grid.count(), program.collectives,
             [&pool](int64_t parts, const auto& body) { pool.run(parts, body); }),
      threads_(program.grid.count()) {
  for (int64_t device = 0; device < program.grid.count(); ++device) {
    arenas_.push_back(make_arena(program.arena_bytes));
    frames_.push_back(make_frame(device, pool, arenas_.back().get()));
  }
}

Frame Crew::make_frame(int64_t device, Pool& pool, std::byte* arena) {
  Frame frame{std::vector<std::byte*>(program_.buffers.size()), nullptr, &pool};
  frame.comm = &world_.comm(device);
  frame.events.resize(program_.collectives.size());
  for (size_t b = 0; b < program_.buffers.size(); ++b) {
    const BufferInfo& info = program_.buffers[b];
    if (info.kind == BufferInfo::Kind::arena) frame.at[b] = arena + info.offset;
    if (info.kind == BufferInfo::Kind::constant) frame.at[b] = const_cast<std::byte*>(info.constant.bytes());
  }
  return frame;
}

void Crew::run(std::span<const DeviceMemory> memory, const EvaluateOptions& options, std::span<Timeline> timelines) {
  Rendezvous& rendezvous = world_.rendezvous();
  rendezvous.begin();
  threads_.run([&](int64_t device) {
    const auto at = static_cast<size_t>(device);
    frames_[at].timeline = timelines.empty() ? nullptr : &timelines[at];
    rendezvous.attend([&] { run_device(device, memory[at], options); });
  });
  rendezvous.rethrow();
}

void Crew::run_device(int64_t device, const DeviceMemory& memory, const EvaluateOptions& options) {
  const MemoryBudget::Scope scope(options.memory_limit);
  DeviceEnvironment environment(options.seed, program_.grid, device);
  EvaluateOptions mine = options;
  if (mine.environment == nullptr) mine.environment = &environment;
  Evaluator evaluator(mine);
  Frame& frame = frames_[static_cast<size_t>(device)];
  frame.evaluator = &evaluator;
  place(program_.arguments, memory.arguments, frame);
  place(program_.results, memory.results, frame);
  gshard::cpu::run(program_.steps, frame);
}

std::unique_ptr<Crew> IdleCrews::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return nullptr;
  std::unique_ptr<Crew> crew = std::move(idle_.back());
  idle_.pop_back();
  return crew;
}

void IdleCrews::give_back(std::unique_ptr<Crew> crew) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(crew));
}

}  // namespace gshard::cpu
