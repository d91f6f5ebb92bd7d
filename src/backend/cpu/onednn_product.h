// A product by one call of oneDNN, planned once and called often.
#pragma once

#include <memory>

#include "backend/cpu/matmul.h"

namespace gshard::cpu {

class OneDnnProduct {
 public:
  explicit OneDnnProduct(const MatmulSpec& spec);
  ~OneDnnProduct();

  // On the calling thread alone. Several threads may run it at the same time.
  void run(const Matmul::Arrays& arrays) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gshard::cpu
