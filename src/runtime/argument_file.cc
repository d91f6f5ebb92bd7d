#include "runtime/argument_file.h"

#include <fmt/format.h>

#include <memory>
#include <set>

#include "base/error.h"
#include "runtime/results.h"

namespace gshard {
namespace {

constexpr size_t kNamesShown = 12;
class ArgumentReader {
 public:
  explicit ArgumentReader(const std::string& path)
      : path_(path), archive_(ArrayArchive::open(path)), unused_(archive_->names()) {}

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
      if (!archive_->names().contains(name)) continue;
      unused_.erase(name);
      return read_array(name, bases[0] + suffix, shape.without_layout());
    }
    if (fallback != nullptr) return *fallback;
    throw missing(shape, bases, suffix);
  }

  Literal read_array(const std::string& name, const std::string& parameter, const Shape& shape) {
    try {
      return archive_->read(name, shape);
    } catch (const Error& error) {
      throw Error(error.kind(),
                  fmt::format("{}: array '{}' for parameter {}: {}", path_, name, parameter, error.what()));
    }
  }

  Error missing(const Shape& shape, const std::vector<std::string>& bases, const std::string& suffix) const {
    std::vector<std::string> held(archive_->names().begin(), archive_->names().end());
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
  std::unique_ptr<ArrayArchive> archive_;
  std::set<std::string> unused_;
};

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

void ResultWriter::write(const Literal& result) {
  std::vector<ArrayEntry> entries;
  std::vector<Literal> arrays;
  for_each_leaf(result, [&](const std::string& name, const Literal& array) {
    entries.push_back({name, array.shape()});
    arrays.push_back(array);
  });
  archive_.write(entries, [&](size_t i) { return arrays[i]; });
}

}  // namespace gshard
