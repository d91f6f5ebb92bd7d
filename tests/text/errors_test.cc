// Bad programs: every file of ../errors opens with the error that it gives, `// error: LINE:COLUMN: MESSAGE`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "module_files.h"
#include "text/parse.h"
#include "text/verify.h"

namespace gshard {
namespace {

// "LINE:COLUMN: MESSAGE", or "none".
std::string error_of(const std::string& text, const std::string& file) {
  try {
    verify(*parse_module(text, file));
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 3);
    if (!error.position()) return error.what();
    EXPECT_EQ(error.position()->file, file);
    return std::to_string(error.position()->line) + ":" + std::to_string(error.position()->column) + ": " +
           error.what();
  }
  return "none";
}

TEST(Errors, EachFileGivesTheErrorOfItsFirstLine) {
  const auto paths = module_files(GSHARD_TEST_DIR "/errors");
  ASSERT_FALSE(paths.empty());
  for (const auto& path : paths) {
    const std::string text = content_of(path);
    const std::string expected = text.substr(0, text.find('\n'));
    EXPECT_EQ("// error: " + error_of(text, path.string()), expected) << path;
  }
}

// Runs `text` through parser and verifier; all that may come out is an Error.
void expect_no_crash(const std::string& text) {
  try {
    verify(*parse_module(text, "cut.hlo"));
  } catch (const Error& error) {
    EXPECT_FALSE(error.report().empty());
  }
}

TEST(Errors, CutAnywhereATextGivesAtMostAnError) {
  for (const char* name : {"control", "constants", "custom", "notes", "named_shardings", "source_tables", "async"}) {
    const std::string text = content_of(std::string(GSHARD_TEST_DIR "/text/printed/") + name + ".hlo");
    ASSERT_FALSE(text.empty()) << name;
    for (size_t size = 0; size < text.size(); ++size) expect_no_crash(text.substr(0, size));
  }
}

TEST(Errors, AReportShowsTheLineAndTheColumn) {
  try {
    parse_module("HloModule m\nENTRY e {\n  x = f32[] paramter(0)\n}\n", "m.hlo");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.report(),
              "m.hlo:3:13: error: unknown opcode 'paramter'; did you mean 'parameter'?\n"
              "  x = f32[] paramter(0)\n"
              "            ^");
  }
}

TEST(Errors, ASerializedProtoIsRecognised) {
  const std::string proto(
      "\n\x05"
      "jit_f\x12\x06main.1\x1a\x20\x00",
      18);
  EXPECT_THAT(error_of(proto, "f.pb"),
              testing::HasSubstr("this is a serialized HLO proto, not HLO text; write HLO text"));
}

}  // namespace
}  // namespace gshard
