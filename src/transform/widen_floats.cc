#include "transform/widen_floats.h"

#include <algorithm>

#include "eval/elements.h"
#include "transform/annotation.h"

namespace gshard {
namespace {

DType widened(DType type) {
  if (is_floating(type)) return DType::f64;
  return is_complex(type) ? DType::c128 : type;
}

Literal widened(const Literal& literal) {
  const Shape shape = gshard::widened(literal.shape());
  if (literal.is_elided()) return Literal::elided(shape);
  if (literal.shape().is_array()) return convert_elements(literal, shape.type());
  std::vector<Literal> elements;
  for (const Literal& element : literal.elements()) elements.push_back(widened(element));
  return Literal::tuple(std::move(elements));
}

// Custom-calls that pass on, move or order values of any type.
bool is_generic(const Instruction& custom_call) {
  const std::string& target = custom_call.attrs<CustomCallAttrs>().custom_call_target;
  static constexpr std::string_view kTargets[] = {"Sharding",     "SPMDFullToShardShape",     "SPMDShardToFullShape",
                                                  "TopK",         "LayoutConstraint",         "MoveToHost",
                                                  "MoveToDevice", "annotate_device_placement"};
  return target.starts_with("xla.sdy.") ||
         std::find(std::begin(kTargets), std::end(kTargets), target) != std::end(kTargets);
}

// Whether the op works on the bits of its declared types.
bool keeps_declared_types(const Instruction& x) {
  switch (x.op()) {
    case Op::bitcast_convert:
    case Op::stochastic_convert:
    case Op::rng:
    case Op::rng_bit_generator:
    case Op::infeed:
    case Op::outfeed:
      return true;
    case Op::bitcast:
      return x.shape().type() != x.operand(0)->shape().type();
    case Op::custom_call:
      return !is_generic(x);
    default:
      return false;
  }
}

bool only_rounds(const Instruction& x) {
  if (x.op() == Op::reduce_precision) return true;
  if (x.op() != Op::convert) return false;
  const DType from = x.operand(0)->shape().type();
  const DType to = x.shape().type();
  return (is_floating(from) && is_floating(to)) || (is_complex(from) && is_complex(to));
}

class Widener {
 public:
  // `declared` is the computation that `computation` is a copy of.
  Widener(const Computation& declared, Computation& computation)
      : declared_(declared), computation_(computation), now_(computation.size()) {}

  void run() {
    for (size_t i = 0; i < now_.size(); ++i) {
      Instruction& x = *computation_.at(i);
      for (Instruction*& operand : x.mutable_operands()) operand = now_[operand->index()];
      for (Instruction*& before : x.mutable_control_predecessors()) before = now_[before->index()];
      now_[i] = widen(x, *declared_.at(i));
    }
    computation_.set_root(now_[computation_.root()->index()]);
    computation_.remove_if([&](const Instruction& x) { return x.index() < now_.size() && is_dropped(x); });
    computation_.sort_topologically();
  }

 private:
  bool is_dropped(const Instruction& x) const { return only_rounds(*declared_.at(x.index())); }

  // What stands for x in the widened computation.
  Instruction* widen(Instruction& x, const Instruction& declared) {
    if (only_rounds(declared)) return passed_on(x);
    if (keeps_declared_types(declared)) {
      narrow_operands(x, declared);
      return converted(&x, gshard::widened(x.shape()));
    }
    x.mutable_shape() = gshard::widened(x.shape());
    widen_attributes(x);
    return &x;
  }

  Instruction* passed_on(Instruction& x) {
    Instruction* value = x.operand(0);
    if (!x.control_predecessors().empty()) {
      value = computation_.add(Op::copy, value->shape(), {{value}});
      value->mutable_control_predecessors() = x.control_predecessors();
    }
    const bool says_more = is_annotation_movable(x) && !same_annotation(x.notes(), value->notes());
    return says_more ? add_annotated(value, x) : value;
  }

  void narrow_operands(Instruction& x, const Instruction& declared) {
    for (size_t i = 0; i < x.operand_count(); ++i) {
      x.mutable_operands()[i] = converted(x.operand(i), declared.operand(i)->shape());
    }
  }

  // The value converted to the shape, tuples element by element.
  Instruction* converted(Instruction* value, const Shape& shape) {
    if (value->shape() == shape) return value;
    if (!shape.is_tuple()) return computation_.add(Op::convert, shape, {{value}});
    std::vector<Instruction*> elements;
    for (size_t i = 0; i < shape.tuple_size(); ++i) {
      Instruction* element = computation_.add(Op::get_tuple_element, value->shape().element(i), {{value}},
                                              TupleIndexAttrs{static_cast<int64_t>(i)});
      elements.push_back(converted(element, shape.element(i)));
    }
    return computation_.add(Op::tuple, shape, elements);
  }

  static void widen_attributes(Instruction& x) {
    if (x.op() == Op::constant) {
      x.set_attributes(ConstantAttrs{widened(x.attrs<ConstantAttrs>().value)});
    } else if (x.op() == Op::dot) {
      DotAttrs attributes = x.attrs<DotAttrs>();
      attributes.algorithm = {};  // names the types to multiply in
      x.set_attributes(std::move(attributes));
    } else if (x.op() == Op::custom_call) {
      CustomCallAttrs attributes = x.attrs<CustomCallAttrs>();
      attributes.operand_layout_constraints.reset();
      x.set_attributes(std::move(attributes));
    }
  }

  const Computation& declared_;
  Computation& computation_;
  std::vector<Instruction*> now_;  // what stands for each instruction
};

}  // namespace

Shape widened(const Shape& shape) {
  if (shape.is_tuple()) {
    std::vector<Shape> elements;
    for (const Shape& element : shape.elements()) elements.push_back(widened(element));
    return Shape::tuple(std::move(elements));
  }
  const DType type = widened(shape.type());
  if (type == shape.type()) return shape;
  Shape wide = shape.with_type(type);
  const auto& layout = shape.layout();
  if (layout != nullptr && !layout->suffix.empty()) {
    wide.set_layout(std::make_shared<const Layout>(Layout{layout->minor_to_major, ""}));
  }
  return wide;
}

std::unique_ptr<Module> widen_floats(const Module& module) {
  std::unique_ptr<Module> wide = module.clone();
  for (size_t i = 0; i < module.computations().size(); ++i) {
    Widener(*module.computations()[i], *wide->computations()[i]).run();
  }
  ModuleHeader& header = wide->mutable_header();
  if (header.entry_parameter_layouts) {
    for (Shape& shape : *header.entry_parameter_layouts) shape = widened(shape);
  }
  if (header.entry_result_layout) header.entry_result_layout = widened(*header.entry_result_layout);
  return wide;
}

}  // namespace gshard
