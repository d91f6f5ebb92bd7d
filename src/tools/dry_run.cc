#include "tools/dry_run.h"

#include <fmt/format.h>

#include "model/preset.h"
#include "ops/cost.h"
#include "runtime/machine_file.h"
#include "runtime/output_file.h"
#include "runtime/prepare.h"
#include "shard/partition.h"
#include "text/print.h"
#include "tools/model_tables.h"
#include "tools/table.h"
#include "train/initial_weights.h"
#include "train/memory_need.h"
#include "train/training_program.h"
#include "train/weight_counts.h"

namespace gshard {
namespace {

std::string count_text(double count) { return with_separators(static_cast<int64_t>(count)); }

// The usual estimate, two operations forward and four backward for each weight that a token meets, beside what the
// program computes: slots of experts, padding, attention and the optimiser included.
std::string arithmetic(const TrainConfig& config, const ModelProgram& program, const WeightCounts& weights) {
  const auto tokens = static_cast<double>(config.rows * config.model.target_length);
  const double computed = Costs(*program.module).total().flops * static_cast<double>(config.micro_batches);
  return line("weights",
              fmt::format("{}, of which {} work on a token", count_text(weights.all), count_text(weights.active))) +
         line("arithmetic", fmt::format("{}FLOP a step: {}FLOP a target place; 6 for each weight are {}FLOP, for each "
                                        "that works on it {}FLOP",
                                        human_count(computed), human_count(computed / tokens),
                                        human_count(6 * weights.all), human_count(6 * weights.active)));
}

}  // namespace

std::string dry_run(const TrainConfig& config, const std::string& hlo) {
  const TransformerOptions model = transformer_of(config, Vocabularies::load(vocabulary_folder_of(config)));
  const ModelProgram program = step_of_training(config, model, numerics_of(config));
  if (!hlo.empty()) {
    OutputFile out(hlo);
    out.write(print(*program.module));
    out.finish();
  }
  const MeshLayout layout = layout_of(config);
  const std::unique_ptr<Module> prepared = prepare(*program.module);
  PartitionOptions options;
  options.machine = measure_machine();
  const Estimate estimated = estimate(*prepared, options);
  const Partitioned parts = partition(*prepared, options);
  const auto micro = static_cast<double>(config.micro_batches);
  std::string text = line("mesh", layout.mesh().to_string());
  text += arithmetic(config, program, count_weights(program.parameters, model.moe.gating));
  text += line("a step", fmt::format("{} on this machine, estimated; {} sent by each device",
                                     human_seconds(micro * estimated.time.seconds()),
                                     human_bytes(micro * estimated.time.bytes_sent)));
  text += line("memory", fmt::format("{} on each device", human_bytes(estimated.peak_bytes)));
  if (const auto lack = lack_of_memory(config, program)) text += line("warning", *lack);
  for (const std::string& warning : parts.warnings) text += line("warning", warning);
  return text + collectives_table(*parts.module) + parameters_table(program, layout);
}

}  // namespace gshard
