#include "runtime/replication.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>

#include "ops/rule.h"
#include "ops/table.h"
#include "shard/annotation_calls.h"
#include "shard/lineage.h"

namespace gshard {
namespace {

// So many annotations are tried in all, each at the price of partitioning the program again.
constexpr int kMostTried = 6;

bool is_full(const ReshardRecord& record) {
  return record.to.cut() == 0 && record.to.manual == 0 && record.from.cut() != 0;
}

// Tells gathers that the author's layout asks for: a value that an annotation cuts by axes along which the op's work is
// divided otherwise (weights that lie in parts between steps, and a batch that is cut by the same axes).
class AskedGathers {
 public:
  AskedGathers(const Module& prepared, const Partitioned& program, const PartitionOptions& options)
      : propagated_(propagate_shardings(prepared, options)) {
    for (const TracedValue& traced : program.trace) {
      divided_[traced.value] |= traced.sharding.cut() | traced.sharding.partial;
    }
  }

  bool contain(const ReshardRecord& record) const {
    const auto divided = divided_.find(record.cause);
    const DigitSet gathered = record.from.cut();
    if (divided == divided_.end() || (gathered & ~divided->second) != 0 || !record.value->shape().is_array()) {
      return false;
    }
    for (size_t digit = 0; digit < 64; ++digit) {
      if ((gathered >> digit & 1) != 0 && !is_annotated(*record.value, static_cast<Digit>(digit))) return false;
    }
    return true;
  }

 private:
  // Whether the value has that cut from the annotation of one that it is a form of.
  bool is_annotated(const Instruction& value, Digit digit) const {
    const std::vector<LineageStep> steps = lineage_of(propagated_, propagated_.values.class_of(value), digit);
    return !steps.empty() && std::all_of(steps.begin(), steps.end(), [](const LineageStep& step) {
      return step.through == nullptr || makes_another_form(*step.through);
    });
  }

  // Ops that give one array another type or shape, or take a part of it; and the ends of loops and calls.
  static bool makes_another_form(const Instruction& i) {
    if (!has_rule(i.op()) || is_sharding_call(i)) return true;
    const Traits traits = row_of(i.op()).traits;
    const auto is_scalar = [](const Instruction* operand) { return operand->shape().rank() == 0; };
    const auto& operands = i.operands();
    return (has(traits, Traits::pointwise) || has(traits, Traits::data_movement) || i.op() == Op::dynamic_slice) &&
           !operands.empty() && std::all_of(operands.begin() + 1, operands.end(), is_scalar);
  }

  const Propagated propagated_;
  std::unordered_map<const Instruction*, DigitSet> divided_;
};

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
  std::optional<AskedGathers> asked;
  for (const ReshardRecord& record : program.reshards) {
    if (!is_full(record) || record.shape.byte_size() < at_least) continue;
    if (!seen.insert({record.value, record.cause}).second) continue;
    if (!asked) asked.emplace(prepared, program, options);
    if (asked->contain(record)) continue;
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
