// Kernels written by hand with the machine's vector instructions: what compiled loops are measured against.
//
//   const HandKernels& hand = hand_kernels();   // the best that this machine runs: AVX-512, AVX2, or plain C++
//   hand.f32.softmax({x, nullptr, nullptr, nullptr, y}, {4096, 1024});
//
// Each is written once, over a type of vectors (hand_kernels.inc), and compiled once per instruction set. Rows are as
// long as a multiple of 16 elements, at most kMostColumns. They run on the calling thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gshard::bench {

inline constexpr int64_t kMostColumns = 1 << 14;

struct Matrix {
  int64_t rows;
  int64_t columns;
};

// Arrays by their roles; those that a kernel does not know are null. `scale`, `bias` and their gradients are f32, as
// are losses and their gradients; all others are of the kernel's element type.
struct Arrays {
  const void* x = nullptr;
  const void* dy = nullptr;         // the gradient of the result
  const float* scale = nullptr;     // [columns]
  const float* bias = nullptr;      // [columns]
  const int32_t* labels = nullptr;  // [rows]
  const float* dloss = nullptr;     // [rows]
  void* y = nullptr;
  float* dscale = nullptr;
  float* dbias = nullptr;
  float* loss = nullptr;  // [rows]
};
using Kernel = void (*)(const Arrays&, const Matrix&);

// Arithmetic is in f32 throughout. Gradients are computed from x, without anything kept from the forward pass.
struct KernelsOfType {
  Kernel softmax;                 // x -> y
  Kernel softmax_gradient;        // x, dy -> y, the gradient of x
  Kernel rms_norm;                // x, scale -> y
  Kernel rms_norm_gradient;       // x, scale, dy -> y, dscale
  Kernel layer_norm;              // x, scale, bias -> y
  Kernel layer_norm_gradient;     // x, scale, dy -> y, dscale, dbias
  Kernel cross_entropy;           // x, labels -> loss
  Kernel cross_entropy_gradient;  // x, labels, dloss -> y, the gradient of x
};

// Streams through `inputs` and `outputs` arrays of `bytes` each: every output is the exclusive or of all inputs, word
// by word. At most 4 and 4.
using Copy = void (*)(const void* const* inputs, int inputs_count, void* const* outputs, int outputs_count,
                      int64_t bytes);

struct HandKernels {
  const char* name;
  KernelsOfType f32;
  KernelsOfType bf16;
  Copy copy;
};

const HandKernels& hand_kernels();
const HandKernels* hand_kernels_avx512();  // null where it was not compiled or the machine does not run it
const HandKernels* hand_kernels_avx2();
const HandKernels* hand_kernels_plain();

}  // namespace gshard::bench
