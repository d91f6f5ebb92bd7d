#include "eval/simulate.h"

#include <map>
#include <mutex>

#include "comm/device_threads.h"
#include "comm/rendezvous.h"
#include "eval/collectives.h"

namespace gshard {
namespace {

// What a device brings to a collective and takes from it.
struct Exchanged {
  std::span<const Literal> operands;
  Literal result;
};

// The collectives of a module, each with its channel.
class Collectives {
 public:
  Collectives(const Module& module, const DeviceGrid& grid, const EvaluateOptions& options)
      : grid_(grid), evaluator_(options), rendezvous_(grid.count(), channels_of(module)) {}

  Literal meet(const Instruction& instruction, int64_t device, std::span<const Literal> operands, const Shape& result) {
    const auto channel = numbers_.find(&instruction);
    if (channel == numbers_.end()) throw evaluation_error(instruction, "cannot be simulated on several devices");
    if (!rendezvous_.takes_part(channel->second, device)) return Literal(result);
    Exchanged mine{operands, {}};
    rendezvous_.start(channel->second, device, &mine).wait();
    return std::move(mine.result);
  }

  Rendezvous& rendezvous() { return rendezvous_; }

 private:
  std::vector<Rendezvous::Channel> channels_of(const Module& module) {
    std::vector<Rendezvous::Channel> channels;
    for (const auto& computation : module.computations()) {
      for (const auto& x : computation->instructions()) {
        if (!moves_between_devices(x->op())) continue;
        numbers_.emplace(x.get(), channels.size());
        channels.push_back({x->name(), groups_of(*x, grid_),
                            [this, &x = *x](auto members, auto brought) { finish(x, members, brought); }});
      }
    }
    return channels;
  }

  void finish(const Instruction& instruction, std::span<const int64_t> members, std::span<void* const> brought) {
    std::vector<std::vector<Literal>> operands;
    for (void* each : brought) {
      const auto& given = static_cast<Exchanged*>(each)->operands;
      operands.emplace_back(given.begin(), given.end());
    }
    const std::lock_guard lock(mutex_);
    std::vector<Literal> results = collect(instruction, grid_, members, operands, evaluator_);
    for (size_t m = 0; m < brought.size(); ++m) static_cast<Exchanged*>(brought[m])->result = std::move(results[m]);
  }

  const DeviceGrid grid_;
  std::mutex mutex_;
  Evaluator evaluator_;  // for reducers, under the lock
  std::map<const Instruction*, size_t> numbers_;
  Rendezvous rendezvous_;
};

class VirtualDevice : public Environment {
 public:
  VirtualDevice(Collectives& collectives, const DeviceGrid& grid, int64_t device, uint64_t seed)
      : Environment(seed), collectives_(collectives), grid_(grid), device_(device) {}
  int64_t partition_id() const override { return device_ % grid_.partitions; }
  int64_t replica_id() const override { return device_ / grid_.partitions; }
  Literal collective(const Instruction& instruction, const Shape& result, std::span<const Literal> operands) override {
    return collectives_.meet(instruction, device_, operands, result);
  }

 private:
  Collectives& collectives_;
  const DeviceGrid grid_;
  const int64_t device_;
};

}  // namespace

void check_virtual_devices(int64_t replicas, int64_t partitions) {
  const int64_t count = saturating_multiply(replicas, partitions);
  if (count <= kMaxVirtualDevices) return;
  throw Error::program("the program is for " + std::to_string(count) + " devices; at most " +
                       std::to_string(kMaxVirtualDevices) + " can be simulated");
}

std::vector<Literal> simulate(const Module& module, std::span<const std::vector<Literal>> arguments,
                              const EvaluateOptions& options, const DeviceObserver& observe) {
  const DeviceGrid grid = grid_of(module);
  check_virtual_devices(grid.replicas, grid.partitions);
  if (static_cast<int64_t>(arguments.size()) != grid.count()) {
    throw Error::program("simulate: arguments for " + std::to_string(arguments.size()) + " devices, the module has " +
                         std::to_string(grid.count()));
  }
  Collectives collectives(module, grid, options);
  std::vector<Literal> results(arguments.size());
  DeviceThreads(grid.count()).run([&](int64_t device) {
    const auto at = static_cast<size_t>(device);
    collectives.rendezvous().attend([&] {
      VirtualDevice environment(collectives, grid, device, options.seed);
      EvaluateOptions mine = options;
      mine.environment = &environment;
      if (observe) {
        mine.observe = [&observe, device](const Instruction& i, Literal& value) { observe(device, i, value); };
      }
      results[at] = evaluate(module, arguments[at], mine);
    });
  });
  collectives.rendezvous().rethrow();
  return results;
}

}  // namespace gshard
