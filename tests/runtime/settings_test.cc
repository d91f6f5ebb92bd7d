// Settings: what files and arguments say, what is refused and where.
#include "runtime/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scratch_folder.h"

namespace gshard {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

enum class Fuel { gas, coal };

struct Kitchen {
  int64_t cooks = 2;
  double heat = 0.5;
  bool is_open = false;
  std::string name = "at the \"corner\"";
  std::vector<std::string> dishes;
  NamedCounts tables;
  Fuel fuel = Fuel::gas;

  Settings settings() {
    return Settings({{"cooks", &cooks, "who cook", {.low = 1, .high = 9}},
                     {"open", &is_open, ""},
                     {"name", &name, ""},
                     {"dishes", &dishes, ""},
                     {"tables", &tables, "", {.low = 1}},
                     {"oven.heat", &heat, ""},
                     {"oven.fuel", one_of(&fuel, {{"gas", Fuel::gas}, {"coal", Fuel::coal}}), "what it burns"}});
  }
};

std::string report_of(const std::string& text, const std::string& argument = "") {
  const ScratchFolder folder;
  Kitchen kitchen;
  Settings settings = kitchen.settings();
  try {
    settings.read(folder.write("k.toml", text));
    if (!argument.empty()) settings.override_with(argument);
  } catch (const Error& error) {
    const std::string report = error.report();
    return report.substr(report.find("k.toml") == std::string::npos ? 0 : report.find("k.toml"));
  }
  return "fine";
}

TEST(Settings, FilesAndArguments) {
  const ScratchFolder folder;
  Kitchen kitchen;
  Settings settings = kitchen.settings();
  settings.read(folder.write("k.toml",
                             "cooks = 3\nopen = true\ndishes = ['soup', 'cake']\ntables = {z = 2, a = 4}\n"
                             "[oven]\nheat = 1\nfuel = 'coal'\n"));
  settings.override_with("name=round the corner");
  settings.override_with("oven.heat=2.5");
  settings.override_with("cooks = 4");
  EXPECT_EQ(kitchen.cooks, 4);
  EXPECT_EQ(kitchen.heat, 2.5);
  EXPECT_TRUE(kitchen.is_open);
  EXPECT_EQ(kitchen.name, "round the corner");
  EXPECT_THAT(kitchen.dishes, ElementsAre("soup", "cake"));
  EXPECT_THAT(kitchen.tables, ElementsAre(Pair("z", 2), Pair("a", 4)));
  EXPECT_EQ(kitchen.fuel, Fuel::coal);
  EXPECT_TRUE(settings.is_said("oven.fuel"));
}

TEST(Settings, TextSaysAllOfThemAndIsReadBack) {
  const ScratchFolder folder;
  Kitchen kitchen;
  Settings settings = kitchen.settings();
  settings.override_with("tables={b=1, a=2}");
  settings.override_with("dishes=['x\"y']");
  const std::string text = settings.text();
  EXPECT_THAT(text, HasSubstr("name = \"at the \\\"corner\\\"\"\n"));
  EXPECT_THAT(text, HasSubstr("\n[oven]\nheat = 0.5\nfuel = \"gas\"                      # what it burns; one of \"gas\", \"coal\"\n"));
  Kitchen other;
  Settings again = other.settings();
  again.read(folder.write("k.toml", text));
  EXPECT_EQ(again.text(), text);
  EXPECT_THAT(other.tables, ElementsAre(Pair("b", 1), Pair("a", 2)));
}

TEST(Settings, AFileMayBeBasedOnAnother) {
  const ScratchFolder folder;
  folder.write("a.toml", "cooks = 5\noven = {heat = 3}\n");
  Kitchen kitchen;
  Settings settings = kitchen.settings();
  settings.read(folder.write("b.toml", "base = 'a.toml'\noven.heat = 4\n"));
  EXPECT_EQ(kitchen.cooks, 5);
  EXPECT_EQ(kitchen.heat, 4);
  folder.write("c.toml", "base = 'c.toml'\n");
  EXPECT_THROW(settings.read(folder.path("c.toml")), Error);
}

TEST(Settings, WhatIsWrongHasItsPlace) {
  EXPECT_EQ(report_of("open = true\ncoks = 3\n"),
            "k.toml:2:1: error: unknown key 'coks'; did you mean 'cooks'?\ncoks = 3\n^");
  EXPECT_THAT(report_of("heat = 3\n"), HasSubstr("unknown key 'heat'; did you mean 'oven.heat'?"));
  EXPECT_THAT(report_of("[zzzzzz]\n"), HasSubstr("known are cooks, open, name"));
  EXPECT_EQ(report_of("cooks = 'two'\n"), "k.toml:1:9: error: cooks must be a whole number\ncooks = 'two'\n        ^");
  EXPECT_THAT(report_of("cooks = 10\n"), HasSubstr("cooks is 10; it must be at most 9"));
  EXPECT_THAT(report_of("[oven]\nfuel = 'cool'\n"), HasSubstr("oven.fuel is \"cool\"; did you mean \"coal\"?"));
  EXPECT_THAT(report_of("[oven]\nfuel = 'wood'\n"), HasSubstr("it must be one of \"gas\", \"coal\""));
  EXPECT_THAT(report_of("tables = {a = 0}\n"), HasSubstr("tables is 0; it must be at least 1"));
  EXPECT_THAT(report_of("oven = 3\n"), HasSubstr("unknown key 'oven'"));
  EXPECT_THAT(report_of("cooks = \n"), HasSubstr("k.toml:1:"));
  EXPECT_THAT(report_of("cooks = \n"), HasSubstr("error: this is no TOML: "));
  EXPECT_THAT(report_of("open = true", "coks=1"), HasSubstr("error: 'coks=1': unknown key 'coks'; did you mean 'cooks'?"));
  EXPECT_THAT(report_of("open = true", "cooks"), HasSubstr("'cooks' is no setting; write key=value"));
}

TEST(Settings, ErrorsOfWhatDoesNotGoTogether) {
  const ScratchFolder folder;
  Kitchen kitchen;
  Settings settings = kitchen.settings();
  settings.read(folder.write("k.toml", "\n\ncooks = 3\n"));
  EXPECT_THAT(settings.error("cooks", "too many").report(), HasSubstr("k.toml:3:9: error: too many"));
  EXPECT_EQ(settings.error("name", "too long").report(), "error: too long");
}

}  // namespace
}  // namespace gshard
