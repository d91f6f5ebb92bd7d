#include "runtime/replication.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "ops/rule.h"
#include "ops/table.h"

namespace gshard {
namespace {

// So many annotations are tried in all, each at the price of partitioning the program again.
constexpr int kMostTried = 6;

bool is_full(const ReshardRecord& record) {
  return record.to.cut() == 0 && record.to.manual == 0 && record.from.cut() != 0;
}

// The names of the axes that some digits are all of, joined by '+'; nullopt where they are a part of one.
std::optional<std::string> axes_text(const Digits& digits, const Mesh& mesh) {
  std::string text;
  for (size_t at = 0; at < digits.size();) {
    const auto axis = static_cast<size_t>(mesh.digits()[digits[at]].axis);
    const Digits whole = mesh.digits_of_axis(axis);
    if (digits.size() - at < whole.size() || !std::equal(whole.begin(), whole.end(), digits.begin() + at)) {
      return std::nullopt;
    }
    text += (text.empty() ? "" : "+") + mesh.axes()[axis].name;
    at += whole.size();
  }
  return text;
}

// Annotations that might help: the axes that cut the value on one other dimension of it, or of the op's result.
class Candidates {
 public:
  Candidates(const Replication& replication, const Mesh& mesh) : mesh_(mesh) {
    for (const Digits& digits : replication.from.dims) axes_.append({digits.data(), digits.size()});
    const auto text = axes_text(axes_, mesh);
    if (!text) return;
    add_all(*replication.value, replication.shape, *text);
    if (replication.cause != replication.value && replication.cause->shape().is_array()) {
      add_all(*replication.cause, replication.cause->shape(), *text);
    }
  }

  std::vector<OutsideAnnotation> take() && { return std::move(annotations_); }

 private:
  void add_all(const Instruction& instruction, const Shape& shape, const std::string& axes) {
    if (!instruction.shape().is_array()) return;
    for (size_t d = 0; d < shape.rank(); ++d) {
      if (shape.dim(d) < mesh_.size_of(axes_)) continue;
      std::vector<std::string> dims(shape.rank(), "_");
      dims[d] = axes;
      annotations_.push_back({instruction.name(), std::move(dims)});
    }
  }

  const Mesh& mesh_;
  Digits axes_;
  std::vector<OutsideAnnotation> annotations_;
};

std::string annotation_text(const OutsideAnnotation& annotation) {
  return fmt::format("{}={}", annotation.pattern, fmt::join(annotation.dims, ","));
}

// Whether an annotation lets the op do without the whole value, and without another one that is as large.
bool avoids(const OutsideAnnotation& annotation, const Module& prepared, PartitionOptions options,
            const Replication& replication) {
  options.annotations.insert(options.annotations.begin(), annotation);
  try {
    const Partitioned program = partition(prepared, options);
    return std::none_of(program.reshards.begin(), program.reshards.end(), [&](const ReshardRecord& record) {
      return is_full(record) && record.shape.byte_size() >= replication.shape.byte_size() &&
             (record.cause == replication.cause || record.value == replication.value);
    });
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::vector<Replication> replications_of(const Module& prepared, const Partitioned& program,
                                         const PartitionOptions& options, int64_t at_least) {
  std::vector<Replication> all;
  std::set<std::pair<const Instruction*, const Instruction*>> seen;
  for (const ReshardRecord& record : program.reshards) {
    if (!is_full(record) || record.shape.byte_size() < at_least) continue;
    if (!seen.insert({record.value, record.cause}).second) continue;
    all.push_back({record.value, record.cause, record.shape, record.from, ""});
  }
  std::stable_sort(all.begin(), all.end(), [](const Replication& a, const Replication& b) {
    return a.shape.byte_size() > b.shape.byte_size();
  });
  int tried = 0;
  for (Replication& replication : all) {
    for (const OutsideAnnotation& candidate : Candidates(replication, program.mesh).take()) {
      if (tried++ == kMostTried) return all;
      if (!avoids(candidate, prepared, options, replication)) continue;
      replication.annotation = annotation_text(candidate);
      break;
    }
  }
  return all;
}

std::string describe(const Replication& replication, const Mesh& mesh, const std::string& size) {
  const std::string source = model_source_of(*replication.cause);
  const std::string place = source.empty() ? "" : " (" + source + ")";
  const std::string advice =
      replication.annotation.empty() ? "" : fmt::format("; --annotate '{}' avoids it", replication.annotation);
  return fmt::format("%{} = {}{} needs all of %{} {} {} on every device, {}{}", replication.cause->name(),
                     keyword_of(replication.cause->op()), place, replication.value->name(),
                     replication.shape.to_string(), replication.from.to_string(mesh), size, advice);
}

}  // namespace gshard
