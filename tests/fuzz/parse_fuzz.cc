// Any bytes either give an Error with a place or a module that prints as text of an equal module.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "text/parse.h"
#include "text/print.h"
#include "text/verify.h"

namespace gshard {
namespace {

void require(bool holds, const char* what, const std::string& details) {
  if (holds) return;
  std::fprintf(stderr, "%s\n%s\n", what, details.c_str());
  std::abort();
}

std::unique_ptr<Module> parse_or_null(std::string_view text) {
  try {
    return parse_module(text, "fuzz.hlo");
  } catch (const Error& error) {
    require(error.kind() != ErrorKind::usage && !error.report().empty(), "an error without words", error.what());
    return nullptr;
  }
}

std::unique_ptr<Module> parse_printed(const std::string& text) {
  try {
    return parse_module(text);
  } catch (const Error& error) {
    require(false, "printed text does not parse", error.report() + "\n" + text);
  }
  return nullptr;
}

void check_round_trip(const Module& module) {
  const std::string printed = print(module);
  const auto again = parse_printed(printed);
  const std::string difference = first_difference(module, *again);
  require(difference.empty(), "the printed module differs", difference + "\n" + printed);
  const std::string reprinted = print(*again);
  require(reprinted == printed, "printing is not stable", printed + "\n" + reprinted);
}

void check_verify(const Module& module) {
  try {
    verify(module);
  } catch (const Error& error) {
    require(!error.report().empty(), "an error without words", error.what());
  }
}

}  // namespace
}  // namespace gshard

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto module = gshard::parse_or_null(text)) {
    gshard::check_round_trip(*module);
    gshard::check_verify(*module);
  }
  return 0;
}
