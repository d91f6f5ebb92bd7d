// gshard help: the help of the whole command or of one subcommand.
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {

Command add_help(CLI::App& root) {
  auto topic = std::make_shared<std::string>();
  CLI::App* app =
      add_subcommand(root, "help", "Show the help of gshard or of a subcommand", "Example:\n  gshard help run");
  app->add_option("SUBCOMMAND", *topic, "The subcommand to explain; without it, all of them are listed");
  return {app, [&root, topic] {
            if (topic->empty()) {
              put(help_of(root));
              return 0;
            }
            const auto found = root.get_subcommands([&](const CLI::App* app) { return app->get_name() == *topic; });
            if (found.empty()) throw unknown_subcommand(root, *topic);
            put(help_of(*found[0]));
            return 0;
          }};
}

}  // namespace gshard
