#include "shard/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace gshard {
namespace {

constexpr int64_t kMostShown = 8;

// Numbers from 0 to count - 1, the middle left out (-1 stands for it) where they are too many.
std::vector<int64_t> shown_of(int64_t count) {
  std::vector<int64_t> shown;
  const bool all = count <= kMostShown;
  for (int64_t i = 0; i < (all ? count : kMostShown - 2); ++i) shown.push_back(i);
  if (!all) shown.insert(shown.end(), {-1, count - 1});
  return shown;
}

// The width of text on the terminal: "…" and "×" are one column.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string repeated(std::string_view piece, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += piece;
  return text;
}

std::string right(const std::string& text, size_t width) { return repeated(" ", width - width_of(text)) + text; }

std::string centered(const std::string& text, size_t width) {
  const size_t space = width - width_of(text);
  return repeated(" ", space / 2) + text + repeated(" ", space - space / 2);
}

class Picture {
 public:
  Picture(const Shape& shape, const Sharding& sharding, const Mesh& mesh)
      : shape_(shape), sharding_(sharding), mesh_(mesh) {
    std::vector<size_t> cut;
    for (size_t d = 0; d < shape.rank(); ++d) {
      if (sharding.pieces(d, mesh) > 1) cut.push_back(d);
    }
    if (cut.size() == 1 && cut[0] + 1 == shape.rank()) {
      column_dim_ = cut[0];
    } else if (!cut.empty()) {
      row_dim_ = cut[0];
      if (cut.size() > 1) column_dim_ = cut[1];
    }
    for (size_t i = 2; i < cut.size(); ++i) others_.push_back(cut[i]);
    rows_ = shown_of(pieces_of(row_dim_));
    columns_ = shown_of(pieces_of(column_dim_));
  }

  std::string draw() {
    fill();
    std::string text = line_of_titles();
    for (size_t row = 0; row < rows_.size(); ++row) {
      text += rule(row == 0 ? "┌" : "├", row == 0 ? "┬" : "┼", row == 0 ? "┐" : "┤");
      text += indent(row_titles_[row]);
      for (const std::string& box : boxes_[row]) text += "│" + centered(box, box_width_);
      text += "│\n";
    }
    return text + rule("└", "┴", "┘") + notes();
  }

 private:
  int64_t pieces_of(std::optional<size_t> dim) const { return dim ? sharding_.pieces(*dim, mesh_) : 1; }

  // The elements of a piece, "0:4".
  std::string range_of(std::optional<size_t> dim, int64_t piece) const {
    if (!dim) return "";
    if (piece < 0) return "…";
    const int64_t size = shape_.dim(*dim);
    const int64_t pieces = pieces_of(dim);
    const int64_t each = size / pieces + (size % pieces != 0 ? 1 : 0);
    const int64_t start = std::min(piece * each, size);
    const int64_t end = std::min(start + each, size);
    return start == end ? "empty" : fmt::format("{}:{}", start, end);
  }

  // The position on the mesh of the first device that has piece `piece` of a dimension.
  int64_t position_of(std::optional<size_t> dim, int64_t piece) const {
    if (!dim) return 0;
    int64_t position = 0;
    const Digits& digits = sharding_.dims[*dim];
    for (size_t i = digits.size(); i-- > 0;) {
      const Mesh::DigitRow& row = mesh_.digits()[digits[i]];
      position += piece % row.size * row.stride;
      piece /= row.size;
    }
    return position;
  }

  // The device with a number among those that hold the same piece as the one at `position`.
  int64_t device_of(int64_t position, int64_t copy) const {
    const DigitSet cut = sharding_.cut();
    for (size_t d = mesh_.digits().size(); d-- > 0;) {
      if ((cut >> d & 1) != 0) continue;
      const Mesh::DigitRow& row = mesh_.digits()[d];
      position += copy % row.size * row.stride;
      copy /= row.size;
    }
    return mesh_.device_order().empty() ? position : mesh_.device_order()[static_cast<size_t>(position)];
  }

  std::string box_of(int64_t row, int64_t column) const {
    if (row < 0 || column < 0) return "…";
    const int64_t position = position_of(row_dim_, row) + position_of(column_dim_, column);
    const int64_t copies = mesh_.device_count() / mesh_.size_of(sharding_.cut());
    std::vector<std::string> devices;
    for (const int64_t copy : shown_of(copies)) {
      devices.push_back(copy < 0 ? "…" : fmt::format("{}", device_of(position, copy)));
    }
    return fmt::format("{}", fmt::join(devices, " "));
  }

  void fill() {
    for (const int64_t row : rows_) {
      row_titles_.push_back(range_of(row_dim_, row));
      std::vector<std::string>& boxes = boxes_.emplace_back();
      for (const int64_t column : columns_) boxes.push_back(box_of(row, column));
      title_width_ = std::max(title_width_, width_of(row_titles_.back()));
      for (const std::string& box : boxes) box_width_ = std::max(box_width_, width_of(box) + 2);
    }
    for (const int64_t column : columns_)
      box_width_ = std::max(box_width_, width_of(range_of(column_dim_, column)) + 2);
    box_width_ |= 1;  // a single number stands in the middle
  }

  std::string indent(const std::string& title) const { return "  " + right(title, title_width_) + " "; }

  std::string line_of_titles() const {
    if (!column_dim_) return "";
    std::string text = indent("");
    for (const int64_t column : columns_) text += " " + centered(range_of(column_dim_, column), box_width_);
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
  }

  std::string rule(std::string_view left, std::string_view middle, std::string_view end) const {
    std::string text = indent("") + std::string(left);
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) text += middle;
      text += repeated("─", box_width_);
    }
    return text + std::string(end) + "\n";
  }

  std::string notes() const {
    std::string text;
    if (row_dim_) text += fmt::format("  rows: dimension {}\n", *row_dim_);
    if (column_dim_) text += fmt::format("  columns: dimension {}\n", *column_dim_);
    for (const size_t dim : others_) {
      text += fmt::format("  shown: the first of {} pieces of dimension {}\n", pieces_of(dim), dim);
    }
    return text;
  }

  const Shape& shape_;
  const Sharding& sharding_;
  const Mesh& mesh_;
  std::optional<size_t> row_dim_;
  std::optional<size_t> column_dim_;
  std::vector<size_t> others_;  // further dimensions that are cut
  std::vector<int64_t> rows_;   // the pieces that are shown
  std::vector<int64_t> columns_;
  std::vector<std::string> row_titles_;
  std::vector<std::vector<std::string>> boxes_;
  size_t title_width_ = 0;
  size_t box_width_ = 5;
};

}  // namespace

std::string picture_of(const Shape& shape, const Sharding& sharding, const Mesh& mesh) {
  return Picture(shape, sharding, mesh).draw();
}

}  // namespace gshard
