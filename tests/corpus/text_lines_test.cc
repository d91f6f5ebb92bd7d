// Reading lines, plain and compressed, and files that are none.
#include "corpus/text_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <vector>

#include "scratch_folder.h"

namespace gshard {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  TextLines reader(path);
  for (std::string line; reader.next(line);) lines.push_back(line);
  return lines;
}

std::string error_of(const std::string& path) {
  try {
    lines_of(path);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 3);
    return error.report();
  }
  return "no error";
}

std::string gzipped(const std::string& text, const ScratchFolder& folder) {
  gzFile file = gzopen(folder.path("packed.gz").c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  return folder.read("packed.gz");
}

std::string zstd_packed(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

std::string many_lines() {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "line " + std::to_string(i * 7919) + "\n";
  return text;
}

TEST(TextLines, EndsOfLinesAndByteOrderMarksAreNoText) {
  const ScratchFolder folder;
  EXPECT_THAT(lines_of(folder.write("a", "\xef\xbb\xbfone\r\n\ntwo\nlast")), ElementsAre("one", "", "two", "last"));
  EXPECT_THAT(lines_of(folder.write("b", "")), ElementsAre());
  EXPECT_THAT(lines_of(folder.write("c", "\n")), ElementsAre(""));
}

TEST(TextLines, CompressedFilesReadLikePlainOnes) {
  const ScratchFolder folder;
  const std::string text = many_lines();
  const std::vector<std::string> lines = lines_of(folder.write("plain", text));
  EXPECT_EQ(lines.size(), 50'000U);
  EXPECT_EQ(lines_of(folder.write("gz", gzipped(text, folder))), lines);
  EXPECT_EQ(lines_of(folder.write("zst", zstd_packed(text))), lines);
}

TEST(TextLines, CompressedPartsMayFollowEachOther) {
  const ScratchFolder folder;
  EXPECT_THAT(lines_of(folder.write("gz", gzipped("a\n", folder) + gzipped("b\n", folder))), ElementsAre("a", "b"));
  EXPECT_THAT(lines_of(folder.write("zst", zstd_packed("a\n") + zstd_packed("b\n"))), ElementsAre("a", "b"));
}

TEST(TextLines, CutOffAndDamagedFilesAreErrors) {
  const ScratchFolder folder;
  for (std::string packed : {gzipped(many_lines(), folder), zstd_packed(many_lines())}) {
    EXPECT_THAT(error_of(folder.write("cut", packed.substr(0, packed.size() - 9))), HasSubstr("the file is cut off"));
    packed[packed.size() / 2] ^= 0x55;
    packed[packed.size() / 2 + 1] ^= 0x55;
    EXPECT_THAT(error_of(folder.write("bad", packed)), HasSubstr("data is damaged"));
  }
}

TEST(TextLines, WhatIsNoTextIsAnError) {
  const ScratchFolder folder;
  EXPECT_THAT(error_of(folder.path("none")), HasSubstr("cannot open it: No such file"));
  EXPECT_THAT(error_of(folder.path("")), HasSubstr("cannot read it: Is a directory"));
  EXPECT_THAT(error_of(folder.write("utf16", "\xff\xfeh\0i\0")), HasSubstr("it is UTF-16; convert it first: iconv"));
  EXPECT_THAT(error_of(folder.write("long", "a\n" + std::string(3 << 20, 'x'))),
              HasSubstr("long:2:1: error: a line of more than 1024 KiB"));
}

}  // namespace
}  // namespace gshard
