#include "shard/boundary_text.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/split.h"
#include "shard/shardy.h"

namespace gshard {
namespace {

std::string text_of(const Digits& digits, const Mesh& mesh) {
  std::string name = mesh.name_of(digits);
  std::replace(name.begin(), name.end(), ',', '+');
  std::erase(name, ' ');
  return name.empty() ? "-" : name;
}

// "f32[16,64][data,-]"; a token is "token[]".
std::string text_of(const BoundaryValue& value, const Mesh& mesh) {
  if (!value.shape.is_array()) return "token[][]";
  std::string text = std::string(name_of(value.shape.type())) + "[";
  for (size_t d = 0; d < value.shape.rank(); ++d) text += (d > 0 ? "," : "") + std::to_string(value.shape.dim(d));
  text += "][";
  for (size_t d = 0; d < value.shape.rank(); ++d) text += (d > 0 ? "," : "") + text_of(value.sharding.dims[d], mesh);
  text += "]";
  if (value.device) return text + "@=" + std::to_string(*value.device);
  for (size_t i = 0; i < value.device_order.size(); ++i) {
    text += (i == 0 ? "@" : ",") + std::to_string(value.device_order[i]);
  }
  return text;
}

std::string text_of(const std::vector<BoundaryValue>& leaves, const Mesh& mesh) {
  std::string text;
  for (const BoundaryValue& leaf : leaves) text += (text.empty() ? "" : " ") + text_of(leaf, mesh);
  return text;
}

[[noreturn]] void fail(const std::string& what) {
  throw Error::program("the module's gshard attributes: cannot read '" + what.substr(0, 80) + "'");
}

int64_t number(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) fail(text);
  return value;
}

Digits read_digits(const std::string& text, const Mesh& mesh) {
  Digits digits;
  if (text == "-") return digits;
  for (const std::string& part : split(text, '+')) {
    const size_t colon = part.find(":(");
    const auto axis = mesh.find_axis(part.substr(0, colon));
    if (!axis) fail(part);
    const Digits all = mesh.digits_of_axis(*axis);
    int64_t major = 1;
    int64_t size = mesh.size_of(all);
    if (colon != std::string::npos) {
      const size_t close = part.find(')', colon);
      if (close == std::string::npos) fail(part);
      major = number(part.substr(colon + 2, close - colon - 2));
      size = number(part.substr(close + 1));
    }
    int64_t before = 1;
    for (const Digit digit : all) {
      const int64_t after = before * mesh.digits()[digit].size;
      if (before >= major && after <= major * size) digits.push_back(digit);
      before = after;
    }
  }
  return digits;
}

BoundaryValue read_value(const std::string& whole_text, const Mesh& mesh) {
  const std::string text = whole_text.substr(0, whole_text.find('@'));
  const std::string place = text == whole_text ? "" : whole_text.substr(text.size() + 1);
  const size_t dims_start = text.find('[');
  const size_t dims_end = text.find(']');
  if (dims_end == std::string::npos || text.size() < dims_end + 3 || text.back() != ']') fail(text);
  const std::string type_name = text.substr(0, dims_start);
  if (type_name == "token") return {Shape::token(), Sharding{}};
  const auto type = dtype_from_name(type_name);
  if (!type) fail(text);
  Dims dims;
  for (const std::string& dim : split(text.substr(dims_start + 1, dims_end - dims_start - 1), ',')) {
    dims.push_back(number(dim));
  }
  BoundaryValue value{Shape(*type, dims), Sharding::replicated(dims.size())};
  const auto cuts = split(text.substr(dims_end + 2, text.size() - dims_end - 3), ',');
  if (cuts.size() != dims.size()) fail(text);
  for (size_t d = 0; d < cuts.size(); ++d) value.sharding.dims[d] = read_digits(cuts[d], mesh);
  if (place.starts_with("=")) {
    value.device = number(place.substr(1));
  } else {
    for (const std::string& device : split(place, ',')) value.device_order.push_back(number(device));
  }
  return value;
}

std::vector<BoundaryValue> read_leaves(const std::string& text, const Mesh& mesh) {
  std::vector<BoundaryValue> leaves;
  for (const std::string& leaf : split(text, ' ')) leaves.push_back(read_value(leaf, mesh));
  return leaves;
}

}  // namespace

void write_boundary(const Boundary& boundary, ModuleHeader& header) {
  std::string mesh;
  for (const MeshAxis& axis : boundary.mesh.axes()) {
    mesh += (mesh.empty() ? "" : ",") + axis.name + "=" + std::to_string(axis.size);
  }
  std::string order;
  for (const int64_t device : boundary.mesh.device_order()) {
    order += (order.empty() ? "" : ",") + std::to_string(device);
  }
  std::string parameters;
  for (const auto& leaves : boundary.parameters) {
    parameters += text_of(leaves, boundary.mesh) + ";";
  }
  // In the order of their names, in which they are printed.
  if (!order.empty()) header.frontend_attributes.emplace_back("gshard.device_order", order);
  header.frontend_attributes.emplace_back("gshard.mesh", mesh);
  header.frontend_attributes.emplace_back("gshard.parameters", parameters);
  header.frontend_attributes.emplace_back("gshard.results", text_of(boundary.results, boundary.mesh));
}

Boundary boundary_of(const Module& partitioned) {
  const FrontendAttributes& attributes = partitioned.header().frontend_attributes;
  const auto mesh = frontend_attribute(attributes, "gshard.mesh");
  const auto parameters = frontend_attribute(attributes, "gshard.parameters");
  const auto results = frontend_attribute(attributes, "gshard.results");
  if (!mesh || !parameters || !results) {
    throw Error::program(
        "the module says not how its parameters and results lie on the devices; it was not written by "
        "`gshard partition`");
  }
  std::vector<int64_t> order;
  if (const auto text = frontend_attribute(attributes, "gshard.device_order")) {
    for (const std::string& device : split(*text, ',')) order.push_back(number(device));
  }
  Boundary boundary;
  boundary.replicas = partitioned.header().replica_count;
  boundary.mesh = Mesh(parse_mesh(*mesh), std::move(order));
  auto each = split(*parameters, ';');
  if (!each.empty()) each.pop_back();  // each ends with a semicolon
  for (const std::string& leaves : each) boundary.parameters.push_back(read_leaves(leaves, boundary.mesh));
  boundary.results = read_leaves(*results, boundary.mesh);
  return boundary;
}

}  // namespace gshard
