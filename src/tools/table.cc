#include "tools/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "tools/terminal.h"

namespace gshard {
void Table::add(std::vector<std::string> cells) {
  GSHARD_CHECK(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) const {
  std::string text;
  for (size_t i = 0; i < cells.size(); ++i) {
    text += "  ";
    text += columns_[i].align == Align::right ? fmt::format("{:>{}}", cells[i], widths[i])
                                              : fmt::format("{:<{}}", cells[i], widths[i]);
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string Table::text() const {
  std::vector<std::string> titles;
  std::vector<size_t> widths;
  for (const Column& column : columns_) {
    titles.push_back(column.title);
    widths.push_back(column.title.size());
  }
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text = styled(Style::faint, line(titles, widths), Stream::out) + "\n";
  for (const auto& row : rows_) text += line(row, widths) + "\n";
  return text;
}

}  // namespace gshard
