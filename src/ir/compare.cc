// first_difference(): equality of modules, with the first difference in words.
#include <string>

#include "ir/module.h"

namespace gshard {
namespace {

template <class T>
bool same_pointee(const std::shared_ptr<const T>& a, const std::shared_ptr<const T>& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

bool same_layout(const Shape& a, const Shape& b) {
  if (!same_pointee(a.layout(), b.layout())) return false;
  for (size_t i = 0; i < a.tuple_size(); ++i) {
    if (!same_layout(a.element(i), b.element(i))) return false;
  }
  return true;
}

bool same_positions(const Instruction::Operands& a, const Instruction::Operands& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i]->index() != b[i]->index()) return false;
  }
  return true;
}

// Position of a computation among its module's.
size_t position_of(const Computation* computation) {
  const auto& all = computation->parent()->computations();
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].get() == computation) return i;
  }
  return all.size();
}

bool same_callees(const Instruction& a, const Instruction& b) {
  if (a.callees().size() != b.callees().size()) return false;
  for (size_t i = 0; i < a.callees().size(); ++i) {
    if (position_of(a.callees()[i]) != position_of(b.callees()[i])) return false;
  }
  return true;
}

std::string difference(const Instruction& a, const Instruction& b) {
  if (a.op() != b.op()) return "opcode";
  if (!(a.shape() == b.shape())) return "shape " + a.shape().to_string() + " and " + b.shape().to_string();
  if (!same_layout(a.shape(), b.shape())) return "layout";
  if (!same_positions(a.operands(), b.operands())) return "operands";
  if (!same_positions(a.control_predecessors(), b.control_predecessors())) return "control predecessors";
  if (!same_callees(a, b)) return "called computations";
  if (!(a.attributes() == b.attributes())) return "attributes";
  const Notes& x = a.notes();
  const Notes& y = b.notes();
  if (!same_pointee(x.sharding, y.sharding)) return "sharding";
  if (!same_pointee(x.frontend_attributes, y.frontend_attributes)) return "frontend_attributes";
  if (!same_pointee(x.metadata, y.metadata)) return "metadata";
  if (!same_pointee(x.backend_config, y.backend_config)) return "backend_config";
  if (!same_pointee(x.statistics, y.statistics)) return "statistics";
  if (!same_pointee(x.origin, y.origin)) return "origin";
  return "";
}

bool same_headers(const ModuleHeader& a, const ModuleHeader& b) {
  const auto same_entry_layout = [&] {
    if (a.entry_parameter_layouts.has_value() != b.entry_parameter_layouts.has_value()) return false;
    if (a.entry_result_layout.has_value() != b.entry_result_layout.has_value()) return false;
    if (a.entry_result_layout && !(*a.entry_result_layout == *b.entry_result_layout &&
                                   same_layout(*a.entry_result_layout, *b.entry_result_layout))) {
      return false;
    }
    if (!a.entry_parameter_layouts) return true;
    if (!(*a.entry_parameter_layouts == *b.entry_parameter_layouts)) return false;
    for (size_t i = 0; i < a.entry_parameter_layouts->size(); ++i) {
      if (!same_layout((*a.entry_parameter_layouts)[i], (*b.entry_parameter_layouts)[i])) return false;
    }
    return true;
  };
  return a.is_scheduled == b.is_scheduled && a.input_output_alias == b.input_output_alias &&
         a.buffer_donor == b.buffer_donor && same_entry_layout() &&
         a.allow_spmd_sharding_propagation_to_parameters == b.allow_spmd_sharding_propagation_to_parameters &&
         a.allow_spmd_sharding_propagation_to_output == b.allow_spmd_sharding_propagation_to_output &&
         a.replica_count == b.replica_count && a.num_partitions == b.num_partitions &&
         a.frontend_attributes == b.frontend_attributes && a.others == b.others;
}

}  // namespace

std::string first_difference(const Module& a, const Module& b) {
  if (!same_headers(a.header(), b.header())) return "the headers differ";
  if (!(a.source_tables() == b.source_tables())) return "the source tables differ";
  if (a.computations().size() != b.computations().size()) return "the numbers of computations differ";
  for (size_t c = 0; c < a.computations().size(); ++c) {
    const Computation& x = *a.computations()[c];
    const Computation& y = *b.computations()[c];
    const std::string where = "computation %" + x.name() + ": ";
    if (x.size() != y.size()) return where + "the numbers of instructions differ";
    if (x.root()->index() != y.root()->index()) return where + "the roots differ";
    if (x.execution_thread() != y.execution_thread()) return where + "the threads differ";
    if ((a.entry() == &x) != (b.entry() == &y)) return where + "is the entry of one module only";
    for (size_t i = 0; i < x.size(); ++i) {
      const std::string what = difference(*x.at(i), *y.at(i));
      if (!what.empty()) return where + "%" + x.at(i)->name() + ": " + what + " differs";
    }
  }
  return "";
}

}  // namespace gshard
