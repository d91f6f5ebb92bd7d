// The manifest of fetched text, and what an earlier one tells of rows that are gone.
#include "corpus/fetched.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "scratch_folder.h"
#include "small_corpus.h"

namespace gshard {
namespace {

// A corpus of two packages; the second is of this version and has so many rows.
void make(const ScratchFolder& folder, const std::string& name, const std::string& version, int rows) {
  std::filesystem::create_directories(folder.path(name + "/fetch/raw"));
  const std::string text = made_up_rows(3000);
  size_t half = 0;
  for (int i = 0; i < 1500; ++i) half = text.find('\n', half) + 1;
  size_t end = half;
  for (int i = 0; i < rows; ++i) end = text.find('\n', end) + 1;
  folder.write(name + "/fetch/raw/one.tsv", text.substr(0, half));
  folder.write(name + "/fetch/raw/two.tsv", text.substr(half, end - half));
  const auto entry = [](const std::string& package, const std::string& v, int count) {
    return R"({"package":")" + package + R"(","version":")" + v +
           R"(","sha256":"00","licence":"MPL-2.0","source":"lo","left_out":3,"rows":)" + std::to_string(count) + "}";
  };
  folder.write(name + "/fetch/packages.json",
               "[" + entry("one", "1", 1500) + "," + entry("none", "1", 0) + "," + entry("two", version, rows) + "]");
  const auto packages = read_packages(folder.path(name + "/fetch"));
  const ImportPlan plan = import_plan_of(folder.path(name + "/fetch"), packages, folder.path(name));
  write_manifest(folder.path(name), packages, import_corpus(plan, be_silent));
}

TEST(Manifest, ShowsWhatBecameOfPackagesAndHeldOutSentences) {
  const ScratchFolder folder;
  make(folder, "then", "2", 1500);
  make(folder, "now", "3", 700);
  const ManifestChanges changes = compare_manifests(folder.path("then/manifest.json"), folder.path("now"));
  ASSERT_EQ(changes.packages.size(), 3U);
  EXPECT_EQ(changes.packages[0].rows_then, changes.packages[0].rows_now);
  EXPECT_EQ(changes.packages[2].version_then, "2");
  EXPECT_EQ(changes.packages[2].version_now, "3");
  EXPECT_GT(changes.packages[2].rows_then, changes.packages[2].rows_now);
  for (const HeldOutChange& held : changes.held_out) {
    EXPECT_GT(held.sentences_then, 0);
    EXPECT_GT(held.rows_lost, 0);
    EXPECT_LT(held.rows_lost, held.rows_then);
  }
  for (const HeldOutChange& held : compare_manifests(folder.path("then/manifest.json"), folder.path("then")).held_out) {
    EXPECT_EQ(held.rows_lost, 0);
  }
}

TEST(Manifest, OtherFilesAreErrors) {
  const ScratchFolder folder;
  make(folder, "c", "1", 700);
  for (const char* text : {"", "{", "[]", "{\"format\":\"gshard manifest 1\"}", "{\"format\":\"gshard manifest 2\"}"}) {
    EXPECT_THROW(compare_manifests(folder.write("other.json", text), folder.path("c")), Error) << text;
  }
  EXPECT_THROW(read_packages(folder.path("none")), Error);
  folder.write("packages.json", "[{}]");
  EXPECT_THROW(read_packages(folder.path("")), Error);
}

TEST(Manifest, WithoutRowsThereIsAnError) { EXPECT_THROW(import_plan_of("work", {}, "corpus"), Error); }

}  // namespace
}  // namespace gshard
