// Convolutions by oneDNN, and the gradients of convolutions, which HLO writes as convolutions too:
//
//   window={size=3x3 stride=2x2 pad=1_1x1_1}, b01f_01io->b01f                  forward
//   window={size=3x3 pad=1_1x1_1 lhs_dilate=2x2}, b01f_01oi->b01f              of what went in: dilated by the stride
//   window={size=28x28 pad=1_1x1_1 rhs_dilate=2x2}, f01b_i01o->01bf            of the kernel: as large as the result
//
// oneDNN wants channels innermost: input and result have their features (forward) or what is called so there last.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ir/module.h"

namespace gshard::cpu {

enum class ConvolutionKind : uint8_t { forward, of_input, of_kernel };

// A convolution of images [n, sizes..., channels] in the terms of the forward one.
struct ConvolutionSpec {
  ConvolutionKind kind;
  DType type;         // of the two operands
  DType result_type;  // of what is written
  int64_t images;
  int64_t groups;
  int64_t input_channels;
  int64_t result_channels;
  Dims input;   // spatial sizes of what goes into the forward convolution
  Dims result;  // and of what comes out
  Dims kernel;
  Dims strides;
  Dims dilations;
  Dims pad_low;
  // In elements of the kernel's array: of a group, of a result channel in it, of an input channel in it, of each
  // spatial dimension.
  Dims kernel_strides;
};

// The order of the dimensions that oneDNN wants of this convolution, and whether its window must be reversed.
struct ConvolutionOrder {
  Dims input;
  Dims kernel;
  Dims result;
  bool is_reversed = false;
};
ConvolutionOrder wanted_order(const Instruction& convolution);

// The convolution as it is in memory; none where oneDNN has no fast form of it, or wants another order.
std::optional<ConvolutionSpec> convolution_of(const Instruction& convolution);

// Does one convolution; several may run at the same time.
class Convolution {
 public:
  explicit Convolution(const ConvolutionSpec& spec);
  ~Convolution();
  Convolution(Convolution&&) noexcept;

  std::string describe() const;
  // Bytes that the steps below need beside the arrays.
  int64_t workspace_bytes() const;
  // In this order: prepare, all parts (on any threads), finish. What the boundaries of parts are follows from the
  // sizes.
  struct Arrays {
    const std::byte* lhs;  // of the instruction
    const std::byte* rhs;
    std::byte* result;
    std::byte* workspace;
  };
  void prepare(const Arrays& arrays) const;
  int64_t parts() const;
  void run(const Arrays& arrays, int64_t part) const;
  void finish(const Arrays& arrays) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gshard::cpu
