#include "decode/decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <ranges>
#include <utility>

#include "eval/arguments.h"
#include "ops/infer.h"
#include "runtime/array_archive.h"

namespace gshard {
namespace {

TransformerOptions deciding(TransformerOptions model, double capacity) {
  if (capacity > 0) {
    model.moe.gating.capacity = 0;
    model.moe.gating.evaluation_factor = capacity;
  } else {
    model.moe = model.moe.without_drops();
  }
  return model;
}

// Names and shapes of all weights: those of the program that has both an encoder and a decoder.
std::map<std::string, Shape> weights_of(const DecoderOptions& options) {
  const int64_t rows = options.layout.devices();
  const ModelProgram program = score_program({rows, 8, 1, 8}, options.model, {options.layout, options.numerics});
  std::map<std::string, Shape> weights;
  for (const Parameter& parameter : program.parameters) {
    if (parameter.role == Role::weight) weights.emplace(parameter.name, parameter.shape);
  }
  return weights;
}

template <class T>
Literal literal_of(const Shape& shape, std::span<const T> values) {
  GSHARD_CHECK(static_cast<int64_t>(values.size()) == shape.element_count());
  Literal literal = Literal::uninitialized(shape);
  std::memcpy(literal.mutable_bytes(), values.data(), values.size_bytes());
  return literal;
}

Literal literal_of(const TokenRows& rows) {
  return literal_of<int32_t>(Shape(DType::s32, {rows.rows, rows.length}), rows.tokens);
}

std::vector<double> doubles_of(const Literal& literal) {
  const Literal wide = convert_leaves(literal, literal.shape().with_type(DType::f64));
  const auto values = wide.values<double>();
  return {values.begin(), values.end()};
}

bool is_cache(const Parameter& parameter) {
  return parameter.role == Role::state && parameter.name.starts_with("written_");
}

// These rows of an array [rows,...], each at the front of one of the first rows of another; all else is 0.
Literal moved(const Literal& from, std::span<const int64_t> rows, const Shape& shape) {
  Literal to(shape);
  const auto from_bytes = static_cast<size_t>(from.shape().byte_size() / from.shape().dims()[0]);
  const auto to_bytes = static_cast<size_t>(shape.byte_size() / shape.dims()[0]);
  GSHARD_CHECK(from_bytes <= to_bytes);
  for (size_t row = 0; row < rows.size(); ++row) {
    std::memcpy(to.mutable_bytes() + row * to_bytes, from.bytes() + static_cast<size_t>(rows[row]) * from_bytes,
                from_bytes);
  }
  return to;
}

void zero_state(CompiledModel& model) {
  for (const Parameter& parameter : model.parameters()) {
    if (parameter.role == Role::state) model.set_value(parameter.name, Literal(parameter.shape));
  }
}

}  // namespace

void TokenRows::set(int64_t row, std::span<const int32_t> ids) {
  GSHARD_CHECK(row < rows && static_cast<int64_t>(ids.size()) <= length);
  std::ranges::copy(ids, tokens.begin() + row * length);
}

Decoder::Decoder(const DecoderOptions& options) : options_(options), weights_() {
  options_.model = deciding(options_.model, options_.expert_capacity);
  weights_ = weights_of(options_);
}

Decoder::~Decoder() = default;

// ---- weights --------------------------------------------------------------------------------------------------------

void Decoder::set_weights(NamedArrays weights) {
  drop_weights();
  for (const auto& [name, shape] : weights_) {
    const auto found = weights.find(name);
    if (found == weights.end()) throw Error::program(fmt::format("decoder: no weight '{}' is given", name));
    if (found->second.shape() == shape) continue;
    throw Error::program(fmt::format("decoder: weight '{}' is {}, must be {}", name, found->second.shape(), shape));
  }
  arrays_ = std::move(weights);
  for (auto& [key, model] : programs_) give_weights(*model);
}

void Decoder::load_weights(const std::string& path) {
  std::vector<ArrayEntry> entries;
  for (const auto& [name, shape] : weights_) entries.push_back({name, shape});
  NamedArrays weights;
  read_arrays(path, entries, [&](const std::string& name, Literal value) { weights.emplace(name, std::move(value)); });
  set_weights(std::move(weights));
}

void Decoder::share_weights(const CompiledModel& model) {
  drop_weights();
  trained_ = &model;
  for (auto& [key, program] : programs_) give_weights(*program);
}

void Decoder::drop_weights() {
  trained_ = nullptr;
  arrays_.clear();
  for (auto& [key, model] : programs_) model->forget(Role::weight);
}

void Decoder::give_weights(CompiledModel& model) const {
  if (trained_ != nullptr) model.share(*trained_, Role::weight);
  for (const auto& [key, other] : programs_) {
    if (other.get() != &model) model.share(*other, Role::weight);
  }
  for (const Parameter& parameter : model.parameters()) {
    if (parameter.role != Role::weight || model.has_value(parameter.name)) continue;
    const auto found = arrays_.find(parameter.name);
    if (found == arrays_.end()) throw Error::program(fmt::format("decoder: '{}' has no value", parameter.name));
    model.set_value(parameter.name, found->second);
  }
}

// ---- programs -------------------------------------------------------------------------------------------------------

CompiledModel& Decoder::program(const char* name, Write write, const DecodingSize& size) {
  const std::pair key(std::string(name), size);
  if (const auto found = programs_.find(key); found != programs_.end()) return *found->second;
  auto made = std::make_unique<CompiledModel>(write(size, options_.model, {options_.layout, options_.numerics}));
  zero_state(*made);
  give_weights(*made);
  return *programs_.emplace(key, std::move(made)).first->second;
}

CompiledModel& Decoder::encoder(const DecodingSize& size) {
  return program("encode", encode_program, {.rows = size.rows, .source_length = size.source_length});
}

CompiledModel& Decoder::stepper(const DecodingSize& size) { return program("step", step_program, size); }

// ---- running --------------------------------------------------------------------------------------------------------

void Decoder::count_choices(const NamedArrays& results) {
  const auto sent = results.find("choices_sent");
  if (sent == results.end()) return;
  const double all = doubles_of(sent->second)[0];
  choices_.sent += all;
  choices_.dropped += all - doubles_of(results.at("choices_kept"))[0];
}

void Decoder::encode(const TokenRows& sources, const DecodingSize& size) {
  CompiledModel& encoder = this->encoder(size);
  count_choices(encoder.run({{"source", literal_of(sources)}}));
  stepper(size).share(encoder, Role::state);
  size_ = size;
}

StepResult Decoder::step(std::span<const int32_t> tokens, int64_t step, std::span<const uint8_t> seen) {
  const Shape places(DType::s32, {size_.rows, size_.texts});
  const Shape sees(DType::pred, {size_.rows, size_.texts, size_.target_length * size_.texts});
  const NamedArrays results = stepper(size_).run({{"tokens", literal_of(places, tokens)},
                                                  {"step", Literal::scalar(DType::s32, static_cast<int32_t>(step))},
                                                  {"seen", literal_of(sees, seen)}});
  count_choices(results);
  const Literal& next = results.at("next");
  const auto ids = next.values<int32_t>();
  return {next.shape().dims()[2],
          {ids.begin(), ids.end()},
          doubles_of(results.at("next_log")),
          doubles_of(results.at("end_log"))};
}

void Decoder::go_on(const DecodingSize& size, std::span<const int64_t> rows) {
  GSHARD_CHECK(std::ssize(rows) <= size.rows && size.target_length >= size_.target_length);
  const CompiledModel& before = stepper(size_);
  CompiledModel& after = stepper(size);
  const bool all_stay = size.rows == size_.rows && std::ranges::equal(rows, std::views::iota(int64_t{0}, size.rows));
  if (all_stay) after.share(before, Role::state);
  for (const Parameter& parameter : after.parameters()) {
    if (parameter.role != Role::state || (all_stay && !is_cache(parameter))) continue;
    after.set_value(parameter.name, moved(before.value(parameter.name), rows, parameter.shape));
  }
  size_ = size;
}

std::vector<double> Decoder::score(const TokenRows& sources, const TokenRows& targets) {
  const DecodingSize size{sources.rows, sources.length, 1, targets.length};
  CompiledModel& scorer = program("score", score_program, size);
  const NamedArrays results = scorer.run({{"source", literal_of(sources)}, {"target", literal_of(targets)}});
  count_choices(results);
  return doubles_of(results.at("log_probability"));
}

}  // namespace gshard
