#include "runtime/npz.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "runtime/npy.h"
#include "runtime/results.h"

namespace gshard {
namespace {

constexpr size_t kNamesShown = 12;
constexpr std::string_view kExtension = ".npy";

// The arrays of a .npz archive, or of a single .npy file.
class Arrays {
 public:
  explicit Arrays(const std::string& path) : path_(path) {
    if (is_single_array(path)) {
      single_ = read_whole(path);
      names_.insert("arr_0");
      return;
    }
    archive_.emplace(path);
    for (const ZipMember& member : archive_->members()) {
      std::string name = member.name;
      if (name.ends_with(kExtension)) name.resize(name.size() - kExtension.size());
      names_.insert(name);
      members_[name] = &member;
    }
  }

  const std::set<std::string>& names() const { return names_; }
  NumpyArray read(const std::string& name) {
    return parse_npy(archive_ ? archive_->read(*members_.at(name)) : std::move(single_));
  }

 private:
  static bool is_single_array(const std::string& path) {
    const InputFile file(path);
    std::array<std::byte, 6> start{};
    if (file.size() < static_cast<int64_t>(start.size())) return false;
    file.read_at(0, start);
    return start[0] == std::byte{0x93} && start[1] == std::byte{'N'};
  }
  static std::vector<std::byte> read_whole(const std::string& path) {
    const InputFile file(path);
    std::vector<std::byte> bytes(static_cast<size_t>(file.size()));
    file.read_at(0, bytes);
    return bytes;
  }

  std::string path_;
  std::optional<ZipReader> archive_;
  std::vector<std::byte> single_;
  std::map<std::string, const ZipMember*> members_;
  std::set<std::string> names_;
};

class ArgumentReader {
 public:
  explicit ArgumentReader(const std::string& path) : path_(path), arrays_(path), unused_(arrays_.names()) {}

  // `fallback` stands in for a missing array; null where there is none.
  Literal read(const Instruction& parameter, const Literal* fallback) {
    const int64_t number = parameter.attrs<ParameterAttrs>().number;
    const std::vector<std::string> bases = {parameter.name(), fmt::format("arg{}", number), fmt::format("{}", number),
                                            fmt::format("arr_{}", number)};
    return read_part(parameter.shape(), bases, "", fallback);
  }
  std::vector<std::string> unused() const { return {unused_.begin(), unused_.end()}; }

 private:
  Literal read_part(const Shape& shape, const std::vector<std::string>& bases, const std::string& suffix,
                    const Literal* fallback) {
    if (shape.is_token()) return Literal(shape);
    if (shape.is_tuple()) {
      std::vector<Literal> parts;
      for (size_t i = 0; i < shape.tuple_size(); ++i) {
        parts.push_back(read_part(shape.element(i), bases, fmt::format("{}.{}", suffix, i),
                                  fallback != nullptr ? &fallback->elements()[i] : nullptr));
      }
      return Literal::tuple(std::move(parts));
    }
    for (const std::string& base : bases) {
      const std::string name = base + suffix;
      if (!arrays_.names().contains(name)) continue;
      unused_.erase(name);
      return read_array(name, bases[0] + suffix, shape.without_layout());
    }
    if (fallback != nullptr) return *fallback;
    throw missing(shape, bases, suffix);
  }

  Literal read_array(const std::string& name, const std::string& parameter, const Shape& shape) {
    try {
      return to_literal(arrays_.read(name), shape);
    } catch (const Error& error) {
      throw Error(error.kind(),
                  fmt::format("{}: array '{}' for parameter {}: {}", path_, name, parameter, error.what()));
    }
  }

  Error missing(const Shape& shape, const std::vector<std::string>& bases, const std::string& suffix) const {
    std::vector<std::string> held(arrays_.names().begin(), arrays_.names().end());
    if (held.size() > kNamesShown) {
      held.resize(kNamesShown);
      held.emplace_back("...");
    }
    if (held.empty()) held.emplace_back("none");
    return Error::program(fmt::format(
        "{}: no array for parameter {}{} of shape {}: none is called '{}', '{}', '{}' or '{}'; there are {}", path_,
        bases[0], suffix, shape.to_string(), bases[0] + suffix, bases[1] + suffix, bases[2] + suffix, bases[3] + suffix,
        fmt::join(held, ", ")));
  }

  std::string path_;
  Arrays arrays_;
  std::set<std::string> unused_;
};

void write_array(ZipWriter& archive, const std::string& name, const Literal& value) {
  const Literal array = to_numpy_type(value);
  const std::string header = npy_header(array.shape());
  const std::array<std::span<const std::byte>, 2> parts = {std::as_bytes(std::span(header)),
                                                           {array.bytes(), static_cast<size_t>(array.byte_size())}};
  archive.add(name + std::string(kExtension), parts);
}

}  // namespace

ReadArguments read_arguments(const std::string& path, const Module& module, std::vector<Literal> defaults) {
  ArgumentReader reader(path);
  ReadArguments arguments;
  for (const Instruction* parameter : module.entry()->parameters()) {
    const size_t number = arguments.values.size();
    arguments.values.push_back(reader.read(*parameter, defaults.empty() ? nullptr : &defaults[number]));
  }
  arguments.unused = reader.unused();
  return arguments;
}

std::map<std::string, Literal> read_arrays(const std::string& path, const std::map<std::string, Shape>& wanted) {
  Arrays arrays(path);
  std::map<std::string, Literal> read;
  for (const auto& [name, shape] : wanted) {
    if (!arrays.names().contains(name)) {
      throw Error::program(fmt::format("{}: no array '{}' of shape {}", path, name, shape.to_string()));
    }
    try {
      read.emplace(name, to_literal(arrays.read(name), shape));
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("{}: array '{}': {}", path, name, error.what()));
    }
  }
  return read;
}

void ArrayWriter::add(const std::string& name, const Literal& array) { write_array(archive_, name, array); }

void ResultWriter::write(const Literal& result) {
  for_each_leaf(result, [&](const std::string& name, const Literal& array) { write_array(archive_, name, array); });
  archive_.finish();
}

}  // namespace gshard
