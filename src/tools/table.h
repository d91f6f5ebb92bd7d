// Aligned tables on the terminal.
//
//   Table table({{"op"}, {"count", Align::right}});
//   table.add({"dot", with_separators(12345)});
//   put(table.text());
#pragma once

#include <string>
#include <vector>

#include "base/number_text.h"

namespace gshard {

enum class Align { left, right };

struct Column {
  std::string title;
  Align align = Align::left;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // One cell per column.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // A line of titles and one line per row, indented by two spaces.
  std::string text() const;

 private:
  std::string line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace gshard
