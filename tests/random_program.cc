#include "random_program.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>

#include "eval/elements.h"
#include "ops/table.h"

namespace gshard {
namespace {

constexpr DType kTypes[] = {DType::f32, DType::f32, DType::s32, DType::bf16, DType::pred, DType::f64,
                            DType::u8,  DType::f16, DType::s64, DType::u32,  DType::s8,   DType::c64};

class Dice {
 public:
  explicit Dice(uint64_t seed, int64_t largest_size = 4) : engine_(seed), largest_size_(largest_size) {}
  int64_t below(int64_t n) { return static_cast<int64_t>(engine_() % static_cast<uint64_t>(n)); }
  bool one_in(int64_t n) { return n > 0 && below(n) == 0; }
  template <class Range>
  decltype(auto) pick(Range& range) {
    return range[static_cast<size_t>(below(static_cast<int64_t>(std::size(range))))];
  }

  Dims dims() {
    Dims dims(static_cast<size_t>(below(4)));
    for (int64_t& size : dims) size = one_in(20) ? 0 : 1 + below(largest_size_);
    return dims;
  }

  Literal literal(const Shape& shape) {
    if (shape.is_tuple()) {
      std::vector<Literal> elements;
      for (const Shape& element : shape.elements()) elements.push_back(literal(element));
      return Literal::tuple(std::move(elements));
    }
    Literal numbers(shape.with_type(DType::f64));
    for (double& x : numbers.mutable_values<double>()) x = number();
    return convert_elements(numbers, shape.type());
  }

 private:
  double number() {
    static constexpr double kSpecial[] = {0.0, -0.0, std::numeric_limits<double>::infinity(),
                                          -std::numeric_limits<double>::infinity(),
                                          std::numeric_limits<double>::quiet_NaN()};
    if (one_in(12)) return pick(kSpecial);
    return static_cast<double>(below(33) - 16) / (one_in(2) ? 4.0 : 1.0);
  }

  std::mt19937_64 engine_;
  const int64_t largest_size_;
};

// Fills one computation with instructions.
class Generator {
 public:
  Generator(Module& module, Computation& computation, Dice& dice, const RandomProgramOptions& options, int nesting)
      : module_(module), computation_(computation), dice_(dice), options_(options), nesting_(nesting) {}

  void add_known(Instruction* value) { values_.push_back(value); }

  void fill(int count) {
    using Make = void (Generator::*)();
    static constexpr Make kMakers[] = {
        &Generator::unary,          &Generator::unary,   &Generator::binary,  &Generator::binary,
        &Generator::binary,         &Generator::compare, &Generator::select,  &Generator::convert,
        &Generator::constant,       &Generator::iota,    &Generator::reshape, &Generator::transpose,
        &Generator::broadcast,      &Generator::slice,   &Generator::pad,     &Generator::concatenate,
        &Generator::reverse,        &Generator::reduce,  &Generator::dot,     &Generator::dynamic_slice,
        &Generator::dynamic_update, &Generator::gather,  &Generator::tuple,   &Generator::repeat,
        &Generator::call,           &Generator::branch,  &Generator::loop};
    if (values_.empty()) constant();
    while (static_cast<int>(computation_.size()) < count) (this->*dice_.pick(kMakers))();
  }

  Instruction* tuple_of(const std::vector<Instruction*>& values) {
    std::vector<Shape> shapes;
    for (const Instruction* value : values) shapes.push_back(value->shape());
    return computation_.add(Op::tuple, Shape::tuple(std::move(shapes)), values);
  }

  // Any known value of the shape; the last element of the list that `known` was added with is always there.
  Instruction* of_shape(const Shape& shape) {
    std::vector<Instruction*> fitting;
    for (Instruction* value : values_) {
      if (value->shape() == shape) fitting.push_back(value);
    }
    return fitting.empty() ? nullptr : dice_.pick(fitting);
  }

  std::vector<Instruction*> some_values(int64_t count) {
    std::vector<Instruction*> some;
    for (int64_t i = 0; i < count; ++i) some.push_back(any());
    return some;
  }

 private:
  Instruction* any() { return dice_.pick(values_); }

  template <class Predicate>
  Instruction* any_that(Predicate holds) {
    for (int tries = 0; tries < 8; ++tries) {
      Instruction* value = any();
      if (holds(value->shape())) return value;
    }
    return nullptr;
  }

  Instruction* ranked() {
    return any_that([](const Shape& shape) { return shape.rank() > 0; });
  }

  // Adds an instruction whose type is inferred, with `declared` where its op asks for one.
  Instruction* add(Op op, const std::vector<Instruction*>& operands, Attributes attributes, Shape declared = Shape()) {
    Instruction* x = computation_.add(op, std::move(declared), operands, std::move(attributes));
    x->mutable_shape() = infer_shape(*x);
    if (dice_.one_in(options_.annotate_one_in)) x->mutable_notes().sharding = std::make_shared<const HloSharding>();
    values_.push_back(x);
    return x;
  }
  Instruction* add(Op op, const std::vector<Instruction*>& operands) {
    return add(op, operands, default_attributes(op));
  }

  Instruction* scalar(DType type, int64_t value) {
    Literal number = convert_elements(Literal::scalar<int64_t>(DType::s64, value), type);
    return computation_.add(Op::constant, Shape(type), {}, ConstantAttrs{std::move(number)});
  }

  void unary() {
    static constexpr Op kOps[] = {Op::negate,   Op::abs,  Op::not_,   Op::exponential, Op::tanh, Op::floor,
                                  Op::sign,     Op::sqrt, Op::cosine, Op::real,        Op::copy, Op::round_nearest_even,
                                  Op::is_finite};
    const Op op = dice_.pick(kOps);
    Instruction* x = any_that([&](const Shape& s) { return op == Op::copy || has(row_of(op).types, s.type()); });
    if (x != nullptr) add(op, {x});
  }

  void binary() {
    static constexpr Op kOps[] = {Op::add,
                                  Op::subtract,
                                  Op::multiply,
                                  Op::divide,
                                  Op::maximum,
                                  Op::minimum,
                                  Op::and_,
                                  Op::or_,
                                  Op::xor_,
                                  Op::remainder,
                                  Op::power,
                                  Op::shift_left,
                                  Op::shift_right_logical};
    const Op op = dice_.pick(kOps);
    Instruction* x = any_that([&](const Shape& s) {
      const bool unordered = op == Op::maximum || op == Op::minimum;
      return has(row_of(op).types, s.type()) && !(unordered && is_complex(s.type()));
    });
    if (x == nullptr) return;
    Instruction* y = dice_.one_in(3) ? neutral(x->shape()) : of_shape(x->shape());
    dice_.one_in(2) ? add(op, {x, y}) : add(op, {y, x});
  }

  // 0, 1, -1 or -0 everywhere: what the rules of algebra look for.
  Instruction* neutral(const Shape& shape) {
    Instruction* number = scalar(shape.type(), dice_.below(3) - 1);
    const bool is_number = has(row_of(Op::negate).types, shape.type());
    if (is_number && dice_.one_in(3)) number = computation_.add(Op::negate, number->shape(), {{number}});
    if (shape.is_scalar()) return number;
    return computation_.add(Op::broadcast, shape, {{number}}, DimensionsAttrs{});
  }

  void compare() {
    Instruction* x = any();
    const bool ordered = !is_complex(x->shape().type());
    CompareAttrs attributes{static_cast<Direction>(ordered ? dice_.below(6) : dice_.below(2)), {}};
    add(Op::compare, {x, of_shape(x->shape())}, attributes);
  }

  void select() {
    Instruction* x = any();
    Instruction* p = of_shape(x->shape().with_type(DType::pred));
    if (p == nullptr || dice_.one_in(3)) p = neutral(x->shape().with_type(DType::pred));
    add(Op::select, {p, x, of_shape(x->shape())});
  }

  void convert() {
    Instruction* x = any();
    const DType type = dice_.pick(kTypes);
    if (!is_complex(x->shape().type()) || is_complex(type))
      add(Op::convert, {x}, NoAttrs{}, x->shape().with_type(type));
  }

  void constant() {
    const Shape shape(dice_.pick(kTypes), dice_.one_in(2) ? Dims{} : dice_.dims());
    add(Op::constant, {}, ConstantAttrs{dice_.literal(shape)}, shape);
  }

  void iota() {
    const Shape shape(DType::s32, dice_.dims());
    if (shape.rank() > 0) add(Op::iota, {}, IotaAttrs{dice_.below(static_cast<int64_t>(shape.rank()))}, shape);
  }

  void reshape() {
    Instruction* x = any();
    Dims dims = x->shape().dims();
    if (dice_.one_in(3)) {
      dims = {x->shape().element_count()};
    } else if (dice_.one_in(2)) {
      dims.insert(dims.begin() + dice_.below(static_cast<int64_t>(dims.size()) + 1), 1);
    } else {
      const Dims order = permutation(dims.size());
      for (size_t i = 0; i < dims.size(); ++i) dims[i] = x->shape().dim(static_cast<size_t>(order[i]));
    }
    add(Op::reshape, {x}, NoAttrs{}, x->shape().with_dims(dims));
  }

  Dims permutation(size_t rank) {
    Dims order(rank);
    std::iota(order.begin(), order.end(), 0);
    for (size_t i = rank; i > 1; --i)
      std::swap(order[i - 1], order[static_cast<size_t>(dice_.below(static_cast<int64_t>(i)))]);
    return order;
  }

  void transpose() {
    Instruction* x = any();
    add(Op::transpose, {x}, DimensionsAttrs{permutation(x->shape().rank())});
  }

  // Keeps the dimensions in place or puts new ones before, after or between them.
  void broadcast() {
    Instruction* x = any();
    Dims dims, where;
    for (int64_t size : x->shape().dims()) {
      if (dice_.one_in(3) && dims.size() < 3) dims.push_back(1 + dice_.below(3));
      where.push_back(static_cast<int64_t>(dims.size()));
      dims.push_back(size);
    }
    if (dice_.one_in(2) && dims.size() < 4) dims.push_back(1 + dice_.below(3));
    add(Op::broadcast, {x}, DimensionsAttrs{where}, x->shape().with_dims(dims));
  }

  void slice() {
    Instruction* x = any();
    SliceRanges ranges;
    for (int64_t size : x->shape().dims()) {
      const int64_t start = dice_.one_in(2) ? 0 : dice_.below(size + 1);
      ranges.starts.push_back(start);
      ranges.limits.push_back(dice_.one_in(2) ? size : start + dice_.below(size - start + 1));
      ranges.strides.push_back(dice_.one_in(3) ? 2 : 1);
    }
    add(Op::slice, {x}, SliceAttrs{ranges});
  }

  void pad() {
    Instruction* x = ranked();
    if (x == nullptr) return;
    PadAttrs attributes;
    for (int64_t size : x->shape().dims()) {
      attributes.padding.dims.push_back({dice_.below(3) - (size > 1), dice_.below(2), dice_.one_in(3)});
    }
    add(Op::pad, {x, scalar(x->shape().type(), dice_.below(3))}, attributes);
  }

  void concatenate() {
    Instruction* x = ranked();
    if (x == nullptr) return;
    std::vector<Instruction*> operands;
    for (int64_t i = 0; i <= dice_.below(3); ++i) operands.push_back(of_shape(x->shape()));
    add(Op::concatenate, operands, DimensionsAttrs{{dice_.below(static_cast<int64_t>(x->shape().rank()))}});
  }

  void reverse() {
    Instruction* x = any();
    Dims dims = permutation(x->shape().rank());
    dims.resize(static_cast<size_t>(dice_.below(static_cast<int64_t>(dims.size()) + 1)));
    add(Op::reverse, {x}, DimensionsAttrs{dims});
  }

  void reduce() {
    static constexpr Op kOps[] = {Op::add, Op::multiply, Op::maximum, Op::minimum};
    Instruction* x = any_that([](const Shape& s) { return !is_complex(s.type()); });
    if (x == nullptr) return;
    const Op op = dice_.pick(kOps);
    Computation* reducer = module_.add_computation("reducer");
    std::vector<Instruction*> operands;
    for (int64_t i : {0, 1})
      operands.push_back(reducer->add(Op::parameter, Shape(x->shape().type()), {}, ParameterAttrs{i}));
    reducer->set_root(reducer->add(op, operands[0]->shape(), operands));
    Dims dims = permutation(x->shape().rank());
    dims.resize(static_cast<size_t>(dice_.below(static_cast<int64_t>(dims.size()) + 1)));
    std::sort(dims.begin(), dims.end());
    Instruction* start = scalar(x->shape().type(), dice_.below(2));
    Instruction* result = computation_.add(Op::reduce, Shape(), {{x, start}}, DimensionsAttrs{dims});
    result->mutable_callees() = {reducer};
    result->mutable_shape() = infer_shape(*result);
    values_.push_back(result);
  }

  void dot() {
    Instruction* x = ranked();
    Instruction* y = x == nullptr ? nullptr : any_that([&](const Shape& s) {
      return s.type() == x->shape().type() && s.rank() > 0 && s.dim(0) == x->shape().dims().back();
    });
    if (y == nullptr || x->shape().type() == DType::pred) return;
    DotAttrs attributes;
    attributes.lhs_contracting_dims = {static_cast<int64_t>(x->shape().rank()) - 1};
    attributes.rhs_contracting_dims = {0};
    add(Op::dot, {x, y}, attributes, Shape(x->shape().type()));
  }

  std::vector<Instruction*> with_indices(std::vector<Instruction*> operands, size_t rank) {
    for (size_t i = 0; i < rank; ++i) {
      Instruction* index = of_shape(Shape(DType::s32));
      operands.push_back(index != nullptr && dice_.one_in(2) ? index : scalar(DType::s32, dice_.below(5) - 1));
    }
    return operands;
  }

  void dynamic_slice() {
    Instruction* x = any();
    Dims sizes;
    for (int64_t size : x->shape().dims()) sizes.push_back(dice_.one_in(2) ? size : dice_.below(size + 1));
    add(Op::dynamic_slice, with_indices({x}, x->shape().rank()), DynamicSliceAttrs{sizes});
  }

  void dynamic_update() {
    Instruction* x = any();
    Instruction* update = any_that([&](const Shape& s) {
      bool fits = s.type() == x->shape().type() && s.rank() == x->shape().rank();
      for (size_t i = 0; fits && i < s.rank(); ++i) fits = s.dim(i) <= x->shape().dim(i);
      return fits;
    });
    if (update != nullptr) add(Op::dynamic_update_slice, with_indices({x, update}, x->shape().rank()));
  }

  // Rows of x, chosen by a vector of indices.
  void gather() {
    Instruction* x = ranked();
    Instruction* rows = any_that([](const Shape& s) { return s.type() == DType::s32 && s.rank() == 1; });
    if (x == nullptr || rows == nullptr || x->shape().dim(0) == 0) return;
    GatherAttrs attributes;
    attributes.collapsed_slice_dims = attributes.start_index_map = {0};
    attributes.index_vector_dim = 1;
    attributes.slice_sizes = x->shape().dims();
    attributes.slice_sizes[0] = 1;
    for (size_t i = 1; i < x->shape().rank(); ++i) attributes.offset_dims.push_back(static_cast<int64_t>(i));
    add(Op::gather, {x, rows}, attributes);
  }

  void elements_of(Instruction* tuple) {
    for (size_t i = 0; i < tuple->shape().tuple_size(); ++i) {
      if (!dice_.one_in(3)) add(Op::get_tuple_element, {tuple}, TupleIndexAttrs{static_cast<int64_t>(i)});
    }
  }

  void tuple() { elements_of(tuple_of(some_values(1 + dice_.below(3)))); }

  // The same instruction once more.
  void repeat() {
    const Instruction* x = any();
    if (x->op() == Op::parameter || !x->callees().empty()) return;
    add(x->op(), {x->operands().begin(), x->operands().end()}, x->attributes(), x->shape());
  }

  // A computation from a tuple of these shapes to one of the same shapes; the first element of a loop's state counts.
  Computation* body(std::string_view name, const Shape& state, bool counts) {
    Computation* computation = module_.add_computation(name);
    Generator inner(module_, *computation, dice_, options_, nesting_ - 1);
    Instruction* parameter = computation->add(Op::parameter, state, {}, ParameterAttrs{0});
    std::vector<Instruction*> results;
    for (size_t i = 0; i < state.tuple_size(); ++i) {
      results.push_back(computation->add(Op::get_tuple_element, state.element(i), {{parameter}},
                                         TupleIndexAttrs{static_cast<int64_t>(i)}));
      inner.add_known(results.back());
    }
    inner.fill(options_.instructions / 3);
    for (size_t i = counts ? 1 : 0; i < results.size(); ++i) results[i] = inner.of_shape(state.element(i));
    if (counts) results[0] = computation->add(Op::add, Shape(DType::s32), {{results[0], inner.scalar(DType::s32, 1)}});
    computation->set_root(inner.tuple_of(results));
    return computation;
  }

  void call() {
    if (nesting_ == 0) return;
    Instruction* operand = tuple_of(some_values(1 + dice_.below(3)));
    Computation* callee = body("callee", operand->shape(), false);
    Instruction* result = computation_.add(Op::call, operand->shape(), {{operand}}, CallAttrs{});
    result->mutable_callees() = {callee};
    elements_of(result);
  }

  void branch() {
    Instruction* p = of_shape(Shape(DType::pred));
    if (nesting_ == 0 || p == nullptr) return;
    Instruction* operand = tuple_of(some_values(1 + dice_.below(3)));
    Computation* branches[] = {body("then", operand->shape(), false), body("else", operand->shape(), false)};
    Instruction* result = computation_.add(Op::conditional, operand->shape(), {{p, operand, operand}});
    result->mutable_callees() = {branches[0], branches[1]};
    elements_of(result);
  }

  void loop() {
    if (nesting_ == 0) return;
    std::vector<Instruction*> start = {scalar(DType::s32, dice_.below(3))};
    for (Instruction* value : some_values(1 + dice_.below(4))) start.push_back(value);
    Instruction* operand = tuple_of(start);
    Computation* condition = module_.add_computation("condition");
    Instruction* state = condition->add(Op::parameter, operand->shape(), {}, ParameterAttrs{0});
    Instruction* count = condition->add(Op::get_tuple_element, Shape(DType::s32), {{state}}, TupleIndexAttrs{0});
    Literal bound = Literal::scalar<int32_t>(DType::s32, static_cast<int32_t>(dice_.below(5)));
    Instruction* limit = condition->add(Op::constant, Shape(DType::s32), {}, ConstantAttrs{std::move(bound)});
    condition->set_root(
        condition->add(Op::compare, Shape(DType::pred), {{count, limit}}, CompareAttrs{Direction::LT, {}}));
    Computation* step = body("step", operand->shape(), true);
    Instruction* result = computation_.add(Op::while_, operand->shape(), {{operand}});
    result->mutable_callees() = {condition, step};
    elements_of(result);
  }

  Module& module_;
  Computation& computation_;
  Dice& dice_;
  const RandomProgramOptions& options_;
  const int nesting_;
  std::vector<Instruction*> values_;  // arrays that later instructions may use
};

bool is_nan(DType type, const std::byte* element) {
  if (!is_floating(type)) return false;
  Literal one{Shape(type)};
  std::memcpy(one.mutable_bytes(), element, static_cast<size_t>(bytes_of(type)));
  return std::isnan(convert_elements(one, DType::f64).values<double>()[0]);
}

}  // namespace

std::unique_ptr<Module> random_program(const RandomProgramOptions& options) {
  Dice dice(options.seed, options.largest_size);
  auto module = std::make_unique<Module>("random_" + std::to_string(options.seed));
  Computation* entry = module->add_computation("main");
  module->set_entry(entry);
  Generator generator(*module, *entry, dice, options, options.nesting);
  for (int64_t i = 0; i < options.parameters; ++i) {
    generator.add_known(entry->add(Op::parameter, Shape(dice.pick(kTypes), dice.dims()), {}, ParameterAttrs{i}));
  }
  generator.fill(options.parameters + options.instructions);
  entry->set_root(generator.tuple_of(generator.some_values(8)));
  module->sort_and_prune_computations();
  return module;
}

std::vector<Literal> random_arguments(const Module& module, uint64_t seed) {
  Dice dice(seed);
  std::vector<Literal> arguments;
  for (const Instruction* parameter : module.entry()->parameters())
    arguments.push_back(dice.literal(parameter->shape()));
  return arguments;
}

bool same_values(const Literal& a, const Literal& b) {
  if (!(a.shape() == b.shape())) return false;
  if (a.shape().is_tuple()) {
    return std::equal(a.elements().begin(), a.elements().end(), b.elements().begin(), same_values);
  }
  if (a == b) return true;
  // A complex number is two numbers.
  const DType type = real_part_type(a.shape().type());
  const auto size = static_cast<size_t>(bytes_of(type));
  for (size_t at = 0; at < static_cast<size_t>(a.byte_size()); at += size) {
    const bool same = std::memcmp(a.bytes() + at, b.bytes() + at, size) == 0;
    if (!same && !(is_nan(type, a.bytes() + at) && is_nan(type, b.bytes() + at))) return false;
  }
  return true;
}

}  // namespace gshard
