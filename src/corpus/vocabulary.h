// Subword vocabularies: text to token ids and back, by SentencePiece.
//
//   const Vocabularies vocabularies = Vocabularies::load("corpus");
//   const std::vector<int32_t> ids = vocabularies.source.encode("Guten Morgen.");
//   vocabularies.target.decode(ids);
//
// Every text can be encoded: what has no piece is spelt in bytes. A corpus has one vocabulary for both sides
// (vocabulary.model) or one for each (source.model, target.model), described by vocabulary.json.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gshard {

// The first ids of every vocabulary.
inline constexpr int32_t kPadding = 0;
inline constexpr int32_t kUnknownPiece = 1;
inline constexpr int32_t kBegin = 2;
inline constexpr int32_t kEnd = 3;

// A SentencePiece model. Copies share it; encode() and decode() may be called from several threads.
class Vocabulary {
 public:
  // Throws Error(program) that names the path, where it cannot be read or is no model with the ids above.
  static Vocabulary load(const std::string& path);
  static Vocabulary of_model(std::string_view model, const std::string& name);
  Vocabulary(const Vocabulary&);
  Vocabulary& operator=(const Vocabulary&);
  ~Vocabulary();

  int32_t size() const;
  // Hexadecimal; stands for the vocabulary.
  const std::string& sha256() const { return sha256_; }

  // Without kBegin and kEnd. The text is brought to the form of tidy_text() (unicode.h) first; what is no UTF-8 becomes
  // U+FFFD.
  std::vector<int32_t> encode(std::string_view text) const;
  // The text of the pieces; kPadding, kBegin, kEnd and language tokens have none. Throws Error(program) for an id
  // outside of the vocabulary.
  std::string decode(std::span<const int32_t> ids) const;
  // "▁Gut".
  std::string piece(int32_t id) const;
  // The id of a piece that is no text, as "<2de>".
  std::optional<int32_t> id_of_symbol(const std::string& symbol) const;

 private:
  Vocabulary();
  struct Model;
  std::shared_ptr<const Model> model_;
  std::string sha256_;
};

// The piece before a source that asks for a target language, and the one that says the source's own.
std::string target_symbol(const std::string& language);
std::string source_symbol(const std::string& language);

struct Vocabularies {
  Vocabulary source;
  Vocabulary target;  // the same as `source` where they are shared
  bool shared = true;
  bool tags_target = false;   // a source begins with target_symbol(): there is more than one target language
  bool tags_source = false;   // and then source_symbol()
  std::string corpus_sha256;  // of the text that they were made of

  // Of a folder. Throws Error(program) where there is none, or it is not whole.
  static Vocabularies load(const std::string& folder);
  // Stands for both.
  std::string sha256() const;
  // The source's tokens with the tags before them and kEnd behind. Throws Error(program) for a language that the
  // vocabulary has no tag for.
  std::vector<int32_t> encode_source(std::string_view text, const std::string& source_language,
                                     const std::string& target_language) const;
  // With kEnd behind.
  std::vector<int32_t> encode_target(std::string_view text) const;
};

// Writes the description; the models stand beside it.
void write_vocabulary_description(const std::string& folder, const Vocabularies& vocabularies);
// The paths in a folder.
std::string shared_model_path(const std::string& folder);
std::string source_model_path(const std::string& folder);
std::string target_model_path(const std::string& folder);

}  // namespace gshard
