// A small mixture-of-experts language model, trained on the bytes of a text file.
//
//   gshard_example_language_model [--devices N] [--steps N] [FILE]      # README.md where FILE is left out
//
// Devices are threads of this process; experts, sequences and groups of tokens are cut over them. The numbers are the
// same for every number of devices, up to rounding.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "base/random.h"
#include "model/train_step.h"
#include "model/transformer.h"
#include "runtime/compiled_model.h"

using namespace gshard;

namespace {

struct Options {
  int64_t devices = 4;
  int64_t steps = 40;
  std::string file = "README.md";
};

Options options_of(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--devices") == 0 && i + 1 < argc) {
      options.devices = std::stoll(argv[++i]);
    } else if (std::strcmp(argv[i], "--steps") == 0 && i + 1 < argc) {
      options.steps = std::stoll(argv[++i]);
    } else {
      options.file = argv[i];
    }
  }
  return options;
}

constexpr BatchSize kBatch{16, 32};

TransformerOptions small_model() {
  TransformerOptions model;
  model.target_vocabulary = 256;
  model.decoder_layers = 2;
  model.size = 64;
  model.hidden = 128;
  model.attention = {.heads = 4, .key_size = 16};
  model.moe = {.gating = {.experts = 4}, .hidden = 128, .group_size = 64};
  return model;
}

// Pieces of the text at places that depend on the step alone, and for each byte the one after it.
NamedArrays batch_of(const std::string& text, int64_t step) {
  const Shape shape(DType::s32, {kBatch.batch, kBatch.length});
  NamedArrays batch = {{"tokens", Literal(shape)},
                       {"labels", Literal(shape)},
                       {"segments", Literal(shape)},
                       {"positions", Literal(shape)}};
  const auto length = static_cast<size_t>(kBatch.length);
  for (size_t row = 0; row < static_cast<size_t>(kBatch.batch); ++row) {
    const size_t start = random_bits(static_cast<uint64_t>(step), row) % (text.size() - length);
    for (size_t i = 0; i < length; ++i) {
      const size_t at = row * length + i;
      batch["tokens"].mutable_values<int32_t>()[at] = static_cast<unsigned char>(text[start + i]);
      batch["labels"].mutable_values<int32_t>()[at] = static_cast<unsigned char>(text[start + i + 1]);
      batch["segments"].mutable_values<int32_t>()[at] = 1;
      batch["positions"].mutable_values<int32_t>()[at] = static_cast<int32_t>(i);
    }
  }
  return batch;
}

float number(const NamedArrays& results, const char* name) { return results.at(name).values<float>()[0]; }

int train(const Options& options) {
  std::ifstream in(options.file, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  if (text.size() <= static_cast<size_t>(kBatch.length)) {
    std::fprintf(stderr, "%s is no text of more than %d bytes\n", options.file.c_str(),
                 static_cast<int>(kBatch.length));
    return 2;
  }
  const auto loss = [](Model& model) { return language_model(model, kBatch, small_model()); };
  const OptimizerOptions adam{.rule = Adam{}, .schedule = Schedule::constant(0.003), .clip_norm = 1};
  CompiledModel model(train_step("language_model", {.layout = MeshLayout::experts(options.devices)}, loss, adam));
  model.initialize(1);

  float first = 0;
  float last = 0;
  for (int64_t step = 0; step < options.steps; ++step) {
    const NamedArrays results = model.run(batch_of(text, step));
    last = number(results, "loss");
    if (step == 0) first = last;
    if (step % 10 != 0 && step + 1 != options.steps) continue;
    std::printf("step %3d  loss %.4f  accuracy %.3f  dropped %.3f  gradient %.3f\n", static_cast<int>(step), last,
                number(results, "accuracy"), number(results, "decoder/layer_1/moe/dropped"),
                number(results, "gradient_norm"));
  }
  return last < first ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return train(options_of(argc, argv));
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.report().c_str());
    return error.exit_code();
  }
}
