#include "autodiff/walk.h"

#include <algorithm>

#include "autodiff/annotation.h"
#include "autodiff/leaves.h"
#include "autodiff/pullback.h"
#include "autodiff/sum.h"
#include "autodiff/table.h"

namespace gshard {

Walk::Walk(Computation& computation)
    : computation_(computation), activity_(computation), is_program_(computation.size(), true) {}

std::vector<Value>& Walk::given(const Instruction& x, size_t leaf) {
  if (given_.size() <= x.index()) given_.resize(computation_.size());
  auto& leaves = given_[x.index()];
  if (leaves.empty()) leaves.resize(leaf_count(x.shape()));
  return leaves[leaf];
}

void Walk::give(const Instruction& x, size_t leaf, Value cotangent) {
  GSHARD_CHECK(cotangent.shape() == leaf_shape(x.shape(), leaf), x.name());
  given(x, leaf).push_back(cotangent);
}

Value Walk::cotangent(const Instruction& x, size_t leaf) {
  std::vector<Value>& all = given(x, leaf);
  if (all.empty()) return {};
  if (all.size() > 1) all = {sum(all)};
  return all[0];
}

void Walk::run(size_t first, size_t last) {
  for (size_t i = last; i > first; --i) {
    Instruction& x = *computation_.at(i - 1);
    if (i - 1 < given_.size() && !given_[i - 1].empty()) visit(x);
  }
}

void Walk::run_through(size_t first, Value result, const std::vector<Value>& cotangents) {
  const size_t last = computation_.size();
  follow(first, last);
  for (size_t leaf = 0; leaf < cotangents.size(); ++leaf) {
    if (cotangents[leaf].instruction() == nullptr || !is_active(*result.instruction(), leaf)) continue;
    give(*result.instruction(), leaf, cotangents[leaf]);
  }
  run(first, last);
}

void Walk::visit(Instruction& x) {
  const size_t first = computation_.size();
  std::vector<Value> cotangents;
  for (size_t leaf = 0; leaf < leaf_count(x.shape()); ++leaf) {
    Value value = cotangent(x, leaf);
    if (value.instruction() != nullptr) {
      value = annotated_as(value, x, leaf);
      given(x, leaf) = {value};
    }
    cotangents.push_back(value);
  }
  Pullback pullback(*this, x, std::move(cotangents));
  if (!is_stopped(x)) differentiate(x.op(), pullback);
  place(first, x);
}

// What was made for x from `first` on comes from its place, but for what was placed before.
void Walk::place(size_t first, const Instruction& x) {
  if (first == computation_.size()) return;
  is_placed_.resize(computation_.size());
  const auto metadata = transposed_metadata(x);
  for (size_t i = first; i < computation_.size(); ++i) {
    if (!is_placed_[i]) set_metadata(computation_, i, i + 1, metadata);
    is_placed_[i] = true;
  }
}

void Walk::replace(Instruction& old, Value replacement) {
  computation_.replace_uses(&old, replacement.instruction());
  is_in_order_ = false;
}

void Walk::keep_places(size_t first) {
  is_placed_.resize(computation_.size());
  std::fill(is_placed_.begin() + static_cast<std::ptrdiff_t>(first), is_placed_.end(), true);
}

void Walk::adopt(size_t first, const Instruction& of) {
  keep_places(first);
  const bool is_one = is_program(of);
  is_program_.resize(computation_.size());
  std::fill(is_program_.begin() + static_cast<std::ptrdiff_t>(first), is_program_.end(), is_one);
}

void Walk::finish() {
  if (!is_in_order_) computation_.sort_topologically();
  is_in_order_ = true;
}

std::shared_ptr<const Metadata> transposed_metadata(const Instruction& x) {
  const auto& metadata = x.notes().metadata;
  auto made = metadata == nullptr ? std::make_shared<Metadata>() : std::make_shared<Metadata>(*metadata);
  const std::string name = made->op_name.empty() ? std::string(keyword_of(x.op())) : made->op_name;
  made->op_name = "transpose(" + name + ")";
  return made;
}

void set_metadata(Computation& computation, size_t first, size_t last,
                  const std::shared_ptr<const Metadata>& metadata) {
  for (size_t i = first; i < last; ++i) computation.at(i)->mutable_notes().metadata = metadata;
}

}  // namespace gshard
