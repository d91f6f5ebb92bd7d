// gshard verify: reads and checks modules, and says what is wrong with each.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "tools/program.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {
namespace {

// Returns the exit code for this file.
int verify_file(const std::string& path) {
  try {
    const Program program = read_program(path);
    put(fmt::format("{} {}: {} instructions in {} computations\n", styled(Style::good, "ok", Stream::out), program.name,
                    program.module->instruction_count(), program.module->computations().size()));
    return 0;
  } catch (const Error& error) {
    put_error(error);
    return error.exit_code();
  }
}

int verify_files(const std::vector<std::string>& paths) {
  int worst = 0;
  for (const std::string& path : paths) worst = std::max(worst, verify_file(path));
  return worst;
}

}  // namespace

Command add_verify(CLI::App& root) {
  auto paths = std::make_shared<std::vector<std::string>>();
  CLI::App* app = add_subcommand(root, "verify", "Check modules: types, attributes, called computations, aliases",
                                 "All files are checked; the exit code is 3 if any is wrong.\n\n"
                                 "Example:\n  gshard verify before.hlo after.hlo");
  app->add_option("FILE", *paths, "HLO text to check; '-' is standard input")->required();
  return {app, [paths] { return verify_files(*paths); }};
}

}  // namespace gshard
