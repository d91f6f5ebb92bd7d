#include "runtime/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <string_view>

#include "base/error.h"
#include "eval/elements.h"
#include "runtime/fit_literal.h"

namespace gshard {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kSizeBytes = 8;
constexpr int64_t kLargestHeader = 100'000'000;  // the format's own limit
constexpr size_t kAlignment = 8;
constexpr size_t kMostDimensions = 64;
constexpr int kDeepest = 3;  // {"wi": {"shape": [...]}}
constexpr const char* kMetadata = "__metadata__";

struct TypeName {
  DType type;
  const char* name;
};
// Those that are written; F8_E4M3FNUZ and F8_E5M2FNUZ, which few programs know, are only read.
constexpr TypeName kTypes[] = {{DType::pred, "BOOL"},        {DType::s8, "I8"},          {DType::u8, "U8"},
                               {DType::s16, "I16"},          {DType::u16, "U16"},        {DType::s32, "I32"},
                               {DType::u32, "U32"},          {DType::s64, "I64"},        {DType::u64, "U64"},
                               {DType::f8e4m3fn, "F8_E4M3"}, {DType::f8e5m2, "F8_E5M2"}, {DType::f8e8m0fnu, "F8_E8M0"},
                               {DType::bf16, "BF16"},        {DType::f16, "F16"},        {DType::f32, "F32"},
                               {DType::f64, "F64"},          {DType::c64, "C64"}};
constexpr TypeName kReadTypes[] = {{DType::f8e4m3fnuz, "F8_E4M3FNUZ"}, {DType::f8e5m2fnuz, "F8_E5M2FNUZ"}};

[[noreturn]] void fail(const std::string& what) { throw Error::program(what); }

std::optional<DType> type_of_name(std::string_view name) {
  const auto named = [&](const TypeName& row) { return row.name == name; };
  if (const auto* row = std::ranges::find_if(kTypes, named); row != std::end(kTypes)) return row->type;
  if (const auto* row = std::ranges::find_if(kReadTypes, named); row != std::end(kReadTypes)) return row->type;
  return std::nullopt;
}

const char* name_of_type(DType type) {
  const auto* row = std::ranges::find(kTypes, type, &TypeName::type);
  return row == std::end(kTypes) ? nullptr : row->name;
}

// ---- the header -------------------------------------------------------------------------------------------------

int64_t header_size(const InputFile& file) {
  if (file.size() < kSizeBytes) fail(fmt::format("it has {} bytes, too few for a safetensors file", file.size()));
  std::array<std::byte, kSizeBytes> bytes{};
  file.read_at(0, bytes);
  uint64_t size = 0;
  for (size_t i = bytes.size(); i-- > 0;) size = (size << 8) | std::to_integer<uint64_t>(bytes[i]);
  if (size > kLargestHeader) {
    fail(fmt::format("it claims a header of {} bytes, of {} at most: it is no safetensors file", size, kLargestHeader));
  }
  if (static_cast<int64_t>(size) > file.size() - kSizeBytes) {
    fail(fmt::format("it claims a header of {} bytes and has {} in all: it is cut off", size, file.size()));
  }
  return static_cast<int64_t>(size);
}

// The header's JSON, in which no name stands twice and nothing is nested more deeply than the format has it.
Json parse_header(const std::string& text) {
  std::set<std::string> names;
  const auto check = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > kDeepest) fail("its header is nested more deeply than the format has it");
    if (event == Json::parse_event_t::key && depth == 1 && !names.insert(value.get<std::string>()).second) {
      fail(fmt::format("its header has '{}' twice", value.get<std::string>()));
    }
    return true;
  };
  try {
    Json header = Json::parse(text, check);
    if (!header.is_object()) fail("its header is no JSON object");
    return header;
  } catch (const Json::exception& error) {
    fail(fmt::format("its header is no JSON: {}", error.what()));
  }
}

const Json& field_of(const Json& entry, const char* field) {
  const auto found = entry.find(field);
  if (found == entry.end()) fail(fmt::format("it has no '{}'", field));
  return *found;
}

int64_t size_of(const Json& number) {
  if (!number.is_number_unsigned() || number.get<uint64_t>() > uint64_t{INT64_MAX}) {
    fail(fmt::format("{} is no size", number.dump(-1, ' ', true)));
  }
  return number.get<int64_t>();
}

Dims sizes_of(const Json& entry, const char* field, size_t most) {
  const Json& list = field_of(entry, field);
  if (!list.is_array()) fail(fmt::format("its '{}' is no list of sizes", field));
  if (list.size() > most) fail(fmt::format("its '{}' has {} numbers, of {} at most", field, list.size(), most));
  Dims sizes;
  for (const Json& number : list) sizes.push_back(size_of(number));
  return sizes;
}

int64_t bytes_of_elements(DType type, const Dims& dims) {
  int64_t size = bytes_of(type);
  for (const int64_t dim : dims) size = dim == 0 || size == 0 ? 0 : saturating_multiply(size, dim);
  return size;
}

SafetensorsArray array_of(const Json& entry) {
  if (!entry.is_object()) fail("it is described by no JSON object");
  const Json& type = field_of(entry, "dtype");
  if (!type.is_string()) fail("its 'dtype' is no string");
  SafetensorsArray array{type.get<std::string>(), type_of_name(type.get<std::string>()),
                         sizes_of(entry, "shape", kMostDimensions)};
  const Dims offsets = sizes_of(entry, "data_offsets", 2);
  if (offsets.size() != 2 || offsets[0] > offsets[1]) fail("its 'data_offsets' are no begin and end");
  array.begin = offsets[0];
  array.end = offsets[1];
  if (!array.type) return array;
  const int64_t size = bytes_of_elements(*array.type, array.dims);
  if (size != array.end - array.begin) {
    fail(fmt::format("{} takes {} bytes, its 'data_offsets' are [{},{}]", array.to_string(), size, array.begin,
                     array.end));
  }
  return array;
}

std::map<std::string, std::string> metadata_of(const Json& entry) {
  std::map<std::string, std::string> metadata;
  if (!entry.is_object()) fail("it is no JSON object");
  for (const auto& [key, value] : entry.items()) {
    if (!value.is_string()) fail(fmt::format("'{}' is no string", key));
    metadata.emplace(key, value.get<std::string>());
  }
  return metadata;
}

// ---- writing ----------------------------------------------------------------------------------------------------

// What holds each value of a type, and has a name in the format; c128 itself, for which there is none.
DType written_type(DType type) {
  if (name_of_type(type) != nullptr) return type;
  if (is_floating(type)) return DType::f32;
  if (is_integer(type)) return is_signed_int(type) ? DType::s8 : DType::u8;
  return type;
}

// What is written in which order: by falling size of elements.
std::vector<size_t> aligned_order(const std::vector<ArrayEntry>& arrays) {
  std::vector<size_t> order(arrays.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater(),
                           [&](size_t i) { return bytes_of(written_type(arrays[i].shape.type())); });
  return order;
}

std::string header_text(const std::string& path, const std::vector<ArrayEntry>& arrays,
                        const std::map<std::string, std::string>& metadata, const std::vector<size_t>& order) {
  Json header = Json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  int64_t offset = 0;
  for (const size_t i : order) {
    const auto& [name, shape] = arrays[i];
    const DType type = written_type(shape.type());
    if (name_of_type(type) == nullptr) {
      fail(fmt::format("{}: safetensors have no type for '{}', {}; write a .npz", path, name, name_of(type)));
    }
    if (name == kMetadata || header.contains(name))
      fail(fmt::format("{}: no two arrays may be called '{}'", path, name));
    const int64_t end = offset + bytes_of_elements(type, shape.dims());
    const std::vector<int64_t> sizes(shape.dims().begin(), shape.dims().end());
    header[name] = {{"dtype", name_of_type(type)}, {"shape", sizes}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  return text;
}

}  // namespace

std::string SafetensorsArray::to_string() const {
  return fmt::format("{}[{}]", type_name, fmt::join(dims.begin(), dims.end(), ","));
}

SafetensorsFile::SafetensorsFile(const std::string& path) : file_(path) {
  std::string place = path;
  try {
    std::string text(static_cast<size_t>(header_size(file_)), '\0');
    file_.read_at(kSizeBytes, std::as_writable_bytes(std::span(text)));
    data_ = kSizeBytes + static_cast<int64_t>(text.size());
    const Json header = parse_header(text);
    for (const auto& [name, entry] : header.items()) {
      place = fmt::format("{}: '{}'", path, name);
      if (name == kMetadata) {
        metadata_ = metadata_of(entry);
      } else {
        arrays_.emplace(name, array_of(entry));
      }
    }
    place = path;
    check_places();
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", place, error.what()));
  }
}

void SafetensorsFile::check_places() const {
  std::vector<std::pair<const std::string*, const SafetensorsArray*>> ordered;
  for (const auto& [name, array] : arrays_) ordered.emplace_back(&name, &array);
  std::ranges::sort(ordered, {}, [](const auto& one) { return std::pair(one.second->begin, one.second->end); });
  int64_t at = 0;
  for (const auto& [name, array] : ordered) {
    if (array->begin != at) fail(fmt::format("'{}' begins at {}, where {} was due", *name, array->begin, at));
    at = array->end;
  }
  if (at != file_.size() - data_) {
    fail(fmt::format("its arrays take {} bytes, and {} follow its header", at, file_.size() - data_));
  }
}

Literal SafetensorsFile::read(const std::string& name) const {
  const SafetensorsArray& array = arrays_.at(name);
  if (!array.type) {
    throw Error::program(
        fmt::format("{}: '{}': {} is a type that nothing here has", file_.path(), name, array.to_string()));
  }
  Literal value = Literal::uninitialized(Shape(*array.type, array.dims));
  file_.read_at(data_ + array.begin, {value.mutable_bytes(), static_cast<size_t>(value.byte_size())});
  if (*array.type == DType::pred) make_truth_values(value);
  return value;
}

void write_safetensors(OutputFile& out, const std::vector<ArrayEntry>& arrays,
                       const std::map<std::string, std::string>& metadata,
                       const std::function<Literal(size_t)>& value) {
  const std::vector<size_t> order = aligned_order(arrays);
  const std::string text = header_text(out.path(), arrays, metadata, order);
  std::string size(kSizeBytes, '\0');
  for (size_t i = 0; i < size.size(); ++i) size[i] = static_cast<char>(text.size() >> (8 * i));
  out.write(size);
  out.write(text);
  for (const size_t i : order) {
    const Literal array = value(i);
    GSHARD_CHECK(array.shape() == arrays[i].shape, arrays[i].name);
    const Literal written = convert_elements(array, written_type(array.shape().type()));
    out.write(std::span(written.bytes(), static_cast<size_t>(written.byte_size())));
  }
}

}  // namespace gshard
