#include "backend/cpu/one_hot.h"

#include <algorithm>

#include "eval/strided.h"
#include "ir/dims.h"

namespace gshard::cpu {
namespace {

// More terms, or longer expressions, are no routing of tokens.
constexpr size_t kMostTerms = 8;
constexpr int kMostVisits = 100;

// The dimension along which an array counts from 0; -1 for another array.
int64_t counts_along(const Instruction& x) {
  if (x.op() == Op::iota) return x.attrs<IotaAttrs>().iota_dimension;
  if (x.op() != Op::broadcast) return -1;
  const int64_t dim = counts_along(*x.operand(0));
  return dim < 0 ? -1 : x.attrs<DimensionsAttrs>().dimensions[static_cast<size_t>(dim)];
}

// Whether a type has a number for each place along a dimension: others begin again.
bool counts_on(const Shape& shape, int64_t dim) {
  const DType type = shape.type();
  if (!is_integer(type)) return false;
  const int bits = bits_of(type) - (is_signed_int(type) ? 1 : 0);
  return bits >= 63 || shape.dim(static_cast<size_t>(dim)) <= int64_t{1} << bits;
}

bool has_same_hot_dims(const OneHotTerm& a, const OneHotTerm& b) {
  return std::equal(a.hot.begin(), a.hot.end(), b.hot.begin(), b.hot.end(),
                    [](const auto& x, const auto& y) { return x.first == y.first; });
}

Factor renamed(Factor factor, const Dims& names) {
  for (int64_t& d : factor.dims) d = names[static_cast<size_t>(d)];
  return factor;
}

DType narrower(DType a, DType b) { return bits_of(a) < bits_of(b) ? a : b; }

// A term as a factor of a product in `type`: false where its weights were rounded to a narrower one before, for a term
// is rounded once, at the end.
bool multiply_in(DType type, OneHotTerm& term) {
  if (bits_of(term.type) >= bits_of(type) || term.weights.empty()) {
    term.type = type;
    return true;
  }
  return false;
}

class Finder {
 public:
  std::optional<OneHotSum> find(Instruction& x) {
    if (++visits_ > kMostVisits) return std::nullopt;
    switch (x.op()) {
      case Op::compare:
        return x.attrs<CompareAttrs>().direction == Direction::EQ ? of_equality(x) : of_sign(x);
      case Op::convert:
        return of_convert(x);
      case Op::multiply:
        return of_product(x);
      case Op::add:
        return of_sum(x);
      case Op::broadcast:
        return of_broadcast(x);
      default:
        return std::nullopt;
    }
  }

 private:
  static std::optional<OneHotSum> of_equality(const Instruction& x) {
    for (const size_t side : {0, 1}) {
      const int64_t dim = counts_along(*x.operand(side));
      if (dim < 0 || !counts_on(x.operand(side)->shape(), dim)) continue;
      Factor wanted = unbroadcast(*x.operand(1 - side));
      if (is_among(dim, wanted.dims)) continue;
      OneHotTerm term;
      term.hot.emplace(dim, std::move(wanted));
      return OneHotSum{std::move(term)};
    }
    return std::nullopt;
  }

  // sum > 0: each number by itself, but those at one place together.
  std::optional<OneHotSum> of_sign(const Instruction& x) {
    const auto& attrs = x.attrs<CompareAttrs>();
    if (attrs.direction != Direction::GT || !is_floating(x.operand(0)->shape().type()) || !is_zero(*x.operand(1))) {
      return std::nullopt;
    }
    const auto sum = find(*x.operand(0));
    if (!sum) return std::nullopt;
    const Dims& sizes = x.shape().dims();
    const Dims cool = cool_dims(sum->front(), sizes.size());
    const Dims strides = row_major_strides(hot_sizes(sum->front(), sizes));
    std::vector<Value> places;
    std::vector<Value> weights;
    for (const OneHotTerm& term : *sum) {
      places.push_back(place_over(term, cool, sizes, strides));
      weights.push_back(weight_over(term, cool, sizes));
    }
    OneHotSum signs;
    for (size_t i = 0; i < sum->size(); ++i) {
      Value total = weights[i];
      Value is_first;
      for (size_t j = 0; j < sum->size(); ++j) {
        if (j == i) continue;
        total = add(total, select(compare(places[i], places[j], Direction::EQ), weights[j], 0));
        if (j > i) continue;
        const Value is_other = compare(places[i], places[j], Direction::NE);
        is_first = is_first.instruction() == nullptr ? is_other : and_(is_first, is_other);
      }
      const Value is_positive = compare(total, 0, Direction::GT);
      const Value counts = is_first.instruction() == nullptr ? is_positive : and_(is_positive, is_first);
      signs.push_back({{{convert(counts, DType::f32).instruction(), cool}}, (*sum)[i].hot});
    }
    return signs;
  }

  std::optional<OneHotSum> of_convert(const Instruction& x) {
    const DType type = x.shape().type();
    if (type != DType::f32 && type != DType::bf16) return std::nullopt;
    auto sum = find(*x.operand(0));
    if (!sum) return std::nullopt;
    for (OneHotTerm& term : *sum) term.type = narrower(term.type, type);
    return sum;
  }

  std::optional<OneHotSum> of_product(const Instruction& x) {
    const DType type = x.shape().type();
    if (type != DType::f32 && type != DType::bf16) return std::nullopt;
    auto left = find(*x.operand(0));
    auto right = find(*x.operand(1));
    if (!left && !right) return std::nullopt;
    for (auto* sum : {&left, &right}) {
      if (*sum && !std::all_of((*sum)->begin(), (*sum)->end(), [&](OneHotTerm& t) { return multiply_in(type, t); })) {
        return std::nullopt;
      }
    }
    if (left && right) return product_of(*left, *right);
    const Factor factor = unbroadcast(*x.operand(left ? 1 : 0));
    OneHotSum& sum = left ? *left : *right;
    for (OneHotTerm& term : sum) {
      if (!is_none_hot(term, factor.dims)) return std::nullopt;
      term.weights.push_back(factor);
    }
    return std::move(sum);
  }

  static std::optional<OneHotSum> product_of(const OneHotSum& left, const OneHotSum& right) {
    OneHotSum products;
    for (const OneHotTerm& a : left) {
      for (const OneHotTerm& b : right) {
        OneHotTerm term = a;
        for (const auto& [dim, factor] : b.hot) {
          if (!term.hot.emplace(dim, factor).second) return std::nullopt;
        }
        term.weights.insert(term.weights.end(), b.weights.begin(), b.weights.end());
        if (!is_cool(term)) return std::nullopt;
        products.push_back(std::move(term));
      }
    }
    if (products.size() > kMostTerms) return std::nullopt;
    return products;
  }

  std::optional<OneHotSum> of_sum(const Instruction& x) {
    if (!is_floating(x.shape().type())) return std::nullopt;  // of preds it is "or"
    auto left = find(*x.operand(0));
    if (!left) return std::nullopt;
    auto right = find(*x.operand(1));
    if (!right || !has_same_hot_dims(left->front(), right->front())) return std::nullopt;
    left->insert(left->end(), right->begin(), right->end());
    if (left->size() > kMostTerms) return std::nullopt;
    return left;
  }

  std::optional<OneHotSum> of_broadcast(const Instruction& x) {
    auto sum = find(*x.operand(0));
    if (!sum) return std::nullopt;
    const Dims& names = x.attrs<DimensionsAttrs>().dimensions;
    for (OneHotTerm& term : *sum) {
      for (Factor& weight : term.weights) weight = renamed(std::move(weight), names);
      std::map<int64_t, Factor> hot;
      for (auto& [dim, factor] : term.hot) {
        hot.emplace(names[static_cast<size_t>(dim)], renamed(std::move(factor), names));
      }
      term.hot = std::move(hot);
    }
    return sum;
  }

  static Dims hot_sizes(const OneHotTerm& term, const Dims& sizes) {
    Dims hot;
    for (const auto& [dim, factor] : term.hot) hot.push_back(sizes[static_cast<size_t>(dim)]);
    return hot;
  }

  int visits_ = 0;
};

}  // namespace

std::optional<OneHotSum> one_hot_sum(Instruction& x) { return Finder().find(x); }

bool is_zero(const Instruction& x) {
  if (x.op() == Op::broadcast) return is_zero(*x.operand(0));
  if (x.op() != Op::constant || !x.shape().is_scalar()) return false;
  const Literal& value = x.attrs<ConstantAttrs>().value;
  return !value.is_elided() && value == Literal(x.shape());
}

Factor unbroadcast(Instruction& x) {
  if (x.op() != Op::broadcast) {
    Dims all;
    for (size_t d = 0; d < x.shape().rank(); ++d) all.push_back(static_cast<int64_t>(d));
    return {&x, all};
  }
  return renamed(unbroadcast(*x.operand(0)), x.attrs<DimensionsAttrs>().dimensions);
}

Value spread_over(const Factor& factor, const Dims& dims, const Dims& sizes) {
  Dims order;  // of the factor's dimensions, as they stand among `dims`
  Dims places;
  for (size_t place = 0; place < dims.size(); ++place) {
    const auto found = std::find(factor.dims.begin(), factor.dims.end(), dims[place]);
    if (found == factor.dims.end()) continue;
    order.push_back(found - factor.dims.begin());
    places.push_back(static_cast<int64_t>(place));
  }
  const Value ordered =
      std::is_sorted(order.begin(), order.end()) ? Value(factor.value) : transpose(factor.value, order);
  return places.size() == dims.size() ? ordered : broadcast(ordered, taken(sizes, dims), places);
}

Value weight_over(const OneHotTerm& term, const Dims& dims, const Dims& sizes) {
  if (term.weights.empty())
    return full(*term.hot.begin()->second.value->parent(), Shape(DType::f32, taken(sizes, dims)), 1);
  Value weight;
  for (const Factor& factor : term.weights) {
    const Value one = convert(spread_over(factor, dims, sizes), DType::f32);
    weight = weight.instruction() == nullptr ? one : multiply(weight, one);
  }
  return convert(convert(weight, narrower(term.type, DType::f32)), DType::f32);
}

Value place_over(const OneHotTerm& term, const Dims& dims, const Dims& sizes, const Dims& strides) {
  Value place;
  Value is_somewhere;
  size_t next = 0;
  for (const auto& [dim, factor] : term.hot) {
    const Value given = spread_over(factor, dims, sizes);
    const Value along = given.type() == DType::s32 ? given : convert(given, DType::s64);
    const Value is_inside =
        and_(compare(along, 0, Direction::GE), compare(along, sizes[static_cast<size_t>(dim)], Direction::LT));
    const Value scaled = multiply(convert(along, DType::s32), strides[next++]);
    place = place.instruction() == nullptr ? scaled : add(place, scaled);
    is_somewhere = is_somewhere.instruction() == nullptr ? is_inside : and_(is_somewhere, is_inside);
  }
  return select(is_somewhere, place, -1);
}

bool is_none_hot(const OneHotTerm& term, const Dims& dims) {
  return std::none_of(dims.begin(), dims.end(), [&](int64_t d) { return term.hot.contains(d); });
}

bool is_cool(const OneHotTerm& term) {
  return std::all_of(term.weights.begin(), term.weights.end(),
                     [&](const Factor& weight) { return is_none_hot(term, weight.dims); }) &&
         std::all_of(term.hot.begin(), term.hot.end(),
                     [&](const auto& hot) { return is_none_hot(term, hot.second.dims); });
}

Dims cool_dims(const OneHotTerm& term, size_t rank) {
  Dims cool;
  for (int64_t d = 0; d < static_cast<int64_t>(rank); ++d) {
    if (!term.hot.contains(d)) cool.push_back(d);
  }
  return cool;
}

}  // namespace gshard::cpu
