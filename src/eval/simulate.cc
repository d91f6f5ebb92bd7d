#include "eval/simulate.h"

#include <condition_variable>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "eval/collectives.h"

namespace gshard {
namespace {

// What stops the devices whose peer failed; the failure itself is what is reported.
struct PeerFailed {};

// Where the devices meet. A meeting is one execution of one collective by one group; devices that are in no group of it
// get zeros at once.
class Exchange {
 public:
  Exchange(const DeviceGrid& grid, const EvaluateOptions& options)
      : grid_(grid), evaluator_(options), running_(grid.count()) {
    waiting_.resize(static_cast<size_t>(grid.count()), nullptr);
  }

  Literal meet(const Instruction& instruction, int64_t device, std::span<const Literal> operands, const Shape& result) {
    std::unique_lock lock(mutex_);
    const Place place = place_of(instruction, device);
    if (place.group == nullptr) return Literal(result);
    // How often this device has been here: members of one group meet at equal counts.
    const int64_t round = rounds_[{&instruction, device}]++;
    const Key key{&instruction, place.group->front(), round};
    Meeting& meeting = meetings_[key];
    meeting.operands.resize(place.group->size());
    meeting.operands[place.member] = {operands.begin(), operands.end()};
    if (++meeting.arrived == place.group->size()) {
      finish(instruction, *place.group, meeting);
    } else {
      wait(lock, instruction, device, meeting);
    }
    Literal mine = std::move(meeting.results[place.member]);
    if (++meeting.left == place.group->size()) meetings_.erase(key);
    return mine;
  }

  // A device has ended, well or not.
  void leave() {
    const std::lock_guard lock(mutex_);
    --running_;
    check_for_deadlock();
  }

  void fail(std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    record(std::move(error));
  }

  std::exception_ptr error() const { return error_; }

 private:
  struct Meeting {
    std::vector<std::vector<Literal>> operands;
    std::vector<Literal> results;
    size_t arrived = 0;
    size_t left = 0;
    bool done = false;
  };
  using Key = std::tuple<const Instruction*, int64_t, int64_t>;
  struct Place {
    const std::vector<int64_t>* group = nullptr;
    size_t member = 0;
  };

  Place place_of(const Instruction& instruction, int64_t device) {
    auto [entry, fresh] = groups_.try_emplace(&instruction);
    if (fresh) entry->second = groups_of(instruction, grid_);
    for (const auto& group : entry->second) {
      for (size_t m = 0; m < group.size(); ++m) {
        if (group[m] == device) return {&group, m};
      }
    }
    return {};
  }

  void finish(const Instruction& instruction, const std::vector<int64_t>& group, Meeting& meeting) {
    meeting.results = collect(instruction, grid_, group, meeting.operands, evaluator_);
    meeting.operands.clear();
    meeting.done = true;
    for (const int64_t member : group) {
      if (waiting_[static_cast<size_t>(member)] == &instruction) unblock(member);
    }
    changed_.notify_all();
  }

  void unblock(int64_t device) {
    waiting_[static_cast<size_t>(device)] = nullptr;
    --blocked_;
  }

  void wait(std::unique_lock<std::mutex>& lock, const Instruction& instruction, int64_t device,
            const Meeting& meeting) {
    waiting_[static_cast<size_t>(device)] = &instruction;
    ++blocked_;
    check_for_deadlock();
    changed_.wait(lock, [&] { return meeting.done || error_ != nullptr; });
    if (!meeting.done) throw PeerFailed{};
  }

  // Nobody runs, somebody waits: they wait for each other.
  void check_for_deadlock() {
    if (blocked_ == 0 || blocked_ < running_ || error_ != nullptr) return;
    std::string text = "the devices wait at different collectives:";
    const Instruction* seen = nullptr;
    for (size_t device = 0; device < waiting_.size(); ++device) {
      if (waiting_[device] == nullptr || waiting_[device] == seen) continue;
      if (seen != nullptr) text += ",";
      text += " device ";
      text += std::to_string(device);
      text += " at %";
      text += waiting_[device]->name();
      seen = waiting_[device];
    }
    if (running_ < grid_.count()) text += "; the other devices have ended";
    record(std::make_exception_ptr(Error::program(text)));
  }

  void record(std::exception_ptr error) {
    if (error_ == nullptr) error_ = std::move(error);
    changed_.notify_all();
  }

  const DeviceGrid grid_;
  Evaluator evaluator_;  // for reducers, under the lock
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Key, Meeting> meetings_;
  std::map<std::pair<const Instruction*, int64_t>, int64_t> rounds_;
  std::map<const Instruction*, std::vector<std::vector<int64_t>>> groups_;
  std::vector<const Instruction*> waiting_;  // by device
  int64_t running_;
  int64_t blocked_ = 0;
  std::exception_ptr error_;
};

class VirtualDevice : public Environment {
 public:
  VirtualDevice(Exchange& exchange, const DeviceGrid& grid, int64_t device, uint64_t seed)
      : Environment(seed), exchange_(exchange), grid_(grid), device_(device) {}
  int64_t partition_id() const override { return device_ % grid_.partitions; }
  int64_t replica_id() const override { return device_ / grid_.partitions; }
  Literal collective(const Instruction& instruction, const Shape& result, std::span<const Literal> operands) override {
    return exchange_.meet(instruction, device_, operands, result);
  }

 private:
  Exchange& exchange_;
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
  const DeviceGrid grid{module.header().replica_count, module.header().num_partitions};
  check_virtual_devices(grid.replicas, grid.partitions);
  if (static_cast<int64_t>(arguments.size()) != grid.count()) {
    throw Error::program("simulate: arguments for " + std::to_string(arguments.size()) + " devices, the module has " +
                         std::to_string(grid.count()));
  }
  Exchange exchange(grid, options);
  std::vector<Literal> results(arguments.size());
  const auto run = [&](size_t device) {
    try {
      VirtualDevice environment(exchange, grid, static_cast<int64_t>(device), options.seed);
      EvaluateOptions mine = options;
      mine.environment = &environment;
      if (observe) {
        mine.observe = [&observe, device](const Instruction& i, Literal& value) {
          observe(static_cast<int64_t>(device), i, value);
        };
      }
      results[device] = evaluate(module, arguments[device], mine);
    } catch (const PeerFailed&) {
    } catch (...) {
      exchange.fail(std::current_exception());
    }
    exchange.leave();
  };
  {
    std::vector<std::jthread> threads;
    for (size_t device = 0; device < arguments.size(); ++device) threads.emplace_back(run, device);
  }
  if (exchange.error() != nullptr) std::rethrow_exception(exchange.error());
  return results;
}

}  // namespace gshard
