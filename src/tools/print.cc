// gshard print: a module in canonical text, as it is or after passes.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "runtime/output_file.h"
#include "text/print.h"
#include "text/verify.h"
#include "tools/program.h"
#include "tools/terminal.h"
#include "tools/usage.h"
#include "transform/simplify.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "The text is what XLA itself would print: printing it again changes nothing.\n"
    "\n"
    "Passes:\n"
    "  {}\n"
    "\n"
    "Examples:\n"
    "  gshard print model.hlo\n"
    "  gshard print model.hlo --no-metadata --simplify -o small.hlo\n"
    "  gshard print model.hlo --passes inline-calls,eliminate-dead-code --dump-to steps";

struct Options {
  std::string file;
  std::string out = "-";
  bool no_metadata = false;
  bool simplify = false;
  std::vector<std::string> passes;
  std::string dump_to;
};

PrintOptions print_options(const Options& options) {
  PrintOptions print;
  print.metadata = !options.no_metadata;
  return print;
}

std::vector<std::string> pass_names() {
  std::vector<std::string> names;
  for (const Pass& pass : simplify_passes()) names.emplace_back(pass.name);
  return names;
}

std::vector<Pass> chosen_passes(const Options& options, const CLI::App& app) {
  std::vector<Pass> chosen;
  for (const std::string& name : options.passes) {
    const auto known = simplify_passes();
    const auto pass = std::find_if(known.begin(), known.end(), [&](const Pass& p) { return p.name == name; });
    if (pass == known.end()) throw unknown_word("pass", name, pass_names(), app);
    chosen.push_back(*pass);
  }
  return chosen;
}

// Writes what each pass leaves to DIR/01-inline-calls.hlo, DIR/02-...; the module before all passes is 00-read.hlo.
class Dumps {
 public:
  explicit Dumps(const Options& options) : folder_(options.dump_to), print_(print_options(options)) {
    std::error_code failed;
    std::filesystem::create_directories(folder_, failed);
    if (failed) throw Error::program(fmt::format("{}: cannot create it: {}", folder_, failed.message()));
  }
  void write(const Module& module, std::string_view step) {
    write_text(fmt::format("{}/{:02}-{}.hlo", folder_, number_++, step), print(module, print_));
  }

 private:
  std::string folder_;
  PrintOptions print_;
  int number_ = 0;
};

void run_passes_of(Module& module, const Options& options, const CLI::App& app) {
  const std::vector<Pass> chosen = chosen_passes(options, app);
  PassOptions pass_options;
  pass_options.verify = verify;
  pass_options.report = [](std::string_view pass, double seconds, bool changed) {
    spdlog::debug("{}: {} in {:.3f} s", pass, changed ? "changed" : "nothing to do", seconds);
  };
  if (!options.dump_to.empty()) {
    const auto dumps = std::make_shared<Dumps>(options);
    dumps->write(module, "read");
    pass_options.dump = [dumps](const Module& after, std::string_view pass) { dumps->write(after, pass); };
  }
  run_passes(module, chosen, pass_options);
  if (options.simplify) simplify(module, pass_options);
}

int print_file(const Options& options, const CLI::App& app) {
  const Program program = read_program(options.file);
  with_lines(program, [&] { run_passes_of(*program.module, options, app); });
  put_result(options.out, print(*program.module, print_options(options)));
  return 0;
}

}  // namespace

Command add_print(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* app = add_subcommand(root, "print", "Write a module as canonical HLO text",
                                 fmt::format(kNotes, fmt::join(pass_names(), "\n  ")));
  app->add_option("FILE", options->file, "HLO text; '-' is standard input")->required();
  app->add_option("-o,--out", options->out, "Write to this file ('-', the default, is standard output)")
      ->type_name("OUT.hlo");
  app->add_flag("--no-metadata", options->no_metadata, "Leave out metadata and the tables of source files");
  app->add_flag("--simplify", options->simplify, "Run all passes again and again first, until nothing changes");
  app->add_option("--passes", options->passes, "Run these passes first, in this order")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("A,B,C");
  app->add_option("--dump-to", options->dump_to, "Write the module after each pass into this folder")->type_name("DIR");
  return {app, [app, options] { return print_file(*options, *app); }};
}

}  // namespace gshard
