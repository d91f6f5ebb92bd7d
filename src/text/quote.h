// Strings between quotes, as HLO text writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gshard {

// Appends `text` with quotes; what is not printable ASCII is escaped as in C, numbers in octal.
void append_quoted(std::string& out, std::string_view text);

// Whether `text` is a JSON object by its braces and strings: such values stand without quotes.
bool is_json_object(std::string_view text);

// The text itself if it is a JSON object, else the text in quotes.
std::string quote_unless_json(std::string_view text);

}  // namespace gshard
