// gshard model: the models that gshard knows by name, and what a step of their training is on many devices.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <limits>
#include <map>

#include "model/preset.h"
#include "ops/table.h"
#include "runtime/large_values.h"
#include "runtime/memory.h"
#include "runtime/prepare.h"
#include "shard/partition.h"
#include "tools/command.h"
#include "tools/model_tables.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "'list' names the models. 'show' prints the parameters of one in groups, what each device holds of\n"
    "them, and with --partition what a step of its training sends and how long it took to compile. No\n"
    "number is allocated: the largest has a trillion.\n"
    "\n"
    "Experts, batches and groups of tokens are cut over all devices, as in the paper; with --tensor N,\n"
    "N of each N devices share their heads, hidden units and vocabulary instead. From 2,048 devices on\n"
    "embeddings are cut too, so that no device holds more than 1/64 of anything large.\n"
    "\n"
    "Examples:\n"
    "  gshard model list\n"
    "  gshard model show moe-2048e-36l --partition\n"
    "  gshard model show moe-2048e-36l --devices 16384 --tensor 8 --partition";

struct Options {
  std::string action;
  std::string name;
  uint64_t devices = 0;  // 0: the preset's
  uint64_t tensor = 1;
  bool whole_embeddings = false;
  bool partition = false;
};

class Stopwatch {
 public:
  // Since it was made or last asked.
  double seconds() {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> passed = now - last_;
    last_ = now;
    return passed.count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// ---- partitioned ----------------------------------------------------------------------------------------------------

// Values of the whole program that are large and that devices hold too much of.
std::string held_table(const Partitioned& program) {
  struct Held {
    int64_t count = 0;
    double share = 0;
  };
  const std::vector<HeldValue> values = large_values(program, 64 << 20, 1.0 / 64);
  std::map<std::string, Held> held;
  for (const HeldValue& value : values) {
    Held& one = held[value.value->shape().to_string()];
    one.count += 1;
    one.share = std::max(one.share, value.share);
  }
  Table table({{"type"}, {"values", Align::right}, {"largest share", Align::right}});
  for (const auto& [type, one] : held) {
    table.add({type, with_separators(one.count), fmt::format("1/{:.0f}", 1 / one.share)});
  }
  const std::string title =
      fmt::format("{} values over 64 MiB of which a device holds more than 1/64", with_separators(values.size()));
  return heading(title) + (values.empty() ? "" : table.text());
}

std::string partitioned_text(const ModelProgram& program, Stopwatch& watch) {
  watch.seconds();
  const std::unique_ptr<Module> prepared = prepare(*program.module);
  const double preparing = watch.seconds();
  const Partitioned parts = partition(*prepared);
  const double partitioning = watch.seconds();
  std::string text = line("partitioned", fmt::format("in {}, after simplifying it in {}", human_seconds(partitioning),
                                                     human_seconds(preparing)));
  text += line("", fmt::format("{} instructions, {} of memory", with_separators(parts.module->instruction_count()),
                               human_bytes(static_cast<double>(peak_memory()))));
  for (const std::string& warning : parts.warnings) text += line("warning", warning);
  return text + collectives_table(*parts.module) + held_table(parts);
}

// ---------------------------------------------------------------------------------------------------------------------

int list() {
  Table table({{"model"}, {"what it is"}, {"devices", Align::right}, {"tokens of a batch", Align::right}});
  for (const Preset& preset : presets()) {
    table.add({preset.name, preset.description, with_separators(preset.devices),
               with_separators(preset.batch.batch * preset.batch.length)});
  }
  put(table.text());
  return 0;
}

MeshLayout layout_of(const Options& options, const Preset& preset) {
  constexpr uint64_t kMost = std::numeric_limits<int32_t>::max();
  if (std::max(options.devices, options.tensor) > kMost) {
    throw Error::usage(fmt::format("{} devices: more than {}", std::max(options.devices, options.tensor), kMost));
  }
  const auto devices = options.devices == 0 ? preset.devices : static_cast<int64_t>(options.devices);
  const auto tensor = static_cast<int64_t>(options.tensor);
  if (tensor < 1) throw Error::usage("--tensor: there must be 1 device at least");
  if (devices % tensor != 0) {
    throw Error::usage(fmt::format("{} devices are no multiple of the {} that share a layer", devices, tensor));
  }
  if (!options.whole_embeddings && devices >= 2048) return MeshLayout::nothing_whole(devices / tensor, tensor);
  return tensor == 1 ? MeshLayout::experts(devices) : MeshLayout::mixed(devices / tensor, tensor);
}

// A known model that cannot be built is one that does not go with these devices.
ModelProgram built(const Preset& preset, const MeshLayout& layout) {
  try {
    return train_step_of(preset, layout);
  } catch (const Error& error) {
    throw Error::usage(fmt::format("{} over {}: {}", preset.name, layout.mesh().to_string(), error.what()));
  }
}

int show(const Options& options) {
  const Preset& preset = preset_of(options.name);
  const MeshLayout layout = layout_of(options, preset);
  Stopwatch watch;
  const ModelProgram program = built(preset, layout);
  const double building = watch.seconds();
  std::string text = line("model", preset.description);
  text += line("weights", with_separators(weight_count(program)));
  text += line("mesh", layout.mesh().to_string());
  text += line("a step", fmt::format("{} instructions, built with its gradients in {}",
                                     with_separators(program.module->instruction_count()), human_seconds(building)));
  if (options.partition) {
    put(text + partitioned_text(program, watch) + parameters_table(program, layout));
  } else {
    put(text + parameters_table(program, layout));
  }
  return 0;
}

}  // namespace

Command add_model(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* app = add_subcommand(root, "model", "List the models known by name, or show one on many devices", kNotes);
  app->add_option("ACTION", options->action, "'list' or 'show'")->required()->check(CLI::IsMember({"list", "show"}));
  app->add_option("MODEL", options->name, "The model to show");
  add_count_option(*app, "--devices", options->devices, "Cut it over this many devices (default: the paper's)");
  add_count_option(*app, "--tensor", options->tensor, "Devices that share each head and hidden layer (default: 1)");
  app->add_flag("--whole-embeddings", options->whole_embeddings,
                "Whole embeddings on every device, as in the paper; otherwise 2,048 devices and\nmore cut them too");
  app->add_flag("--partition", options->partition, "Partition a step of its training");
  return {app, [app, options] {
            if (app->count("--devices") > 0 && options->devices == 0) {
              throw Error::usage("--devices: there must be 1 device at least");
            }
            if (options->action == "list" && !options->name.empty()) {
              throw Error::usage(fmt::format("model list shows all: '{}' is of 'model show'", options->name));
            }
            if (options->action == "list") return list();
            if (options->name.empty()) throw Error::usage("model show: which? See 'gshard model list'");
            return show(*options);
          }};
}

}  // namespace gshard
