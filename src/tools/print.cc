// gshard print: a module in canonical text.
#include <CLI/CLI.hpp>

#include "runtime/file.h"
#include "runtime/load.h"
#include "text/print.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "The text is what XLA itself would print: printing it again changes nothing.\n"
    "\n"
    "Examples:\n"
    "  gshard print model.hlo\n"
    "  gshard print model.hlo --no-metadata -o short.hlo";

struct Options {
  std::string file;
  std::string out;
  bool no_metadata = false;
};

int print_file(const Options& options) {
  const Program program = load(options.file);
  PrintOptions print_options;
  print_options.metadata = !options.no_metadata;
  const std::string text = print(*program.module, print_options);
  if (options.out.empty() || options.out == "-") {
    put(text);
  } else {
    write_text(options.out, text);
  }
  return 0;
}

}  // namespace

Command add_print(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* app = add_subcommand(root, "print", "Write a module as canonical HLO text", kNotes);
  app->add_option("FILE", options->file, "HLO text; '-' is standard input")->required();
  app->add_option("-o,--out", options->out, "Write to this file instead of standard output")->type_name("OUT.hlo");
  app->add_flag("--no-metadata", options->no_metadata, "Leave out metadata and the tables of source files");
  return {app, [options] { return print_file(*options); }};
}

}  // namespace gshard
