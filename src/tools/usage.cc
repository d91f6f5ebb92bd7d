#include "tools/usage.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <optional>

#include "base/error.h"
#include "base/nearest_word.h"
#include "tools/terminal.h"

namespace gshard {
namespace {

// CLI11's "N:INT in [1 - 64]" as "N from 1 to 64".
std::string with_readable_range(std::string type) {
  constexpr std::string_view kRange = ":INT in [";
  const size_t at = type.find(kRange);
  if (at == std::string::npos) return type;
  std::string range = type.substr(at + kRange.size());
  range.pop_back();
  if (const size_t dash = range.find(" - "); dash != std::string::npos) range.replace(dash, 3, " to ");
  return type.substr(0, at) + " from " + range;
}

// CLI11's help without its "REQUIRED" and "TEXT": the usage line says what is optional, the type names what is meant.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() {
    column_width(34);
    label("Positionals", "Arguments");
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string type = option->get_type_name();
    if (type.starts_with("TEXT:")) type.erase(0, 5);  // what it may be says more
    return option->get_positional() || type.empty() ? "" : " " + with_readable_range(std::move(type));
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    const bool is_needed = option->get_required() && !option->get_positional();
    return option->get_description() + (is_needed ? " (required)" : "");
  }
};

std::vector<std::string> subcommand_names(const CLI::App& root) {
  std::vector<std::string> names;
  for (const CLI::App* app : root.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(app->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// "gshard", "gshard run" or "gshard corpus import", with `between` after the first word.
std::string command_line(const CLI::App& app, const std::string& between = "") {
  if (app.get_parent() == nullptr) return app.get_name() + between;
  return command_line(*app.get_parent(), between) + " " + app.get_name();
}

// "gshard help" or "gshard help run".
std::string help_command(const CLI::App& app) { return command_line(app, " help"); }

// The first word that the subcommand (or the root) has no place for.
std::optional<Error> unexpected(const CLI::App& app) {
  std::vector<std::string> words = app.remaining();
  std::erase(words, "--");  // CLI11 has seen to it: what follows is no option
  if (words.empty()) return std::nullopt;
  const std::string word = words[0].substr(0, words[0].find('='));
  if (word.starts_with("-") && word.size() > 1) return unknown_word("option", word, option_names(app), app);
  if (!subcommand_names(app).empty()) return unknown_subcommand(app, word);
  return Error::usage(fmt::format("unexpected argument '{}' (see '{}')", word, help_command(app)));
}

// An argument without a letter: most likely a variable of the shell that is not set.
std::optional<Error> empty_argument(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    const auto& given = option->results();
    if (std::ranges::find(given, "") == given.end()) continue;
    return Error::usage(fmt::format("{}: what is given is empty (see '{}')", option->get_name(), help_command(app)));
  }
  return std::nullopt;
}

const CLI::App& chosen_app(const CLI::App& root) {
  const auto chosen = root.get_subcommands();
  return chosen.empty() ? root : chosen_app(*chosen.front());
}

// What CLI11 says, as one line of ours.
Error usage_error(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App& app = chosen_app(root);
  if (auto word = unexpected(app)) return *word;
  std::string message = error.what();
  std::replace(message.begin(), message.end(), '\n', ' ');
  return Error::usage(fmt::format("{} (see '{}')", message, help_command(app)));
}

void add_shared_options(CLI::App& app) {
  app.set_help_flag("-h,--help", "Show this help");
  app.add_flag_callback(
      "-v,--verbose", [] { set_verbosity(Verbosity::verbose); }, "Log what is done, and times, to stderr");
  app.add_flag_callback(
      "-q,--quiet", [] { set_verbosity(Verbosity::quiet); }, "Log errors alone");
}

}  // namespace

std::string help_of(const CLI::App& app) {
  return app.get_formatter()->make_help(&app, command_line(app), CLI::AppFormatMode::Normal);
}

Error unknown_word(std::string_view what, const std::string& word, std::vector<std::string> candidates,
                   const CLI::App& app) {
  const auto near = nearest_word(word, candidates);
  const std::string advice = near ? fmt::format("did you mean '{}'?", *near)
                                  : fmt::format("it is none of {}", fmt::join(candidates, ", "));
  return Error::usage(
      fmt::format("unknown {} '{}'; {} (see '{}')", what, word.substr(0, 64), advice, help_command(app)));
}

Error unknown_subcommand(const CLI::App& root, const std::string& word) {
  return unknown_word("subcommand", word, subcommand_names(root), root);
}

CLI::App* add_subcommand(CLI::App& root, const std::string& name, const std::string& description,
                         const std::string& examples) {
  CLI::App* app = root.add_subcommand(name, description);
  app->formatter(std::make_shared<HelpFormatter>());
  app->footer(examples);
  app->allow_extras();
  add_shared_options(*app);
  return app;
}

void add_count_option(CLI::App& app, const std::string& name, uint64_t& value, const std::string& description) {
  const auto parse = [name, &value](const std::string& text) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return;
    throw Error::usage(fmt::format("{}: '{}' is no whole number from 0 to 2^64-1", name, text));
  };
  app.add_option_function<std::string>(name, parse, description)->type_name("N");
}

int parse_and_run(CLI::App& root, std::span<const Command> commands, int argc, const char* const* argv) {
  root.formatter(std::make_shared<HelpFormatter>());
  root.allow_extras();
  root.require_subcommand(0, 1);  // what follows a subcommand is its own, even where it is called like another
  add_shared_options(root);
  try {
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const CLI::App& app = chosen_app(root);
    put(help_of(app));
    return 0;
  } catch (const CLI::CallForVersion& version) {
    put(std::string(version.what()) + "\n");
    return 0;
  } catch (const CLI::ParseError& error) {
    throw usage_error(root, error);
  }
  const CLI::App& app = chosen_app(root);
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
    if (auto word = unexpected(*at)) throw *word;
    if (auto nothing = empty_argument(*at)) throw *nothing;
  }
  for (const Command& command : commands) {
    if (command.app == &app) return command.run();
  }
  throw Error::usage(fmt::format("a subcommand is missing; '{}' lists them", help_command(app)));
}

}  // namespace gshard
