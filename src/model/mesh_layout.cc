#include "model/mesh_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/split.h"

namespace gshard {
namespace {

Mesh line_of(const char* axis, int64_t devices) { return Mesh({{axis, devices}}); }

std::map<std::string, std::string> all_along(const char* axis, std::initializer_list<const char*> dims) {
  std::map<std::string, std::string> cuts;
  for (const char* dim : dims) cuts.emplace(dim, axis);
  return cuts;
}

// How products of tokens [rows] with a vocabulary of vectors are cut, together the devices of the data axis.
struct VocabularyCut {
  int64_t rows = 1;
  int64_t vocab = 1;
  int64_t vector = 1;
};

// The least cut of vectors, which makes sums, and then of vocabulary, with which none of tokens [rows, vector], table
// [vocab, vector] and logits [rows, vocab] is held at more than 1 / parts.
std::optional<VocabularyCut> vocabulary_cut(int64_t data, int64_t model, int64_t parts) {
  for (int64_t vector = 1; vector <= data; ++vector) {
    if (data % vector != 0) continue;
    for (int64_t vocab = 1; vocab <= data / vector; ++vocab) {
      if (data / vector % vocab != 0) continue;
      const int64_t rows = data / vector / vocab;
      if (std::min({rows * vector, vocab * model * vector, rows * vocab * model}) < parts) continue;
      return VocabularyCut{rows, vocab, vector};
    }
  }
  return std::nullopt;
}

}  // namespace

MeshLayout::MeshLayout(Mesh mesh, std::map<std::string, std::string> cuts)
    : mesh_(std::move(mesh)), cuts_(std::move(cuts)) {
  for (const auto& [dim, axes] : cuts_) {
    for (const std::string& axis : split(axes, '+')) {
      if (mesh_.find_axis(axis)) continue;
      throw Error::usage(
          fmt::format("layout: {} is cut by '{}', which the mesh {} has not", dim, axis, mesh_.to_string()));
    }
  }
}

MeshLayout MeshLayout::experts(int64_t devices) {
  return {line_of("device", devices), all_along("device", {"batch", "group", "expert"})};
}

MeshLayout MeshLayout::data(int64_t devices) {
  return {line_of("data", devices), all_along("data", {"batch", "group"})};
}

MeshLayout MeshLayout::tensor(int64_t devices) {
  return {line_of("model", devices), all_along("model", {"heads", "ff", "vocab"})};
}

MeshLayout MeshLayout::mixed(int64_t data, int64_t model) {
  auto cuts = all_along("data", {"batch", "group", "expert"});
  cuts.merge(all_along("model", {"heads", "ff", "vocab"}));
  return {Mesh({{"data", data}, {"model", model}}), std::move(cuts)};
}

MeshLayout MeshLayout::nothing_whole(int64_t data, int64_t model, int64_t parts) {
  const auto cut = vocabulary_cut(data, model, parts);
  if (!cut) {
    throw Error::usage(
        fmt::format("layout: {} x {} devices are too few to hold 1/{} of each embedding", data, model, parts));
  }
  // What is multiplied with the vocabulary is cut by it too: the product gathers it where it needs it, and the sum of
  // its gradient over the vocabulary is scattered at once.
  auto cuts = all_along("rows+vocab+vector", {"batch", "group", "expert"});
  cuts.merge(all_along("model", {"heads", "ff"}));
  cuts.merge(std::map<std::string, std::string>{{"vocab", "model"},
                                                {"model.table", "vector+vocab"},
                                                {"batch.table", "rows"},
                                                {"vocab.logits", "vocab+model"},
                                                {"model.logits", "vector"},
                                                {"batch.logits", "rows+vocab"},
                                                {"batch.vocab", "rows+vector"}});
  return {Mesh({{"rows", cut->rows}, {"vocab", cut->vocab}, {"vector", cut->vector}, {"model", model}}),
          std::move(cuts)};
}

MeshLayout MeshLayout::with_state_over(std::string axis) const {
  if (!mesh_.find_axis(axis)) {
    throw Error::usage(fmt::format("layout: the mesh {} has no axis '{}'", mesh_.to_string(), axis));
  }
  MeshLayout layout = *this;
  layout.state_axis_ = std::move(axis);
  return layout;
}

int64_t MeshLayout::parts_along(const std::string& axes) const {
  int64_t parts = 1;
  for (const std::string& axis : split(axes, '+')) {
    const auto found = mesh_.find_axis(axis);
    if (!found) throw Error::usage(fmt::format("layout: the mesh {} has no axis '{}'", mesh_.to_string(), axis));
    parts *= mesh_.axes()[*found].size;
  }
  return parts;
}

std::vector<std::string> MeshLayout::state_axes_of(const Axes& dims, const Dims& sizes) const {
  std::vector<std::string> axes = axes_of(dims);
  const auto names_it = [&](const std::string& one) {
    return ("+" + one + "+").find("+" + state_axis_ + "+") != one.npos;
  };
  if (state_axis_.empty() || std::any_of(axes.begin(), axes.end(), names_it)) return axes;
  std::optional<size_t> largest;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] % (parts_along(axes[d]) * parts_along(state_axis_)) != 0) continue;
    if (!largest || sizes[d] > sizes[*largest]) largest = d;
  }
  if (largest) axes[*largest] += (axes[*largest].empty() ? "" : "+") + state_axis_;
  return axes;
}

std::vector<std::string> MeshLayout::axes_of(const Axes& dims) const {
  std::set<std::string> taken;
  std::vector<std::string> result;
  for (const std::string& dim : dims) {
    std::vector<std::string> axes;
    auto cut = cuts_.find(dim);
    if (cut == cuts_.end()) cut = cuts_.find(dim.substr(0, dim.find('.')));
    for (const std::string& axis : split(cut == cuts_.end() ? "" : cut->second, '+')) {
      if (taken.insert(axis).second) axes.push_back(axis);
    }
    result.push_back(fmt::format("{}", fmt::join(axes, "+")));
  }
  return result;
}

}  // namespace gshard
