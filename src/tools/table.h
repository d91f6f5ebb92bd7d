// Aligned tables on the terminal.
//
//   Table table({{"op"}, {"count", Align::right}});
//   table.add({"dot", with_separators(12345)});
//   put(table.text());
#pragma once

#include <cstdint>
#include <string>
#include <vector>

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

// "1,234,567".
std::string with_separators(int64_t value);
// "1.5 KiB", "3.25 GiB".
std::string human_bytes(double bytes);
// "1.2 ms", "35 us".
std::string human_seconds(double seconds);
// "12.3 G", with the letters of powers of 1000.
std::string human_count(double value);

}  // namespace gshard
