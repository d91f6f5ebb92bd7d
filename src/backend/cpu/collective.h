// Collectives as steps of a program: what an instruction asks of the room comm, and when.
#pragma once

#include "backend/cpu/program.h"
#include "comm/comm.h"
#include "eval/collectives.h"

namespace gshard::cpu {

// What the devices of a grid do at an instruction that moves values between them. Throws Error(program) where its
// groups or pairs name devices that do not exist.
Collective collective_of(const Instruction& instruction, const DeviceGrid& grid);

// Starts a collective; waits for it too, or leaves that to a WaitStep.
class CollectiveStep : public Step {
 public:
  enum class End : uint8_t { waits, goes_on };
  CollectiveStep(const Instruction* what, size_t number, std::vector<Buffer> operands, std::vector<Buffer> results,
                 End end)
      : Step(what), number_(number), operands_(std::move(operands)), results_(std::move(results)), end_(end) {}
  void run(Frame& frame) const override;
  std::string describe() const override;

 private:
  size_t number_;  // among the collectives of the program
  std::vector<Buffer> operands_;
  std::vector<Buffer> results_;
  End end_;
};

class WaitStep : public Step {
 public:
  WaitStep(const Instruction* what, size_t number) : Step(what), number_(number) {}
  void run(Frame& frame) const override;
  std::string describe() const override;

 private:
  size_t number_;
};

// partition-id and replica-id.
class DeviceIdStep : public Step {
 public:
  DeviceIdStep(const Instruction* what, Buffer result) : Step(what), result_(result) {}
  void run(Frame& frame) const override;
  std::string describe() const override;

 private:
  Buffer result_;
};

}  // namespace gshard::cpu
