// What the command writes: results to stdout, logs to stderr, colours only where a person looks at them.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace gshard {

enum class Stream { out, error };
enum class Style { heading, good, bad, faint };

// Whether the stream is a terminal that wants colours: NO_COLOR is unset or empty, TERM is not "dumb".
bool wants_colours(Stream stream);
// The text in a style where the stream wants colours, else the text alone.
std::string styled(Style style, std::string_view text, Stream stream);

// Writes to stdout at once. Where the reader has gone away (a closed pipe) the process ends quietly with exit code 0;
// any other failure throws Error(program).
void put(std::string_view text);

// A line on stderr about how far long work is, unless logs are to be quiet.
void put_progress(const std::string& line);

// Whether stderr shows a status: it is a terminal that moves its cursor, and logs are not to be quiet.
bool shows_status();
// A line on stderr that the next status or line takes the place of. Cut at the width of the terminal.
void put_status(const std::string& line);
// A warning, where logs are not to be quiet.
void put_warning(const std::string& text);

// Error::report() on stderr.
void put_error(const Error& error);

enum class Verbosity { quiet, normal, verbose };
// Logs through spdlog go to stderr: errors alone, warnings too, or everything.
void set_verbosity(Verbosity verbosity);

}  // namespace gshard
