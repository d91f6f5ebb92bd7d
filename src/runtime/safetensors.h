// The safetensors format: named arrays in one file, behind a header that says all about them.
//
//   SafetensorsFile file("weights.safetensors");
//   Literal wi = file.read("layer_0/ff/wi");            // only then are its bytes read
//
//   write_safetensors(out, {{"wi", shape}}, {{"step", "100"}}, [&](size_t i) { return value(i); });
//
// A file is 8 bytes, the size of the header; the header, JSON: `{"wi": {"dtype": "F32", "shape": [8,128],
// "data_offsets": [0, 4096]}, "__metadata__": {"step": "100"}}`; and the elements, little-endian and row-major. Offsets
// count from behind the header.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ir/literal.h"
#include "runtime/file.h"
#include "runtime/output_file.h"

namespace gshard {

struct SafetensorsArray {
  std::string type_name;      // "BF16"
  std::optional<DType> type;  // none for what has no counterpart: F4, F6_E2M3, ...
  Dims dims;
  int64_t begin = 0;  // from behind the header
  int64_t end = 0;

  // "BF16[8,128]", for messages.
  std::string to_string() const;
};

// Reads the header at once and each array when asked. Throws Error(program) that names the file (and array) for
// anything that is not well-formed: memory follows what the file holds, not what it claims, arrays neither overlap nor
// leave gaps, no name stands twice.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path);

  const std::map<std::string, SafetensorsArray>& arrays() const { return arrays_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  // Throws Error(program) where the array's type has no counterpart. It must be one of arrays().
  Literal read(const std::string& name) const;

 private:
  void check_places() const;

  InputFile file_;
  int64_t data_ = 0;  // where the header ends
  std::map<std::string, SafetensorsArray> arrays_;
  std::map<std::string, std::string> metadata_;
};

// An array to be written.
struct ArrayEntry {
  std::string name;
  Shape shape;
};

// Writes a whole file but for finish(), asking for one array after another: widest elements first, so that all are
// aligned. Types that the format has not are written as the next that holds each value exactly: other f8 and f4 types
// as F32, integers narrower than a byte as I8 or U8. Throws Error(program) for c128, which nothing holds.
void write_safetensors(OutputFile& out, const std::vector<ArrayEntry>& arrays,
                       const std::map<std::string, std::string>& metadata, const std::function<Literal(size_t)>& value);

}  // namespace gshard
