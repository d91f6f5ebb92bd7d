// Handing values from the threads of virtual devices to one that reads them in an order of its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "ir/literal.h"

namespace gshard {

// One execution of a value that both sides know by a number.
struct Occurrence {
  size_t value = 0;
  int64_t run = 0;
  auto operator<=>(const Occurrence&) const = default;
};

// What a device gives, and in which of its forms the device has it.
struct Given {
  size_t form = 0;
  Literal value;
};

// Devices give, one reader takes. All functions may be called from any thread. Where more than kMostKept bytes wait to
// be taken the devices wait too, unless the reader itself waits for one of them.
class Relay {
 public:
  static constexpr int64_t kMostKept = int64_t{256} << 20;

  explicit Relay(size_t devices) : devices_(devices) {}

  void give(size_t device, const Occurrence& occurrence, Given given);
  // What all devices gave; empty where they end without having given it.
  std::vector<Given> take(const Occurrence& occurrence);
  // All devices have ended.
  void end();
  // Nothing is taken any more.
  void close();

 private:
  struct Kept {
    std::vector<Given> values;
    size_t given = 0;
  };

  const size_t devices_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Occurrence, Kept> kept_;
  int64_t bytes_ = 0;
  bool waiting_ = false;
  bool ended_ = false;
  bool closed_ = false;
};

}  // namespace gshard
