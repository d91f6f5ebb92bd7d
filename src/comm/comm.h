// Moving bytes between devices: what is moved, and the handle by which a device takes part.
//
//   // f32[4] of two devices added up: y = {11, 22, 33, 44} on both.
//   Collective sum{.kind = Collective::Kind::all_reduce, .name = "sum", .groups = {{0, 1}}};
//   sum.arrays = {{.inner = 4, .width = 4}};
//   sum.reduce = add_floats;
//   ThreadWorld world(2, {sum});
//   Event event = world.comm(0).start(0, {x0}, {y0});   // on the thread of device 0, likewise on that of device 1
//   event.wait();
//
// Devices of one process are threads (comm/thread_world.h). What a device may do between start() and wait() is anything
// but touch what it gave.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace gshard {

// One collective of a program, the same for all devices. A device that is in no group gets zeros.
struct Collective {
  enum class Kind : uint8_t {
    all_reduce,      // [inner] of all members combined, for each of them
    reduce_scatter,  // [outer, members, inner] combined; member m gets [outer, m, inner]
    all_gather,      // [outer, inner] of each as [outer, members, inner]
    all_to_all,      // [outer, members, inner]: part m of each goes to member m
    swap,            // array m of each goes to member m
    broadcast,       // [inner] of the first
    permute,         // [inner] of the device that `sources` says
  };
  // How an operand, and the result in its place, lies in memory.
  struct Array {
    int64_t outer = 1;
    int64_t inner = 0;  // elements of a part
    int64_t width = 1;  // bytes of an element
  };
  // Combines `count` elements of each input, in their order; `result` overlaps no input.
  using Reduce = std::function<void(std::span<const std::byte* const> inputs, int64_t count, std::byte* result)>;

  Kind kind = Kind::all_reduce;
  std::string name;                          // for messages
  std::vector<std::vector<int64_t>> groups;  // devices, each in one group at most; members count in this order
  std::vector<Array> arrays;                 // by operand
  std::vector<Reduce> reduce = {};           // by operand, of those that combine
  std::vector<int64_t> sources = {};         // of permute, by device: whose array it gets; -1 for zeros
};

// What becomes of something that was started. Copies stand for the same.
class Event {
 public:
  // Who knows when it is done.
  class Source {
   public:
    virtual void wait(const Event& event) = 0;

   protected:
    ~Source() = default;
  };

  Event() = default;  // done
  Event(Source& source, size_t what, int64_t device, int64_t round)
      : source_(&source), what_(what), device_(device), round_(round) {}

  // Returns when it is done. Throws PeerFailed where it cannot be done any more.
  void wait() const {
    if (source_ != nullptr) source_->wait(*this);
  }
  size_t what() const { return what_; }
  int64_t device() const { return device_; }
  int64_t round() const { return round_; }

 private:
  Source* source_ = nullptr;
  size_t what_ = 0;
  int64_t device_ = 0;
  int64_t round_ = 0;
};

// Stops a device because another one failed, whose error is the one to report.
struct PeerFailed {};

// One device's end of all collectives of a program.
class Comm {
 public:
  virtual ~Comm() = default;
  // Takes part in a collective by its number in the program: `send` are the operands, `recv` is where the results go.
  // Both are in the device's memory and stay untouched until the event is done. Of the reductions and broadcasts a
  // result may be where its operand is; otherwise nothing overlaps. A device starts a collective again when it has
  // waited for it. Throws PeerFailed.
  virtual Event start(size_t collective, std::span<const std::byte* const> send, std::span<std::byte* const> recv) = 0;
};

}  // namespace gshard
