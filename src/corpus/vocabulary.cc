#include "corpus/vocabulary.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "corpus/sha256.h"
#include "corpus/unicode.h"
#include "runtime/file.h"
#include "runtime/output_file.h"

namespace gshard {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "gshard vocabulary 1";

std::string description_path(const std::string& folder) { return folder + "/vocabulary.json"; }

int32_t tag_of(const Vocabulary& vocabulary, const std::string& symbol, const std::string& language) {
  if (const auto id = vocabulary.id_of_symbol(symbol)) return *id;
  throw Error::program(
      fmt::format("the vocabulary has no token {} for the language '{}'; it was made of a corpus "
                  "without that language",
                  symbol, language));
}

}  // namespace

struct Vocabulary::Model {
  sentencepiece::SentencePieceProcessor processor;
};

Vocabulary::Vocabulary() = default;
Vocabulary::Vocabulary(const Vocabulary&) = default;
Vocabulary& Vocabulary::operator=(const Vocabulary&) = default;
Vocabulary::~Vocabulary() = default;

Vocabulary Vocabulary::load(const std::string& path) { return of_model(read_text(path), path); }

Vocabulary Vocabulary::of_model(std::string_view model, const std::string& name) {
  auto loaded = std::make_shared<Model>();
  const auto status = loaded->processor.LoadFromSerializedProto(model);
  if (!status.ok()) throw Error::program(fmt::format("{}: it is no SentencePiece model, or damaged", name));
  const auto& p = loaded->processor;
  if (p.pad_id() != kPadding || p.unk_id() != kUnknownPiece || p.bos_id() != kBegin || p.eos_id() != kEnd) {
    throw Error::program(
        fmt::format("{}: padding, unknown, begin and end have the ids {}, {}, {}, {} in this model and "
                    "must have 0, 1, 2, 3; make one with 'gshard corpus vocab'",
                    name, p.pad_id(), p.unk_id(), p.bos_id(), p.eos_id()));
  }
  Sha256 hash;
  hash.add(model);
  Vocabulary vocabulary;
  vocabulary.model_ = std::move(loaded);
  vocabulary.sha256_ = to_hex(hash.digest());
  return vocabulary;
}

int32_t Vocabulary::size() const { return model_->processor.GetPieceSize(); }

std::vector<int32_t> Vocabulary::encode(std::string_view text) const {
  std::vector<int> ids;
  const auto status = model_->processor.Encode(tidy_text(valid_utf8(text)), &ids);
  GSHARD_CHECK(status.ok(), status.error_message());
  return ids;
}

std::string Vocabulary::decode(std::span<const int32_t> ids) const {
  for (const int32_t id : ids) {
    if (id >= 0 && id < size()) continue;
    throw Error::program(fmt::format("token {} is outside of a vocabulary of {}", id, size()));
  }
  std::string text;
  const auto status = model_->processor.Decode(std::vector<int>(ids.begin(), ids.end()), &text);
  GSHARD_CHECK(status.ok(), status.error_message());
  return text;
}

std::string Vocabulary::piece(int32_t id) const { return model_->processor.IdToPiece(id); }

std::optional<int32_t> Vocabulary::id_of_symbol(const std::string& symbol) const {
  const int32_t id = model_->processor.PieceToId(symbol);
  if (id == kUnknownPiece || !model_->processor.IsControl(id)) return std::nullopt;
  return id;
}

std::string target_symbol(const std::string& language) { return "<2" + language + ">"; }

std::string source_symbol(const std::string& language) { return "<from:" + language + ">"; }

std::string shared_model_path(const std::string& folder) { return folder + "/vocabulary.model"; }

std::string source_model_path(const std::string& folder) { return folder + "/source.model"; }

std::string target_model_path(const std::string& folder) { return folder + "/target.model"; }

std::string Vocabularies::sha256() const {
  Sha256 hash;
  hash.add(source.sha256() + target.sha256() + (tags_target ? "t" : "-") + (tags_source ? "s" : "-"));
  return to_hex(hash.digest());
}

std::vector<int32_t> Vocabularies::encode_source(std::string_view text, const std::string& source_language,
                                                 const std::string& target_language) const {
  std::vector<int32_t> ids;
  if (tags_target) ids.push_back(tag_of(source, target_symbol(target_language), target_language));
  if (tags_source) ids.push_back(tag_of(source, source_symbol(source_language), source_language));
  const std::vector<int32_t> pieces = source.encode(text);
  ids.insert(ids.end(), pieces.begin(), pieces.end());
  ids.push_back(kEnd);
  return ids;
}

std::vector<int32_t> Vocabularies::encode_target(std::string_view text) const {
  std::vector<int32_t> ids = target.encode(text);
  ids.push_back(kEnd);
  return ids;
}

Vocabularies Vocabularies::load(const std::string& folder) {
  const std::string path = description_path(folder);
  if (!std::filesystem::exists(path)) {
    throw Error::program(fmt::format("{0} has no vocabulary; 'gshard corpus vocab {0}' makes one", folder));
  }
  try {
    const Json json = Json::parse(read_text(path));
    if (json.at("format") != kFormat) {
      throw Error::program(fmt::format("{}: its format is not '{}'; make the vocabulary again", path, kFormat));
    }
    const bool shared = json.at("shared");
    const Vocabulary source = Vocabulary::load(shared ? shared_model_path(folder) : source_model_path(folder));
    const Vocabulary target = shared ? source : Vocabulary::load(target_model_path(folder));
    Vocabularies vocabularies{
        source, target, shared, json.at("tags_target"), json.at("tags_source"), json.at("corpus_sha256")};
    if (vocabularies.sha256() != json.at("sha256")) {
      throw Error::program(
          fmt::format("the models beside {} are not those it describes; make the vocabulary again", path));
    }
    return vocabularies;
  } catch (const Json::exception& error) {
    throw Error::program(fmt::format("{}: it is damaged ({}); make the vocabulary again", path, error.what()));
  }
}

void write_vocabulary_description(const std::string& folder, const Vocabularies& v) {
  const Json json = {{"format", kFormat},
                     {"shared", v.shared},
                     {"source_size", v.source.size()},
                     {"target_size", v.target.size()},
                     {"tags_target", v.tags_target},
                     {"tags_source", v.tags_source},
                     {"corpus_sha256", v.corpus_sha256},
                     {"sha256", v.sha256()}};
  OutputFile out(description_path(folder));
  out.write(json.dump(1) + "\n");
  out.finish();
}

}  // namespace gshard
