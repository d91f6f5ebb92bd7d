// One operation and its result.
//
//   %sum.1 = f32[8]{0} add(%a, %b), metadata={op_name="loss/add" stack_frame_id=4}
//
// is an Instruction with op() == Op::add, shape() f32[8], name "sum.1", two operands, and a metadata note.
// An instruction belongs to one Computation; pointers to it stay valid until it is removed from there.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/small_vector.h"
#include "ir/attributes.h"
#include "ir/hlo_sharding.h"
#include "ir/op.h"
#include "ir/shape.h"

namespace gshard {

class Computation;
class Instruction;

// Where in the user's model an instruction comes from: metadata={...} of the text.
struct Metadata {
  std::string op_type;
  std::string op_name;
  std::string source_file;
  int64_t source_line = 0;
  int64_t source_end_line = 0;
  int64_t source_column = 0;
  int64_t source_end_column = 0;
  int64_t stack_frame_id = 0;  // 1-based index into the module's stack frames; 0 for none
  std::string deduplicated_name;
  std::string scheduling_name;
  std::string rest;  // other fields, as written, separated by spaces
  bool operator==(const Metadata&) const = default;
};

using FrontendAttributes = std::vector<std::pair<std::string, std::string>>;

// What an instruction carries beside its meaning. All parts may be null or empty, and are shared between copies.
struct Notes {
  std::shared_ptr<const HloSharding> sharding;
  std::shared_ptr<const FrontendAttributes> frontend_attributes;
  std::shared_ptr<const Metadata> metadata;
  std::shared_ptr<const std::string> backend_config;  // as written: a quoted string with its quotes, or {...}
  std::shared_ptr<const std::string> statistics;      // {...} as written
  std::shared_ptr<const std::string> origin;          // {...} as written
};

class Instruction {
 public:
  using Operands = SmallVector<Instruction*, 2>;
  using Callees = SmallVector<Computation*, 2>;

  Instruction(Op op, Shape shape, std::string name) : op_(op), shape_(std::move(shape)), name_(std::move(name)) {}
  Instruction(const Instruction&) = delete;
  Instruction& operator=(const Instruction&) = delete;

  Op op() const { return op_; }
  const Shape& shape() const { return shape_; }
  Shape& mutable_shape() { return shape_; }
  // Without the '%'; unique in its computation.
  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }

  const Operands& operands() const { return operands_; }
  Operands& mutable_operands() { return operands_; }
  Instruction* operand(size_t i) const { return operands_[i]; }
  size_t operand_count() const { return operands_.size(); }

  // The computations that the attributes name, in the order of the op's callee keywords (ops/table.h): for while
  // {condition, body}, for select-and-scatter {select, scatter}, for conditional the branches.
  const Callees& callees() const { return callees_; }
  Callees& mutable_callees() { return callees_; }

  // Instructions that must run before this one although no value passes: control-predecessors={...}.
  const Operands& control_predecessors() const { return control_predecessors_; }
  Operands& mutable_control_predecessors() { return control_predecessors_; }

  // The op's attributes; attrs<T>() where T is the op's struct (ops/table.cc says which). Shared between copies.
  const Attributes& attributes() const { return *attributes_; }
  template <class T>
  const T& attrs() const {
    const T* found = std::get_if<T>(attributes_.get());
    GSHARD_CHECK(found != nullptr, name_);
    return *found;
  }
  void set_attributes(Attributes attributes);
  const std::shared_ptr<const Attributes>& shared_attributes() const { return attributes_; }
  void set_attributes(std::shared_ptr<const Attributes> attributes) { attributes_ = std::move(attributes); }

  const Notes& notes() const { return notes_; }
  Notes& mutable_notes() { return notes_; }

  Computation* parent() const { return parent_; }
  // Position in parent()->instructions(); operands always stand before their users.
  size_t index() const { return index_; }

  // Line and column in the text it was read from; 0 where it was not read.
  int64_t text_line() const { return text_line_; }
  int64_t text_column() const { return text_column_; }
  void set_text_position(int64_t line, int64_t column) {
    text_line_ = static_cast<uint32_t>(line);
    text_column_ = static_cast<uint32_t>(column);
  }

 private:
  friend class Computation;

  static const std::shared_ptr<const Attributes>& no_attributes();

  Op op_;
  uint32_t index_ = 0;
  uint32_t text_line_ = 0;
  uint32_t text_column_ = 0;
  Computation* parent_ = nullptr;
  Shape shape_;
  std::string name_;
  Operands operands_;
  Operands control_predecessors_;
  Callees callees_;
  std::shared_ptr<const Attributes> attributes_ = no_attributes();
  Notes notes_;
};

}  // namespace gshard
