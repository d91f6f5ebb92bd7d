// The subcommands of `gshard`, one file each.
//
//   Command add_verify(CLI::App& root)      // declares its options and returns what to do when it is called
//
// Results go to stdout, logs and errors to stderr. A command throws Error, whose kind is the exit code.
#pragma once

#include <functional>
#include <vector>

namespace CLI {
class App;
}

namespace gshard {

struct Command {
  CLI::App* app = nullptr;
  std::function<int()> run;  // returns the exit code
};

Command add_print(CLI::App& root);
Command add_verify(CLI::App& root);
Command add_stats(CLI::App& root);
Command add_run(CLI::App& root);
Command add_bench(CLI::App& root);
Command add_profile(CLI::App& root);
Command add_propagate(CLI::App& root);
Command add_partition(CLI::App& root);
Command add_explain(CLI::App& root);
Command add_check(CLI::App& root);
Command add_machine(CLI::App& root);
Command add_model(CLI::App& root);
// The subcommands of `gshard corpus`.
std::vector<Command> add_corpus(CLI::App& root);
Command add_report(CLI::App& root);
Command add_train(CLI::App& root);
Command add_translate(CLI::App& root);
Command add_score(CLI::App& root);
Command add_evaluate(CLI::App& root);
Command add_help(CLI::App& root);

}  // namespace gshard
