// gshard machine: the descriptions of machines that plans are timed by.
#include <CLI/CLI.hpp>
#include <memory>

#include "runtime/machine_file.h"
#include "tools/program.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "Prints the description of a machine as TOML: one that is known by name (balanced, tpu-v3, h100,\n"
    "threads), or the file of that path, read and checked. 'measure' times the machine at hand, whose\n"
    "devices are threads that share its cores.\n"
    "\n"
    "Examples:\n"
    "  gshard machine tpu-v3 > mine.toml\n"
    "  gshard machine measure -o here.toml\n"
    "  gshard partition model.hlo --machine here.toml -o model.8.hlo";

struct Options {
  std::string machine;
  std::string output = "-";
};

int run(const Options& options) {
  const Machine machine = options.machine == "measure" ? measure_machine() : read_machine(options.machine);
  const std::string text = machine_text(machine);
  put_result(options.output, text);
  return 0;
}

}  // namespace

Command add_machine(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* app = add_subcommand(root, "machine", "Describe or measure a machine that plans are made for", kNotes);
  app->add_option("MACHINE", options->machine, "A name, a file, or 'measure'")->required();
  app->add_option("-o,--out", options->output, "Write to this file ('-', the default, is standard output)")
      ->type_name("OUT.toml");
  return {app, [options] { return run(*options); }};
}

}  // namespace gshard
