#include "runtime/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include "base/nearest_word.h"
#include "runtime/file.h"

namespace gshard {

namespace {

// A file may be based on another one, and that on a third.
constexpr int kMostBases = 8;

constexpr std::string_view kCommandLine = "command line";

std::string line_of(const std::string& text, int64_t number) {
  size_t begin = 0;
  for (int64_t line = 1; line < number && begin < text.size(); ++line) {
    begin = std::min(text.find('\n', begin), text.size() - 1) + 1;
  }
  return text.substr(begin, text.find('\n', begin) - begin);
}

// "[model]" and "size" of "model.size".
std::string_view table_of(std::string_view key) {
  const size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? "" : key.substr(0, dot);
}

std::string_view last_part_of(std::string_view key) { return key.substr(key.rfind('.') + 1); }

}  // namespace

// Reads one text of settings.
class SettingsReader {
 public:
  SettingsReader(Settings& settings, std::string name, const std::string& text, Settings::Others others)
      : settings_(settings), name_(std::move(name)), text_(text), others_(others) {}

  toml::table parsed() const {
    try {
      return toml::parse(text_, name_);
    } catch (const toml::parse_error& error) {
      fail(error.source(), "this is no TOML: " + std::string(error.description()));
    }
  }

  void read(const toml::table& table, const std::string& prefix = "") {
    for (const auto& [key, node] : table) {
      const std::string path = prefix + std::string(key.str());
      if (path == "base" && name_ != kCommandLine) {
        if (!node.is_string()) fail(node.source(), "base must be the path of another file, in quotes");
        continue;
      }
      if (const Setting* setting = find(path)) {
        settings_.places_.insert_or_assign(path, position(node.source()));
        std::visit([&](const auto& target) { set(*setting, target, node); }, setting->target);
      } else if (node.is_table() && is_table(path)) {
        read(*node.as_table(), path + ".");
      } else if (others_ == Settings::Others::refuse) {
        fail(key.source(), unknown(path));
      }
    }
  }

 private:
  const Setting* find(std::string_view key) const {
    const auto found = std::ranges::find(settings_.list_, key, &Setting::key);
    return found == settings_.list_.end() ? nullptr : &*found;
  }

  bool is_table(const std::string& path) const {
    return others_ == Settings::Others::pass ||
           std::ranges::any_of(settings_.list_, [&](auto& setting) { return setting.key.starts_with(path + "."); });
  }

  // A key of this name in another table is nearer than one whose letters are.
  std::string unknown(const std::string& path) const {
    std::vector<std::string> keys;
    for (const Setting& setting : settings_.list_) {
      if (last_part_of(setting.key) == last_part_of(path)) {
        return fmt::format("unknown key '{}'; did you mean '{}'?", path, setting.key);
      }
      keys.push_back(setting.key);
    }
    if (const auto near = nearest_word(path, keys)) {
      return fmt::format("unknown key '{}'; did you mean '{}'?", path, *near);
    }
    return fmt::format("unknown key '{}'; known are {}", path, fmt::join(keys, ", "));
  }

  // ---- by type ----

  template <class T>
  T expect(const Setting& setting, const toml::node& node, std::string_view what) const {
    if (const auto value = node.value<T>()) return *value;
    fail(node.source(), fmt::format("{} must be {}", setting.key, what));
  }

  void check(const Setting& setting, const toml::node& node, double value) const {
    const auto [low, high] = setting.bounds;
    if (value >= low && value <= high) return;
    if (value < low) fail(node.source(), fmt::format("{} is {}; it must be at least {}", setting.key, value, low));
    fail(node.source(), fmt::format("{} is {}; it must be at most {}", setting.key, value, high));
  }

  void set(const Setting& setting, bool* target, const toml::node& node) const {
    if (!node.is_boolean()) fail(node.source(), fmt::format("{} must be true or false", setting.key));
    *target = expect<bool>(setting, node, "true or false");
  }

  void set(const Setting& setting, int64_t* target, const toml::node& node) const {
    if (!node.is_integer()) fail(node.source(), fmt::format("{} must be a whole number", setting.key));
    const auto value = expect<int64_t>(setting, node, "a whole number");
    check(setting, node, static_cast<double>(value));
    *target = value;
  }

  void set(const Setting& setting, double* target, const toml::node& node) const {
    if (!node.is_number()) fail(node.source(), fmt::format("{} must be a number", setting.key));
    const auto value = expect<double>(setting, node, "a number");
    check(setting, node, value);
    *target = value;
  }

  void set(const Setting& setting, std::string* target, const toml::node& node) const {
    *target = expect<std::string>(setting, node, "a string in quotes");
  }

  void set(const Setting& setting, std::vector<std::string>* target, const toml::node& node) const {
    const std::string what = R"(a list of strings, as ["one", "two"])";
    const toml::array* array = node.as_array();
    if (array == nullptr) fail(node.source(), fmt::format("{} must be {}", setting.key, what));
    std::vector<std::string> values;
    for (const toml::node& element : *array) values.push_back(expect<std::string>(setting, element, what));
    *target = std::move(values);
  }

  void set(const Setting& setting, NamedCounts* target, const toml::node& node) const {
    const std::string what = "a table of whole numbers, as {data = 2, expert = 4}";
    const toml::table* table = node.as_table();
    if (table == nullptr) fail(node.source(), fmt::format("{} must be {}", setting.key, what));
    std::vector<std::pair<toml::source_position, std::pair<std::string, int64_t>>> counts;
    for (const auto& [key, value] : *table) {
      if (!value.is_integer()) fail(value.source(), fmt::format("{} must be {}", setting.key, what));
      const auto count = expect<int64_t>(setting, value, what);
      check(setting, value, static_cast<double>(count));
      counts.push_back({key.source().begin, {std::string(key.str()), count}});
    }
    std::ranges::sort(counts, [](const auto& a, const auto& b) { return a.first < b.first; });
    target->clear();
    for (auto& [place, count] : counts) target->push_back(std::move(count));
  }

  void set(const Setting& setting, const OneOf& target, const toml::node& node) const {
    const std::string what = fmt::format("one of \"{}\"", fmt::join(target.words, "\", \""));
    const auto value = expect<std::string>(setting, node, what);
    const auto found = std::ranges::find(target.words, value);
    if (found != target.words.end()) return target.choose(static_cast<size_t>(found - target.words.begin()));
    const auto near = nearest_word(value, target.words);
    fail(node.source(), fmt::format("{} is \"{}\"; {}", setting.key, value,
                                    near ? fmt::format("did you mean \"{}\"?", *near) : "it must be " + what));
  }

  // ---- places ----

  TextPosition position(const toml::source_region& where) const {
    if (name_ == kCommandLine) return {};
    const auto line = static_cast<int64_t>(where.begin.line);
    return {name_, line, static_cast<int64_t>(where.begin.column), line_of(text_, line)};
  }

  [[noreturn]] void fail(const toml::source_region& where, const std::string& what) const {
    if (name_ == kCommandLine) throw Error::usage(fmt::format("'{}': {}", text_, what));
    throw Error::usage(what).at(position(where));
  }

  Settings& settings_;
  const std::string name_;
  const std::string text_;
  const Settings::Others others_;
};

namespace {

// The files of a chain of bases, the outermost first.
std::vector<std::string> chain_of(const std::string& path) {
  std::vector<std::string> chain = {path};
  while (true) {
    const std::string text = read_text(chain.back());
    const toml::parse_result file = [&] {
      try {
        return toml::parse(text);
      } catch (const toml::parse_error&) {
        return toml::table();  // said by who reads it, with its place
      }
    }();
    const auto base = file["base"].value<std::string>();
    if (!base) break;
    if (chain.size() > kMostBases) throw Error::usage(fmt::format("{}: files that are based on each other", path));
    chain.push_back((std::filesystem::path(chain.back()).parent_path() / *base).string());
  }
  std::ranges::reverse(chain);
  return chain;
}

}  // namespace

void Settings::read(const std::string& path, Others others) {
  for (const std::string& file : chain_of(path)) {
    SettingsReader reader(*this, file, read_text(file), others);
    reader.read(reader.parsed());
  }
}

void Settings::override_with(const std::string& argument) {
  const size_t equals = argument.find('=');
  if (equals == std::string::npos) {
    throw Error::usage(fmt::format("'{}' is no setting; write key=value, as model.size=512", argument));
  }
  const auto parse = [](const std::string& text) -> std::optional<toml::table> {
    try {
      return toml::parse(text);
    } catch (const toml::parse_error&) {
      return std::nullopt;
    }
  };
  std::optional<toml::table> table = parse(argument);
  if (!table) {  // a string without quotes
    table = parse(argument.substr(0, equals) + "='''" + argument.substr(equals + 1) + "'''");
  }
  if (!table) throw Error::usage(fmt::format("'{}' is no setting; write key=value, as model.size=512", argument));
  SettingsReader(*this, std::string(kCommandLine), argument, Others::refuse).read(*table);
}

Error Settings::error(std::string_view key, const std::string& what) const {
  const auto place = places_.find(key);
  if (place == places_.end() || place->second.file.empty()) return Error::usage(what);
  return Error::usage(what).at(place->second);
}

// ---- writing --------------------------------------------------------------------------------------------------------

namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      result += fmt::format("\\u{:04x}", c);
    } else {
      result += c;
    }
  }
  return result + "\"";
}

struct ValueText {
  std::string operator()(const bool* value) const { return *value ? "true" : "false"; }
  std::string operator()(const int64_t* value) const { return fmt::format("{}", *value); }
  std::string operator()(const double* value) const { return fmt::format("{}", *value); }
  std::string operator()(const std::string* value) const { return quoted(*value); }
  std::string operator()(const OneOf& value) const { return quoted(value.words[value.chosen()]); }
  std::string operator()(const std::vector<std::string>* values) const {
    std::vector<std::string> texts;
    for (const std::string& value : *values) texts.push_back(quoted(value));
    return fmt::format("[{}]", fmt::join(texts, ", "));
  }
  std::string operator()(const NamedCounts* counts) const {
    std::vector<std::string> texts;
    for (const auto& [name, count] : *counts) texts.push_back(fmt::format("{} = {}", name, count));
    return fmt::format("{{{}}}", fmt::join(texts, ", "));
  }
};

// The help of a setting, and the words among which it is chosen.
std::string comment_of(const Setting& setting) {
  const auto* choice = std::get_if<OneOf>(&setting.target);
  if (choice == nullptr) return setting.help;
  const std::string words = fmt::format("one of \"{}\"", fmt::join(choice->words, "\", \""));
  return setting.help.empty() ? words : setting.help + "; " + words;
}

}  // namespace

std::string Settings::text() const {
  std::string text;
  std::string_view table;
  for (const Setting& setting : list_) {
    if (table_of(setting.key) != table) {
      table = table_of(setting.key);
      text += fmt::format("\n[{}]\n", table);
    }
    const std::string line = fmt::format("{} = {}", last_part_of(setting.key), std::visit(ValueText(), setting.target));
    const std::string comment = comment_of(setting);
    text += comment.empty() ? line + "\n" : fmt::format("{:<32}  # {}\n", line, comment);
  }
  return text;
}

}  // namespace gshard
