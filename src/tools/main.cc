// The command `gshard`.
#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include "base/error.h"
#include "tools/command.h"
#include "tools/terminal.h"
#include "tools/usage.h"
#include "version.h"

namespace gshard {
namespace {

constexpr const char* kDescription =
    "gshard reads, prints, evaluates and partitions HLO modules, knows mixture-of-experts models, prepares text to\n"
    "train translation on, trains, and translates.\n"
    "A FILE holds HLO text, as XLA dumps it; '-' is standard input.\n";

constexpr const char* kFooter =
    "Exit codes: 0 fine, 1 different (check), 2 wrong usage, 3 a file that cannot be read or is no valid program,\n"
    "4 too large for the memory, 5 a training that diverged, 130 and 143 interrupted.\n"
    "\n"
    "Examples:\n"
    "  gshard stats model.hlo\n"
    "  gshard run model.hlo --seed 1\n"
    "  gshard help run";

int run(int argc, const char* const* argv) {
  set_verbosity(Verbosity::normal);
  CLI::App root(kDescription, "gshard");
  root.footer(kFooter);
  root.set_version_flag("--version", "gshard " GSHARD_VERSION " (" GSHARD_COMMIT ")",
                        "Show the version and the commit");
  std::vector<Command> commands = {add_print(root),   add_verify(root),  add_stats(root),     add_run(root),
                                   add_bench(root),   add_profile(root), add_propagate(root), add_partition(root),
                                   add_explain(root), add_check(root),   add_machine(root),   add_model(root)};
  for (Command& command : add_corpus(root)) commands.push_back(std::move(command));
  commands.push_back(add_report(root));
  for (const auto add : {add_train, add_translate, add_score, add_evaluate}) commands.push_back(add(root));
  commands.push_back(add_help(root));
  return parse_and_run(root, commands, argc, argv);
}

}  // namespace
}  // namespace gshard

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // terminal.h's put() sees the closed pipe
  const auto failed = [](const gshard::Error& error) {
    gshard::put_error(error);
    return error.exit_code();
  };
  try {
    return gshard::run(argc, argv);
  } catch (const gshard::Error& error) {
    return failed(error);
  } catch (const std::bad_alloc&) {
    return failed(gshard::Error::memory("not enough memory"));
  } catch (const std::system_error& error) {  // of the standard library: paths, threads
    return failed(gshard::Error::program(error.what()));
  } catch (const std::length_error& error) {  // a container beyond any memory
    return failed(gshard::Error::memory(std::string("not enough memory: ") + error.what()));
  } catch (const std::exception& error) {  // of oneDNN and others
    return failed(gshard::Error::program(std::string("a library failed: ") + error.what()));
  }
}
