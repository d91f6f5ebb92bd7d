#include "ops/einsum.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "ops/build.h"
#include "ops/infer.h"

namespace gshard {
namespace {

struct Equation {
  std::vector<std::string> operands;
  std::string result;
};

// Everything that a message needs.
struct Context {
  std::string_view equation;
  const Here& here;

  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> text, Args&&... args) const {
    throw error_here(fmt::format("einsum \"{}\": ", equation) + fmt::format(text, std::forward<Args>(args)...), here);
  }
};

bool has_letter(const std::string& labels, char letter) { return labels.find(letter) != labels.npos; }

void check_labels(const std::string& labels, std::string_view where, const Context& context) {
  for (size_t k = 0; k < labels.size(); ++k) {
    const char letter = labels[k];
    if (std::isalpha(static_cast<unsigned char>(letter)) == 0) {
      context.fail("'{}' in {} is no letter", letter, where);
    }
    if (labels.find(letter, k + 1) != labels.npos) {
      context.fail("{} stands twice in {}; take a diagonal with select and iota first", letter, where);
    }
  }
}

Equation parse(size_t operand_count, const Context& context) {
  std::string text(context.equation);
  std::erase(text, ' ');
  const size_t arrow = text.find("->");
  if (arrow == text.npos) context.fail("has no \"->\" and result");
  Equation equation;
  equation.result = text.substr(arrow + 2);
  std::string inputs = text.substr(0, arrow) + ",";
  for (size_t comma = inputs.find(','); comma != inputs.npos; comma = inputs.find(',')) {
    equation.operands.push_back(inputs.substr(0, comma));
    inputs.erase(0, comma + 1);
  }
  if (equation.operands.size() != operand_count) {
    context.fail("names {} operands, got {}", equation.operands.size(), operand_count);
  }
  for (size_t k = 0; k < operand_count; ++k) check_labels(equation.operands[k], fmt::format("operand {}", k), context);
  check_labels(equation.result, "the result", context);
  return equation;
}

void check_operands(const Equation& equation, Values operands, const Context& context) {
  for (size_t k = 0; k < operands.size(); ++k) {
    if (operands[k].instruction() == nullptr || !operands[k].shape().is_array()) {
      context.fail("operand {} is no array", k);
    }
    if (operands[k].rank() != equation.operands[k].size()) {
      context.fail("operand {} is {}, {} names {} dimensions", k, operands[k].shape(), equation.operands[k],
                   equation.operands[k].size());
    }
  }
  for (const char letter : equation.result) {
    const auto known = [&](const std::string& labels) { return has_letter(labels, letter); };
    if (std::none_of(equation.operands.begin(), equation.operands.end(), known)) {
      context.fail("{} stands in the result and in no operand", letter);
    }
  }
  if (operands.size() != 2) return;
  for (size_t d = 0; d < operands[0].rank(); ++d) {
    const char letter = equation.operands[0][d];
    const size_t other = equation.operands[1].find(letter);
    if (other == std::string::npos || operands[0].dim(d) == operands[1].dim(other)) continue;
    context.fail("{} is {} in operand 0 and {} in operand 1", letter, operands[0].dim(d), operands[1].dim(other));
  }
}

// A value and the letters of its dimensions.
struct Labeled {
  Value value;
  std::string labels;
};

Dims positions_of(const std::string& letters, const std::string& labels) {
  Dims positions;
  for (const char letter : letters) positions.push_back(static_cast<int64_t>(labels.find(letter)));
  return positions;
}

// Sums over the letters that `kept` does not want.
Labeled sum_out(const Labeled& x, const std::string& kept, const Here& here) {
  std::string summed;
  std::string rest;
  for (const char letter : x.labels) (has_letter(kept, letter) ? rest : summed) += letter;
  if (summed.empty()) return x;
  return {reduce(x.value, positions_of(summed, x.labels), Reducer::add, here), rest};
}

Value in_order(const Labeled& x, const std::string& order, const Here& here) {
  return x.labels == order ? x.value : transpose(x.value, positions_of(order, x.labels), here);
}

// How a dot pairs the letters of two operands.
struct Pairing {
  std::string batch;
  std::string contracted;
  std::string labels;  // of its result
};

Pairing pair(const std::string& lhs, const std::string& rhs, const std::string& result) {
  Pairing pairing;
  for (const char letter : result) {
    if (has_letter(lhs, letter) && has_letter(rhs, letter)) pairing.batch += letter;
  }
  pairing.labels = pairing.batch;
  for (const char letter : lhs) {
    if (!has_letter(rhs, letter)) pairing.labels += letter;
    if (has_letter(rhs, letter) && !has_letter(result, letter)) pairing.contracted += letter;
  }
  for (const char letter : rhs) {
    if (!has_letter(lhs, letter)) pairing.labels += letter;
  }
  return pairing;
}

}  // namespace

Value einsum(std::string_view equation, Value a, Here here) {
  const Context context{equation, here};
  const Equation parsed = parse(1, context);
  check_operands(parsed, std::span(&a, 1), context);
  return in_order(sum_out({a, parsed.operands[0]}, parsed.result, here), parsed.result, here);
}

Value einsum(std::string_view equation, Value a, Value b, std::optional<DType> type, Here here) {
  const Context context{equation, here};
  const Equation parsed = parse(2, context);
  check_operands(parsed, std::array{a, b}, context);
  Labeled lhs = sum_out({a, parsed.operands[0]}, parsed.result + parsed.operands[1], here);
  Labeled rhs = sum_out({b, parsed.operands[1]}, parsed.result + parsed.operands[0], here);
  // The order of operands that needs no transpose, if one does.
  Pairing pairing = pair(lhs.labels, rhs.labels, parsed.result);
  if (Pairing swapped = pair(rhs.labels, lhs.labels, parsed.result);
      pairing.labels != parsed.result && swapped.labels == parsed.result) {
    std::swap(lhs, rhs);
    pairing = std::move(swapped);
  }
  DotAttrs attributes;
  attributes.lhs_batch_dims = positions_of(pairing.batch, lhs.labels);
  attributes.rhs_batch_dims = positions_of(pairing.batch, rhs.labels);
  attributes.lhs_contracting_dims = positions_of(pairing.contracted, lhs.labels);
  attributes.rhs_contracting_dims = positions_of(pairing.contracted, rhs.labels);
  return in_order({dot(lhs.value, rhs.value, attributes, type, here), pairing.labels}, parsed.result, here);
}

}  // namespace gshard
