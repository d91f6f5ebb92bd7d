#include "train/run_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"
#include "scratch_folder.h"
#include "train/chart.h"
#include "train/run_facts.h"
#include "train/run_summary.h"

namespace gshard {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Metrics run_of(int64_t records) {
  Metrics metrics;
  metrics.runs.push_back({.name = "demo",
                          .config = "devices = 4\n",
                          .machine = "avx512",
                          .parameters = 1000,
                          .devices = 4,
                          .all_to_alls = 8});
  for (int64_t i = 1; i <= records; ++i) {
    metrics.steps.push_back({.step = 10 * i,
                             .steps = 10,
                             .seconds = static_cast<double>(i),
                             .loss = 9.0 / static_cast<double>(i),
                             .source_tokens = 1000,
                             .target_tokens = 800,
                             .milliseconds = 100,
                             .learning_rate = 1e-3,
                             .experts = {{"encoder/layer_1", {0.5, 0.25, 0.25, 0}, 0.1, 1.0}}});
  }
  metrics.evaluations.push_back({.step = 10 * records,
                                 .loss = 4.5,
                                 .bleu = 2,
                                 .chrf = 20,
                                 .languages = {{"tr-en", 500, 10, 5, 1, 15}, {"de-en", 9000, 10, 4, 3, 25}}});
  return metrics;
}

// That every tag that is opened is closed in its order, and each attribute is quoted.
void expect_well_formed(const std::string& html) {
  static const std::set<std::string> kVoid = {"meta", "!DOCTYPE"};
  std::vector<std::string> open;
  for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const size_t end = html.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = html.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(tag[0] == '/', tag.find_first_of(" /", 1) - (tag[0] == '/'));
    if (kVoid.contains(name) || tag.ends_with('/')) continue;
    if (tag[0] != '/') {
      open.push_back(name);
      continue;
    }
    ASSERT_FALSE(open.empty()) << tag;
    ASSERT_EQ(open.back(), name) << html.substr(at > 100 ? at - 100 : 0, 200);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty()) << open.back();
}

TEST(RunReport, IsOneWellFormedPageWithoutScriptsOrLinks) {
  const std::string html = run_report(run_of(50));
  expect_well_formed(html);
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("http")));
  EXPECT_THAT(html, HasSubstr("devices = 4"));
}

TEST(RunReport, SortsLanguagesByTheSizeOfTheirData) {
  const std::string html = run_report(run_of(5));
  EXPECT_LT(html.find("de-en"), html.find("tr-en"));
}

TEST(RunReport, EscapesWhatComesFromOutside) {
  Metrics metrics = run_of(2);
  metrics.runs[0].name = "<b>\"&";
  metrics.runs[0].config = "</pre><script>alert(1)</script>";
  metrics.steps.back().experts[0].layer = "<i>";
  metrics.evaluations[0].languages[0].direction = "<u>";
  metrics.alarms.push_back({1, "<s>"});
  const std::string html = run_report(metrics);
  expect_well_formed(html);
  for (const char* raw : {"<b>", "<script", "<i>", "<u>", "<s>"}) EXPECT_THAT(html, Not(HasSubstr(raw)));
}

TEST(RunReport, OfALongRunIsHardlyLargerThanThatOfAShortOne) {
  const size_t short_run = run_report(run_of(500)).size();
  const size_t long_run = run_report(run_of(50000)).size();
  EXPECT_LT(long_run, short_run + short_run / 4);
}

TEST(RunReport, OfARunThatHasJustBegunIsAPage) {
  expect_well_formed(run_report(Metrics{}));
  Metrics metrics;
  metrics.steps.push_back({.step = 1});
  expect_well_formed(run_report(metrics));
}

TEST(RunReport, OfEachLanguageStandsWhatWasLastSaid) {
  Metrics metrics = run_of(4);
  EvaluationRecord later = metrics.evaluations[0];
  later.languages = {{.direction = "de-en", .training_pairs = 9000, .loss = 3.25}};  // nothing was translated
  metrics.evaluations.push_back(later);
  const std::string text = run_summary(metrics);
  EXPECT_THAT(text, HasSubstr("de-en           9,000 pairs   loss 3.250   BLEU  3.0   chrF++ 25.0\n"));
  EXPECT_THAT(text, HasSubstr("tr-en             500 pairs   loss 5.000   BLEU  1.0   chrF++ 15.0\n"));
  const std::string html = run_report(metrics);
  expect_well_formed(html);
  EXPECT_THAT(html, HasSubstr("Dev loss by language"));
}

TEST(RunReport, SurvivesNumbersThatAreNone) {
  Metrics metrics = run_of(4);
  metrics.steps[1].loss = std::numeric_limits<double>::infinity();
  metrics.steps[2].loss = kUnknown;
  metrics.evaluations[0].languages[0].bleu = kUnknown;
  metrics.steps[3].gradient_norm = 1e300;
  const std::string html = run_report(metrics);
  expect_well_formed(html);
  EXPECT_THAT(html, Not(HasSubstr("nan,")));
  EXPECT_THAT(html, Not(HasSubstr("inf,")));
}

TEST(RunFacts, TheBestEvaluationHasAFiniteLoss) {
  Metrics metrics = run_of(4);
  metrics.evaluations = {{.step = 10, .loss = kUnknown}, {.step = 20, .loss = 5}, {.step = 30, .loss = 6}};
  EXPECT_EQ(facts_of(metrics).best.step, 20);
  metrics.evaluations.resize(1);
  EXPECT_EQ(facts_of(metrics).best.step, 0);
}

TEST(Bars, OfZeroHaveNoLength) {
  const std::string svg = svg_of("BLEU", {{"de-en", "", 0, "0.0"}, {"tr-en", "", 0, "0.0"}});
  size_t thin = 0;
  for (size_t at = 0; (at = svg.find("width=\"1.0\"", at)) != std::string::npos; ++at) ++thin;
  EXPECT_EQ(thin, 2u) << svg;
}

TEST(WriteReport, NamesTheFolderThatIsNoRun) {
  ScratchFolder folder;
  EXPECT_THROW(write_report(folder.path("nothing")), Error);
}

TEST(RunSummary, HasTheCurveTheExpertsAndTheLanguages) {
  const std::string text = run_summary(run_of(40));
  EXPECT_THAT(text, HasSubstr("9.00 |"));
  EXPECT_THAT(text, HasSubstr("400 steps"));
  EXPECT_THAT(text, HasSubstr("encoder/layer_1   50  25  25   0   dropped 10.0%"));
  EXPECT_THAT(text, HasSubstr("8 all-to-alls a step on 4 devices"));
  EXPECT_LT(text.find("de-en"), text.find("tr-en"));
}

TEST(RunSummary, OfNothingIsShort) { EXPECT_THAT(run_summary(Metrics{}), HasSubstr("0 steps in 0:00")); }

TEST(Thinned, KeepsMeansAndExtremesWithinTheLimit) {
  std::vector<Point> points;
  for (int i = 0; i < 1000; ++i) points.push_back({1.0 * i, i == 500 ? 100.0 : 1.0});
  const std::vector<Bucket> buckets = thinned(points, 10);
  ASSERT_EQ(buckets.size(), 10u);
  EXPECT_EQ(buckets[5].high, 100);
  EXPECT_EQ(buckets[5].low, 1);
  EXPECT_DOUBLE_EQ(buckets[0].mean.x, 49.5);
}

TEST(TicksBetween, AreRoundAndFew) {
  EXPECT_THAT(ticks_between(0, 10, 5), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_THAT(ticks_between(0.13, 0.58, 4), ElementsAre(testing::DoubleEq(0.2), testing::DoubleEq(0.3),
                                                        testing::DoubleEq(0.4), testing::DoubleEq(0.5)));
  EXPECT_LE(ticks_between(1e300, 1.0000001e300, 5).size(), 13u);
  EXPECT_TRUE(ticks_between(1, 1, 5).empty());
}

}  // namespace
}  // namespace gshard
