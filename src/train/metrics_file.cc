#include "train/metrics_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <type_traits>

#include "base/error.h"
#include "runtime/file.h"
#include "runtime/output_file.h"

namespace gshard {
namespace {

using Json = nlohmann::ordered_json;

// ---- fields, the same for writing and reading

template <class Visit>
void for_each_field(const RunRecord*, Visit visit) {
  using R = RunRecord;
  visit("step", &R::step);
  visit("name", &R::name);
  visit("config", &R::config);
  visit("machine", &R::machine);
  visit("parameters", &R::parameters);
  visit("active_parameters", &R::active_parameters);
  visit("devices", &R::devices);
  visit("all_to_alls", &R::all_to_alls);
}

template <class Visit>
void for_each_field(const ExpertRecord*, Visit visit) {
  using R = ExpertRecord;
  visit("layer", &R::layer);
  visit("loads", &R::loads);
  visit("dropped", &R::dropped);
  visit("entropy", &R::entropy);
}

template <class Visit>
void for_each_field(const StepRecord*, Visit visit) {
  using R = StepRecord;
  visit("step", &R::step);
  visit("steps", &R::steps);
  visit("done", &R::done);
  visit("seconds", &R::seconds);
  visit("loss", &R::loss);
  visit("nll", &R::nll);
  visit("auxiliary", &R::auxiliary);
  visit("source_tokens", &R::source_tokens);
  visit("target_tokens", &R::target_tokens);
  visit("milliseconds", &R::milliseconds);
  visit("waiting_milliseconds", &R::waiting_milliseconds);
  visit("learning_rate", &R::learning_rate);
  visit("gradient_norm", &R::gradient_norm);
  visit("skipped", &R::skipped);
  visit("experts", &R::experts);
}

template <class Visit>
void for_each_field(const LanguageRecord*, Visit visit) {
  using R = LanguageRecord;
  visit("direction", &R::direction);
  visit("training_pairs", &R::training_pairs);
  visit("sentences", &R::sentences);
  visit("loss", &R::loss);
  visit("bleu", &R::bleu);
  visit("chrf", &R::chrf);
}

template <class Visit>
void for_each_field(const EvaluationRecord*, Visit visit) {
  using R = EvaluationRecord;
  visit("step", &R::step);
  visit("seconds", &R::seconds);
  visit("took_seconds", &R::took_seconds);
  visit("loss", &R::loss);
  visit("accuracy", &R::accuracy);
  visit("bleu", &R::bleu);
  visit("chrf", &R::chrf);
  visit("languages", &R::languages);
}

template <class Visit>
void for_each_field(const AlarmRecord*, Visit visit) {
  using R = AlarmRecord;
  visit("step", &R::step);
  visit("text", &R::text);
}

template <class Record>
Json json_of(const Record& record);

Json json_of(int64_t value) { return value; }
Json json_of(const std::string& text) { return text; }
// Nothing where it is unknown.
Json json_of(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json json_of(const std::vector<double>& shares) {
  Json json = Json::array();
  for (const double share : shares) json.push_back(std::round(share * 1e5) / 1e5);
  return json;
}

template <class Record>
Json json_of(const std::vector<Record>& records) {
  Json json = Json::array();
  for (const Record& record : records) json.push_back(json_of(record));
  return json;
}

template <class Record>
Json json_of(const Record& record) {
  Json json = Json::object();
  for_each_field(&record, [&](const char* name, auto member) {
    if (Json value = json_of(record.*member); !value.is_null()) json[name] = std::move(value);
  });
  return json;
}

template <class Value>
void read_value(const Json& json, Value& value) {
  json.get_to(value);
}

template <class Record>
void read_record(const Json& json, Record& record);

template <class Record>
requires std::is_class_v<Record> && std::is_aggregate_v<Record>
void read_value(const Json& json, std::vector<Record>& records) {
  for (const Json& part : json) read_record(part, records.emplace_back());
}

template <class Record>
void read_record(const Json& json, Record& record) {
  for_each_field(&record, [&](const char* name, auto member) {
    const auto found = json.find(name);
    if (found != json.end()) read_value(*found, record.*member);
  });
}

// Bytes that are no UTF-8, from a name or a config, are replaced.
template <class Record>
std::string line_of(const char* kind, const Record& record) {
  Json json = {{"kind", kind}};
  json.update(json_of(record));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// ---- the file

void add_record(Metrics& metrics, const Json& json) {
  const std::string kind = json.at("kind");
  if (kind == "run") read_record(json, metrics.runs.emplace_back());
  if (kind == "step") read_record(json, metrics.steps.emplace_back());
  if (kind == "evaluation") read_record(json, metrics.evaluations.emplace_back());
  if (kind == "alarm") read_record(json, metrics.alarms.emplace_back());
}

// Calls visit(line, json) for each whole line.
template <class Visit>
void for_each_record(const std::string& path, const std::string& text, Visit visit) {
  int64_t number = 0;
  for (size_t at = 0; at < text.size();) {
    ++number;
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) return;
    const std::string_view line(text.data() + at, end - at);
    try {
      visit(line, Json::parse(line));
    } catch (const Json::exception&) {
      if (end + 1 == text.size()) return;
      throw Error::program(fmt::format("{}: line {} is no record of a run", path, number));
    }
    at = end + 1;
  }
}

std::string records_until(const std::string& path, int64_t step) {
  std::error_code ignored;
  if (step == 0 || !std::filesystem::exists(path, ignored) || std::filesystem::file_size(path, ignored) == 0) return "";
  std::string kept;
  for_each_record(path, read_text(path), [&](std::string_view line, const Json& json) {
    if (json.value("step", int64_t{0}) <= step) kept.append(line).append("\n");
  });
  return kept;
}

}  // namespace

Metrics read_metrics(const std::string& path) {
  Metrics metrics;
  for_each_record(path, read_text(path), [&](std::string_view, const Json& json) { add_record(metrics, json); });
  return metrics;
}

MetricsFile::MetricsFile(std::string path, int64_t step) : path_(std::move(path)) {
  OutputFile whole(path_);
  whole.write(records_until(path_, step));
  whole.finish();
  file_ = std::fopen(path_.c_str(), "ae");
  if (file_ == nullptr) throw Error::program(fmt::format("{}: cannot write it: {}", path_, std::strerror(errno)));
}

MetricsFile::~MetricsFile() { std::fclose(file_); }

void MetricsFile::add(const RunRecord& record) { append(line_of("run", record)); }
void MetricsFile::add(const StepRecord& record) { append(line_of("step", record)); }
void MetricsFile::add(const EvaluationRecord& record) { append(line_of("evaluation", record)); }
void MetricsFile::add(const AlarmRecord& record) { append(line_of("alarm", record)); }

void MetricsFile::append(const std::string& line) {
  if (std::fwrite(line.data(), 1, line.size(), file_) == line.size() && std::fflush(file_) == 0) return;
  throw Error::program(fmt::format("{}: cannot write it: {}", path_, std::strerror(errno)));
}

}  // namespace gshard
