#include "text/recognise.h"

#include <algorithm>
#include <array>

#include "text/lexer.h"

namespace gshard {
namespace {

constexpr std::string_view kAdvice =
    "write HLO text instead: jax.jit(f).lower(x).as_text(dialect=\"hlo\", debug_info=True) before optimisation, or "
    "jax.jit(f).lower(x).compile().as_text() after it";

// MLIR's modules open with one of these; HLO's computations may be named so too, but then '{' or '(' follows with no
// '@' or attributes before it.
bool is_mlir_line(std::string_view line) {
  if (line.front() == '#' || line.substr(0, 2) == "!_" || line.find("stablehlo.") != std::string_view::npos)
    return true;
  constexpr std::array<std::string_view, 4> kOpenings = {"module @", "module attributes", "func.func", "\"builtin."};
  if (std::any_of(kOpenings.begin(), kOpenings.end(),
                  [&](std::string_view opening) { return line.substr(0, opening.size()) == opening; })) {
    return true;
  }
  return line == "module {";
}

// The first line that is neither empty nor a comment.
std::string_view first_line(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    while (!line.empty() && static_cast<unsigned char>(line.front()) <= ' ') line.remove_prefix(1);
    while (!line.empty() && static_cast<unsigned char>(line.back()) <= ' ') line.remove_suffix(1);
    if (!line.empty() && line.substr(0, 2) != "//") return line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

// HLO text is ASCII but for comments and strings; a zero byte or many control characters make it binary.
bool is_binary(std::string_view text) {
  const std::string_view head = text.substr(0, 4096);
  if (head.find('\0') != std::string_view::npos) return true;
  const auto strange = std::count_if(head.begin(), head.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t' && byte != '\f' && byte != '\v';
  });
  return strange > 0 && static_cast<size_t>(strange) * 20 >= head.size();
}

// A serialized HloModuleProto opens with field 1, the name, and one in an HloProto with field 1, the module.
bool looks_like_proto(std::string_view text) { return !text.empty() && text.front() == '\n'; }

}  // namespace

void refuse_other_formats(std::string_view text, const std::string& file) {
  const Lexer lexer(text, file);
  if (is_binary(text)) {
    const std::string what = looks_like_proto(text) ? "this is a serialized HLO proto" : "this is binary data";
    throw Error::program(what + ", not HLO text; " + std::string(kAdvice)).at({file, 1, 1, ""});
  }
  const std::string_view line = first_line(text);
  if (line.empty())
    throw Error::program("the text is empty; a module begins with 'HloModule NAME'").at({file, 1, 1, ""});
  const auto refuse = [&](const std::string& what) {
    lexer.fail_at(static_cast<size_t>(line.data() - text.data()), what + ", not HLO text; " + std::string(kAdvice));
  };
  if (is_mlir_line(line)) refuse("this is StableHLO (MLIR)");
  if (line == "hlo_module {" || line.starts_with("name: \"")) refuse("this is an HLO proto as text");
  if (line.starts_with("{ lambda")) refuse("this is a jaxpr");
}

}  // namespace gshard
