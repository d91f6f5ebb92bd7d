#include "train/trainer.h"

#include <algorithm>
#include <numeric>

#include "train/memory_need.h"

namespace gshard {
namespace {

constexpr std::string_view kLoads = "/moe/tokens_per_expert";

double number(const NamedArrays& results, const std::string& name) {
  return static_cast<double>(results.at(name).values<float>()[0]);
}

// The mixture layer whose loads a result is; what a part of the step says is added to the record.
void add_layer(StepRecord& record, const NamedArrays& results, const std::string& name, double share) {
  const std::string scope = name.substr(0, name.size() - kLoads.size());
  const auto same = [&](const ExpertRecord& one) { return one.layer == scope; };
  auto layer = std::ranges::find_if(record.experts, same);
  if (layer == record.experts.end()) {
    record.experts.push_back({scope, {}, 0, 0});
    layer = record.experts.end() - 1;
  }
  const auto loads = results.at(name).values<float>();
  layer->loads.resize(loads.size());
  for (size_t e = 0; e < loads.size(); ++e) layer->loads[e] += static_cast<double>(loads[e]);
  layer->dropped += share * number(results, scope + "/moe/dropped");
  layer->entropy += share * number(results, scope + "/moe/entropy");
}

void add_part(StepRecord& record, const NamedArrays& results, double share) {
  record.loss += number(results, "loss");
  record.nll += share * number(results, "nll");
  record.auxiliary += number(results, "auxiliary");
  record.gradient_norm = number(results, "gradient_norm");
  record.skipped = number(results, "skipped") > 0 ? 1 : 0;
  for (const auto& [name, value] : results) {
    if (name.ends_with(kLoads)) add_layer(record, results, name, share);
  }
}

void make_shares(ExpertRecord& layer) {
  const double total = std::accumulate(layer.loads.begin(), layer.loads.end(), 0.0);
  for (double& load : layer.loads) load = total > 0 ? load / total : 0;
}

using Check = std::function<void(const std::vector<Parameter>&)>;

ModelProgram fitting_step(const TrainConfig& config, const TransformerOptions& model, const Numerics& numerics,
                          const Check& check) {
  ModelProgram step = step_of_training(config, model, numerics);
  if (check) check(step.parameters);
  check_memory(config, step);
  return step;
}

}  // namespace

Trainer::Trainer(const TrainConfig& config, const TransformerOptions& model, const Numerics& numerics,
                 const Check& check)
    : config_(config), model_(model), numerics_(numerics), training_(fitting_step(config, model, numerics, check)) {}

StepRecord Trainer::step(const Batch& batch, const StepRates& rates) {
  StepRecord record;
  record.loss = record.nll = record.auxiliary = 0;
  const int64_t parts = config_.micro_batches;
  const int64_t rows = batch.rows / parts;
  for (int64_t i = 0; i < parts; ++i) {
    const Batch part = parts == 1 ? batch : rows_of(batch, i * rows, rows);
    StepRates own = rates;
    own.share =
        static_cast<double>(part.target_tokens) / static_cast<double>(std::max<int64_t>(batch.target_tokens, 1));
    own.balance_weight /= static_cast<double>(parts);
    add_part(record, training_.run(inputs_of(part, own)), own.share);
  }
  for (ExpertRecord& layer : record.experts) make_shares(layer);
  std::ranges::sort(record.experts, comes_before);
  record.source_tokens = batch.source_tokens;
  record.target_tokens = batch.target_tokens;
  record.learning_rate = rates.learning_rate;
  return record;
}

int64_t Trainer::all_to_alls() const {
  double runs = 0;
  for (const CollectiveCount& collective : training_.collectives()) {
    if (collective.op == Op::all_to_all) runs += collective.runs;
  }
  return config_.micro_batches * static_cast<int64_t>(runs);
}

HeldOutLoss Trainer::loss_of(const TokenFile& tokens, int64_t pairs) {
  if (!dev_) dev_.emplace(likelihoods_on_dev(config_, model_, numerics_));
  dev_->share(training_, Role::weight);
  PassReader reader(tokens,
                    {.rows = config_.rows / config_.micro_batches,
                     .source_length = config_.model.source_length,
                     .target_length = config_.model.target_length,
                     .directions = config_.model.parsed_directions()},
                    pairs);
  HeldOutSums sums(tokens);
  while (const auto batch = reader.next()) sums.add(*batch, dev_->run(inputs_of(*batch)));
  dev_->forget(Role::weight);  // or the next step would write its weights elsewhere
  return sums.mean();
}

}  // namespace gshard
