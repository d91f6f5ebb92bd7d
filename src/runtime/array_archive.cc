#include "runtime/array_archive.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "base/error.h"
#include "runtime/fit_literal.h"
#include "runtime/npy.h"
#include "runtime/zip.h"

namespace gshard {
namespace {

constexpr std::string_view kSafetensors = ".safetensors";
constexpr std::string_view kMember = ".npy";

std::vector<std::byte> read_whole(const InputFile& file) {
  std::vector<std::byte> bytes(static_cast<size_t>(file.size()));
  file.read_at(0, bytes);
  return bytes;
}

bool is_single_array(const InputFile& file) {
  std::array<std::byte, 2> start{};
  if (file.size() < static_cast<int64_t>(start.size())) return false;
  file.read_at(0, start);
  return start[0] == std::byte{0x93} && start[1] == std::byte{'N'};
}

class SingleArray : public ArrayArchive {
 public:
  explicit SingleArray(const InputFile& file) : bytes_(read_whole(file)) { names_.insert("arr_0"); }
  Literal read(const std::string&, const Shape& wanted) const override { return to_literal(parse_npy(bytes_), wanted); }

 private:
  std::vector<std::byte> bytes_;
};

class NumpyArchive : public ArrayArchive {
 public:
  explicit NumpyArchive(const std::string& path) : zip_(path) {
    for (const ZipMember& member : zip_.members()) {
      std::string name = member.name;
      if (name.ends_with(kMember)) name.resize(name.size() - kMember.size());
      names_.insert(name);
      members_[name] = &member;
    }
  }
  Literal read(const std::string& name, const Shape& wanted) const override {
    return to_literal(parse_npy(zip_.read(*members_.at(name))), wanted);
  }

 private:
  ZipReader zip_;
  std::map<std::string, const ZipMember*> members_;
};

class SafetensorsArchive : public ArrayArchive {
 public:
  explicit SafetensorsArchive(const std::string& path) : file_(path) {
    for (const auto& [name, array] : file_.arrays()) names_.insert(name);
  }
  Literal read(const std::string& name, const Shape& wanted) const override {
    const SafetensorsArray& array = file_.arrays().at(name);
    // Before its bytes are read, for it may be large.
    if (!(array.dims == wanted.dims())) {
      throw Error::program(fmt::format("it is {}, the parameter is {}", array.to_string(), wanted.to_string()));
    }
    return fit_literal(file_.read(name), wanted, array.to_string());
  }

 private:
  SafetensorsFile file_;
};

void write_member(ZipWriter& zip, const std::string& name, const Literal& value) {
  const Literal array = to_numpy_type(value);
  const std::string header = npy_header(array.shape());
  const std::array<std::span<const std::byte>, 2> parts = {std::as_bytes(std::span(header)),
                                                           {array.bytes(), static_cast<size_t>(array.byte_size())}};
  zip.add(name + std::string(kMember), parts);
}

}  // namespace

std::unique_ptr<ArrayArchive> ArrayArchive::open(const std::string& path) {
  if (path.ends_with(kSafetensors)) return std::make_unique<SafetensorsArchive>(path);
  const InputFile file(path);
  if (is_single_array(file)) return std::make_unique<SingleArray>(file);
  return std::make_unique<NumpyArchive>(path);
}

void read_arrays(const std::string& path, const std::vector<ArrayEntry>& arrays,
                 const std::function<void(const std::string&, Literal)>& take) {
  const std::unique_ptr<ArrayArchive> archive = ArrayArchive::open(path);
  for (const auto& [name, shape] : arrays) {
    if (!archive->names().contains(name)) {
      throw Error::program(fmt::format("{}: no array '{}' of shape {}", path, name, shape.to_string()));
    }
  }
  for (const auto& [name, shape] : arrays) {
    try {
      take(name, archive->read(name, shape));
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("{}: array '{}': {}", path, name, error.what()));
    }
  }
}

void ArrayWriter::write(const std::vector<ArrayEntry>& arrays, const std::function<Literal(size_t)>& value,
                        const std::map<std::string, std::string>& metadata) {
  if (file_.path().ends_with(kSafetensors)) {
    write_safetensors(file_, arrays, metadata, value);
    return file_.finish();
  }
  ZipWriter zip(std::move(file_));
  for (size_t i = 0; i < arrays.size(); ++i) write_member(zip, arrays[i].name, value(i));
  zip.finish();
}

}  // namespace gshard
