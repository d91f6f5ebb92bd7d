#include "train/memory_need.h"

#include <fmt/format.h>

#include "base/number_text.h"
#include "runtime/memory.h"
#include "runtime/prepare.h"
#include "shard/partition.h"

namespace gshard {

std::optional<std::string> lack_of_memory(const TrainConfig& config, const ModelProgram& step) {
  const double each = estimate(*prepare(*step.module), {}).peak_bytes;
  const double all = each * static_cast<double>(config.devices);
  const auto limit = static_cast<double>(memory_limit());
  if (all <= limit) return std::nullopt;
  const std::string devices = config.devices == 1 ? "" : fmt::format(" on {} devices", config.devices);
  return fmt::format(
      "a step takes about {}{}, of {} that may be used on this machine; lower batch.rows ({}), raise "
      "batch.micro_batches ({}), or make the model smaller",
      human_bytes(all), devices, human_bytes(limit), config.rows, config.micro_batches);
}

void check_memory(const TrainConfig& config, const ModelProgram& step) {
  if (const auto lack = lack_of_memory(config, step)) throw Error::memory(*lack);
}

}  // namespace gshard
