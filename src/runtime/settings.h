// Settings from TOML files and the command line: one list of keys serves reading, checking, writing and documentation.
//
//   struct Kitchen { int64_t cooks = 2; Fuel fuel = Fuel::gas; };
//   Kitchen kitchen;
//   Settings settings({{"cooks", &kitchen.cooks, "who cook at the same time", {.low = 1}},
//                      {"oven.fuel", one_of(&kitchen.fuel, {{"gas", Fuel::gas}, {"coal", Fuel::coal}}), "what it
//                      burns"}});
//   settings.read("kitchen.toml");          // cooks = 3
//   settings.override_with("oven.fuel=coal");
//   settings.text()                         // a file that says all of it
//
// What a key says is written into its target at once; what no file says keeps the value that the target had. A file may
// begin with `base = "other.toml"`, whose settings it then changes; the path is relative to its own folder.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace gshard {

// The least and the greatest number that a key may say.
struct Bounds {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

// One of a few words, each of which stands for a value of an enum.
struct OneOf {
  std::vector<std::string> words;
  std::function<size_t()> chosen;
  std::function<void(size_t)> choose;
};

template <class E>
OneOf one_of(E* target, std::vector<std::pair<std::string, E>> meanings) {
  OneOf result;
  std::vector<E> values;
  for (auto& [name, value] : meanings) {
    result.words.push_back(std::move(name));
    values.push_back(value);
  }
  result.chosen = [target, values] {
    size_t i = 0;
    while (values[i] != *target) ++i;
    return i;
  };
  result.choose = [target, values](size_t i) { *target = values[i]; };
  return result;
}

// {data = 2, expert = 4}, in the order in which it is written.
using NamedCounts = std::vector<std::pair<std::string, int64_t>>;

struct Setting {
  std::string key;  // "model.size": size in the table [model]
  std::variant<bool*, int64_t*, double*, std::string*, std::vector<std::string>*, NamedCounts*, OneOf> target;
  std::string help;
  Bounds bounds = {};
};

class Settings {
 public:
  // Keys without a table come first in the list.
  explicit Settings(std::vector<Setting> list) : list_(std::move(list)) {}

  enum class Others : uint8_t { refuse, pass };  // what becomes of keys that the list has not

  // All of these throw Error(usage) with the file, the line and what to write instead, for unknown keys, values of
  // another type and numbers out of bounds; read() throws Error(program) where the file cannot be read.
  void read(const std::string& path, Others others = Others::refuse);
  // "model.size=512", as on a command line. The value is TOML; strings need no quotes.
  void override_with(const std::string& argument);

  // Whether a file or an argument said it.
  bool is_said(std::string_view key) const { return places_.contains(key); }
  // An error of usage about a key, at the place that said it.
  Error error(std::string_view key, const std::string& what) const;

  // A file that says all of the settings, each with its help and the words that it may be.
  std::string text() const;

 private:
  friend class SettingsReader;
  std::vector<Setting> list_;
  std::map<std::string, TextPosition, std::less<>> places_;  // of what was said
};

}  // namespace gshard
