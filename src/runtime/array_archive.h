// Archives of named arrays: numpy's .npz and .npy, and safetensors, told by the end of the file's name.
//
//   const std::unique_ptr<ArrayArchive> archive = ArrayArchive::open("weights.safetensors");
//   Literal wi = archive->read("layer_0/ff/wi", Shape(DType::bf16, {8, 128}));
//
//   ArrayWriter out("weights.npz");                                         // found out now: whether it can be written
//   out.write({{"wi", wi.shape()}}, [&](size_t) { return wi; });
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ir/literal.h"
#include "runtime/output_file.h"
#include "runtime/safetensors.h"

namespace gshard {

class ArrayArchive {
 public:
  // Throws Error(program) for a file that cannot be read or is no archive. A single .npy array is called `arr_0`.
  static std::unique_ptr<ArrayArchive> open(const std::string& path);
  virtual ~ArrayArchive() = default;

  const std::set<std::string>& names() const { return names_; }
  // The array of one of these names, whose values must all be exact in the wanted shape. Throws Error(program) where
  // it is damaged or does not fit; the caller knows the path.
  virtual Literal read(const std::string& name, const Shape& wanted) const = 0;

 protected:
  std::set<std::string> names_;
};

// Calls take(name, value) for each of the arrays; others in the archive are passed over. Throws Error(program) before
// any is read where one is missing, and where one is damaged or does not fit, with the path and its name.
void read_arrays(const std::string& path, const std::vector<ArrayEntry>& arrays,
                 const std::function<void(const std::string&, Literal)>& take);

class ArrayWriter {
 public:
  // Throws Error(program) where the file cannot be created.
  explicit ArrayWriter(std::string path) : file_(std::move(path)) {}

  // Once. Asks for each array once, so that no more than one need be held; the file stands under its name only when
  // all are written. Of `metadata` only safetensors keep something. Throws Error(program) where writing fails, and for
  // types that the format cannot hold.
  void write(const std::vector<ArrayEntry>& arrays, const std::function<Literal(size_t)>& value,
             const std::map<std::string, std::string>& metadata = {});

 private:
  OutputFile file_;
};

}  // namespace gshard
