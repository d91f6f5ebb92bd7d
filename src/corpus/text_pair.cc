#include "corpus/text_pair.h"

#include <algorithm>
#include <cctype>
#include <cstdint>

#include "base/split.h"

namespace gshard {

std::optional<TextPair> parse_row(std::string_view line) {
  std::vector<std::string> columns = split(line, '\t');
  if (columns.size() < 4 || columns.size() > 6) return std::nullopt;
  columns.resize(6);
  return TextPair{std::move(columns[0]), std::move(columns[1]), std::move(columns[2]),
                  std::move(columns[3]), std::move(columns[4]), std::move(columns[5])};
}

std::string row_of(const TextPair& pair) {
  std::string row;
  for (const std::string* column :
       {&pair.source_language, &pair.target_language, &pair.source, &pair.target, &pair.origin}) {
    row.append(*column).push_back('\t');
  }
  row.back() = '\n';
  return row;
}

bool is_language_name(std::string_view name) {
  const auto belongs = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; };
  return !name.empty() && name.size() <= 15 && std::all_of(name.begin(), name.end(), belongs);
}

// FNV-1a, with murmur's finaliser to spread it over all bits.
uint64_t fingerprint(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}

}  // namespace gshard
