// Equal parts of many instructions are held once: an instruction of a large module then costs little more than its
// name and its operands.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ir/attributes.h"
#include "ir/instruction.h"

namespace gshard {

// Values that were read from the same text. The texts are views into the module's text.
template <class Value>
class InternedText {
 public:
  // The value of `text`, made by `make()` the first time.
  template <class Make>
  const std::shared_ptr<const Value>& get(std::string_view text, Make make) {
    auto& value = by_text_[text];
    if (value == nullptr) value = std::make_shared<const Value>(make());
    return value;
  }

 private:
  std::unordered_map<std::string_view, std::shared_ptr<const Value>> by_text_;
};

struct InternedNotes {
  InternedText<HloSharding> shardings;
  InternedText<FrontendAttributes> frontend_attributes;
  InternedText<Metadata> metadata;
  InternedText<std::string> texts;  // backend_config, statistics, origin
};

// Equal attributes. Constants too large to be compared at little cost stay apart.
class InternedAttributes {
 public:
  std::shared_ptr<const Attributes> get(Attributes attributes);

 private:
  std::unordered_multimap<uint64_t, std::shared_ptr<const Attributes>> by_hash_;
};

}  // namespace gshard
