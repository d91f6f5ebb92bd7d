// gshard help: the help of the whole command or of one subcommand.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {

Command add_help(CLI::App& root) {
  auto topic = std::make_shared<std::vector<std::string>>();
  CLI::App* app =
      add_subcommand(root, "help", "Show the help of gshard or of a subcommand", "Example:\n  gshard help run");
  app->add_option("SUBCOMMAND", *topic, "The subcommand to explain; without it, all of them are listed");
  return {app, [&root, topic] {
            const CLI::App* at = &root;
            for (const std::string& name : *topic) {
              if (at->get_subcommands([](const CLI::App*) { return true; }).empty()) {
                throw Error::usage(fmt::format("'{}' has no subcommands: '{}' is none", at->get_name(), name));
              }
              const auto found = at->get_subcommands([&](const CLI::App* app) { return app->get_name() == name; });
              if (found.empty()) throw unknown_subcommand(*at, name);
              at = found[0];
            }
            put(help_of(*at));
            return 0;
          }};
}

}  // namespace gshard
