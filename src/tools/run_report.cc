// gshard report: what a training run did, as a page and in the terminal.
#include "train/run_report.h"

#include <CLI/CLI.hpp>

#include "tools/terminal.h"
#include "tools/usage.h"
#include "train/run_summary.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "Reads RUN/metrics.jsonl, also while the run goes on, writes RUN/report.html, which needs nothing but\n"
    "a browser, and prints the curve of the loss, the balance of the experts and dev scores. TensorBoard\n"
    "shows the same run: tensorboard --logdir RUN.\n"
    "\n"
    "Example:\n"
    "  gshard report run";

}  // namespace

Command add_report(CLI::App& root) {
  auto folder = std::make_shared<std::string>();
  CLI::App* app = add_subcommand(root, "report", "Show how a training run went", kNotes);
  app->add_option("RUN", *folder, "The folder of the run")->required();
  return {app, [folder] {
            put(run_summary(read_metrics(*folder + "/metrics.jsonl")));
            put("written: " + write_report(*folder) + "\n");
            return 0;
          }};
}

}  // namespace gshard
