#include "shard/shardy_text.h"

#include <algorithm>

namespace gshard {
namespace {

// `"data", "model":(1)2`.
std::string axes_text(const Digits& digits, const Mesh& mesh) {
  std::string text;
  for (size_t first = 0; first < digits.size();) {
    const auto axis = static_cast<size_t>(mesh.digits()[digits[first]].axis);
    Digits run = {digits[first++]};
    while (first < digits.size() && digits[first] == run.back() + 1 &&
           static_cast<size_t>(mesh.digits()[digits[first]].axis) == axis) {
      run.push_back(digits[first++]);
    }
    const std::string& name = mesh.axes()[axis].name;
    text += (text.empty() ? "\"" : ", \"") + name + "\"" + mesh.name_of(run).substr(name.size());
  }
  return text;
}

// `<@mesh, [{"data"}, {}]>`.
std::string body_text(const std::string& mesh_name, const Sharding& sharding, const Mesh& mesh) {
  std::string text = "<@" + mesh_name + ", [";
  for (size_t d = 0; d < sharding.dims.size(); ++d) {
    text += (d > 0 ? ", {" : "{") + axes_text(sharding.dims[d], mesh) + "}";
  }
  return text + "]>";
}

}  // namespace

std::string shardy_mesh_text(const std::string& name, const Mesh& mesh) {
  std::string text = "{" + name + " = #sdy.mesh<[";
  for (size_t a = 0; a < mesh.axes().size(); ++a) {
    text += (a > 0 ? ", \"" : "\"") + mesh.axes()[a].name + "\"=" + std::to_string(mesh.axes()[a].size);
  }
  text += "]";
  for (size_t i = 0; i < mesh.device_order().size(); ++i) {
    text += (i == 0 ? ", device_ids=[" : ", ") + std::to_string(mesh.device_order()[i]);
  }
  return text + (mesh.device_order().empty() ? ">}" : "]>}");
}

std::string shardy_sharding_text(const std::string& mesh_name, std::span<const Sharding> leaves, const Mesh& mesh) {
  if (leaves.size() == 1) return "#sdy.sharding" + body_text(mesh_name, leaves[0], mesh);
  std::string text = "#sdy.sharding_per_value<[";
  for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    text += (leaf > 0 ? ", " : "") + body_text(mesh_name, leaves[leaf], mesh);
  }
  return text + "]>";
}

bool says(const ShardySharding& written, const Sharding& sharding, const Mesh& mesh) {
  if (written.dims.size() != sharding.dims.size()) return false;
  for (size_t d = 0; d < written.dims.size(); ++d) {
    Digits digits;
    for (const ShardyAxis& axis : written.dims[d].axes) {
      const auto index = mesh.find_axis(axis.name);
      if (!index || axis.size) return false;
      const Digits of_axis = mesh.digits_of_axis(*index);
      digits.append({of_axis.data(), of_axis.size()});
    }
    const Digits& cut = sharding.dims[d];
    const bool as_long = written.dims[d].open ? digits.size() <= cut.size() : digits.size() == cut.size();
    if (!as_long || !std::equal(digits.begin(), digits.end(), cut.begin())) return false;
  }
  return true;
}

}  // namespace gshard
