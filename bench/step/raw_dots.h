// What products and copies take at least on all cores, in processor time.
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "ir/module.h"

namespace gshard::bench {

struct Product {
  DType type;
  int64_t batch = 1;
  int64_t rows = 1;
  int64_t columns = 1;
  int64_t sums = 1;
  auto key() const { return std::tuple(type, batch, rows, columns, sums); }
};

// "8 x [512,256] [256,1024] bf16".
std::string describe(const Product& product);

// The product that a dot is when its dimensions of each kind are one.
Product product_of(const Instruction& dot);

// Read and written per second by copies beyond all caches, on all cores at once.
double copied_bytes_per_second();

// What oneDNN alone takes.
class RawDots {
 public:
  // Of dense matrices; the whole work of all cores over their number, each with products of its own.
  double seconds_of(const Product& product);

 private:
  std::map<decltype(Product().key()), double> seconds_;
};

}  // namespace gshard::bench
