#include "train/run_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/number_text.h"
#include "runtime/output_file.h"
#include "train/chart.h"
#include "train/run_facts.h"

namespace gshard {
namespace {

constexpr std::string_view kStyle = R"(
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 88rem; padding: 2rem 1.5rem 3rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; margin: 0; }
header p { color: var(--faint); margin: .2rem 0 1.2rem; }
h2 { font-size: 1.05rem; margin: 2rem 0 .6rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .8rem; margin: 0 0 1.2rem; }
dl div, .panel { background: var(--panel); border: 1px solid var(--rule); border-radius: .6rem; padding: .8rem 1rem; }
dt { color: var(--faint); font-size: .85rem; }
dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
dd small { display: block; color: var(--faint); font-size: .8rem; }
.grid-of-charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 1rem; }
.alarms { border-color: var(--alarm); margin-bottom: 1.2rem; }
.alarms ul { margin: .3rem 0 0; padding-left: 1.2rem; }
.alarms strong { color: var(--alarm); }
pre { margin: 0; overflow-x: auto; font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
footer { color: var(--faint); margin-top: 2rem; font-size: .85rem; }
)";

std::string fact(std::string_view name, const std::string& value, const std::string& note) {
  return fmt::format("<div><dt>{}</dt><dd>{}{}</dd></div>\n", escaped(name), escaped(value),
                     note.empty() ? "" : fmt::format("<small>{}</small>", escaped(note)));
}

std::string facts_list(const Metrics& metrics, const RunFacts& facts) {
  std::string html = "<dl>\n";
  html += fact("training", clock_text(facts.seconds),
               with_separators(facts.steps) + " steps" +
                   (facts.resumptions > 0 ? fmt::format(", resumed {} times", facts.resumptions) : ""));
  html += fact("tokens trained on", human_count(static_cast<double>(facts.source_tokens + facts.target_tokens)),
               human_count(static_cast<double>(facts.target_tokens)) + " of them targets");
  if (facts.best.step > 0) {
    html += fact("lowest dev loss", fmt::format("{:.3f}", facts.best.loss),
                 "nats a token, at step " + with_separators(facts.best.step));
  }
  const auto last = std::find_if(metrics.evaluations.rbegin(), metrics.evaluations.rend(),
                                 [](const EvaluationRecord& r) { return std::isfinite(r.bleu); });
  if (last != metrics.evaluations.rend()) {
    html += fact("dev BLEU", fmt::format("{:.1f}", last->bleu), fmt::format("chrF++ {:.1f}", last->chrf));
  }
  const double speed = facts.late.source_tokens_per_second();
  if (std::isfinite(speed)) {
    html += fact("source tokens a second", with_separators(std::llround(speed)),
                 fmt::format("{:.0f} ms a step", facts.late.milliseconds));
  }
  if (!metrics.runs.empty()) {
    const RunRecord& run = metrics.runs.back();
    html += fact(
        "weights", human_count(static_cast<double>(run.parameters)),
        run.active_parameters > 0 ? human_count(static_cast<double>(run.active_parameters)) + " work on a token" : "");
    html += fact("devices", with_separators(run.devices),
                 run.all_to_alls > 0 ? fmt::format("{} all-to-alls a step", run.all_to_alls) : "");
  }
  return html + "</dl>\n";
}

std::string alarms_list(const std::vector<AlarmRecord>& alarms) {
  constexpr size_t kShown = 20;
  if (alarms.empty()) return "";
  std::string html = "<div class=\"panel alarms\"><strong>Alarms</strong>\n<ul>\n";
  for (size_t i = 0; i < std::min(alarms.size(), kShown); ++i) {
    html += fmt::format("<li>step {}: {}</li>\n", with_separators(alarms[i].step), escaped(alarms[i].text));
  }
  if (alarms.size() > kShown) html += fmt::format("<li>and {} more</li>\n", alarms.size() - kShown);
  return html + "</ul></div>\n";
}

// ---- charts

template <class Record, class Number>
std::vector<Point> points_of(const std::vector<Record>& records, Number number) {
  std::vector<Point> points;
  for (const Record& r : records) points.push_back({static_cast<double>(r.step), number(r)});
  return points;
}

template <class Number>
std::string step_chart(const Metrics& metrics, std::string_view title, std::string_view unit, Number number) {
  return svg_of(LineChart{
      .title = std::string(title), .unit = std::string(unit), .curves = {{"", points_of(metrics.steps, number)}}});
}

// Training beside dev: likelihood where it is known, for dev has nothing else.
std::string loss_chart(const Metrics& metrics) {
  const auto trained = [](const StepRecord& r) { return std::isfinite(r.nll) ? r.nll : r.loss; };
  LineChart chart{.title = "Loss by step", .unit = "nats a target token", .least = kUnknown};
  chart.curves.push_back({"training", points_of(metrics.steps, trained)});
  chart.curves.push_back(
      {"dev", points_of(metrics.evaluations, [](const EvaluationRecord& r) { return r.loss; }), Mark::dots});
  return svg_of(chart);
}

std::string score_chart(const Metrics& metrics) {
  const auto bleu = [](const EvaluationRecord& r) { return r.bleu; };
  const auto chrf = [](const EvaluationRecord& r) { return r.chrf; };
  return svg_of(LineChart{.title = "Dev BLEU and chrF++ by step",
                          .curves = {{"BLEU", points_of(metrics.evaluations, bleu), Mark::dots},
                                     {"chrF++", points_of(metrics.evaluations, chrf), Mark::dots}}});
}

// Those for which the number is known in one language at least.
std::string language_chart(std::string_view title, const std::vector<LanguageRecord>& languages,
                           double LanguageRecord::*number,
                           const std::function<std::string(const LanguageRecord&)>& text) {
  std::vector<Bar> bars;
  bool is_known = false;
  for (const LanguageRecord& l : languages) {
    const bool has_number = std::isfinite(l.*number);
    bars.push_back(
        {l.direction, with_separators(l.training_pairs) + " pairs", l.*number, has_number ? text(l) : "not known"});
    is_known = is_known || has_number;
  }
  return is_known ? svg_of(title, bars) : "";
}

std::string bleu_chart(const std::vector<LanguageRecord>& languages) {
  return language_chart("Dev BLEU by language, most training data first", languages, &LanguageRecord::bleu,
                        [](const LanguageRecord& l) { return fmt::format("{:.1f}  (chrF++ {:.1f})", l.bleu, l.chrf); });
}

std::string language_loss_chart(const std::vector<LanguageRecord>& languages) {
  return language_chart("Dev loss by language, most training data first", languages, &LanguageRecord::loss,
                        [](const LanguageRecord& l) { return fmt::format("{:.3f}", l.loss); });
}

std::string expert_chart(const StepRecord& late) {
  std::vector<HeatRow> rows;
  for (const ExpertRecord& e : late.experts) {
    HeatRow row{e.layer, {}, {}};
    for (const double load : e.loads) {
      row.values.push_back(load * static_cast<double>(e.loads.size()));
      row.texts.push_back(fmt::format("{:.0f}%", 100 * load));
    }
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return "";
  return svg_of("Load of the experts by layer, over the last tenth of the run",
                "share of the tokens, by expert; the stronger the colour, the busier", rows);
}

std::string panel(const std::string& chart) {
  return chart.empty() ? "" : "<div class=\"panel\">\n" + chart + "</div>\n";
}

std::string charts(const Metrics& metrics, const RunFacts& facts) {
  std::string html = "<div class=\"grid-of-charts\">\n";
  html += panel(loss_chart(metrics));
  html += panel(bleu_chart(facts.languages));
  html += panel(language_loss_chart(facts.languages));
  html += panel(score_chart(metrics));
  html += panel(expert_chart(facts.late));
  html += panel(step_chart(metrics, "Speed by step", "source tokens a second",
                           [](const StepRecord& r) { return r.source_tokens_per_second(); }));
  html += panel(step_chart(metrics, "Waiting for input", "% of a step", [](const StepRecord& r) {
    return r.milliseconds > 0 ? 100 * r.waiting_milliseconds / r.milliseconds : kUnknown;
  }));
  html += panel(step_chart(metrics, "Learning rate by step", "", [](const StepRecord& r) { return r.learning_rate; }));
  html += panel(step_chart(metrics, "Norm of the gradient", "", [](const StepRecord& r) { return r.gradient_norm; }));
  html += panel(step_chart(metrics, "Dropped by the experts", "% of choices",
                           [](const StepRecord& r) { return 100 * r.dropped(); }));
  html += panel(step_chart(metrics, "The busiest expert", "times an even load",
                           [](const StepRecord& r) { return r.imbalance(); }));
  return html + "</div>\n";
}

}  // namespace

std::string run_report(const Metrics& metrics) {
  const RunFacts facts = facts_of(metrics);
  const std::string name = escaped(facts.name.empty() ? "a run" : facts.name);
  std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  html += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += fmt::format("<title>{}: training report</title>\n<style>\n{}{}</style>\n</head>\n<body>\n", name,
                      chart_style(), kStyle);
  html += fmt::format("<header>\n<h1>{}</h1>\n", name);
  if (!metrics.runs.empty()) html += fmt::format("<p>{}</p>\n", escaped(metrics.runs.back().machine));
  html += "</header>\n<main>\n" + facts_list(metrics, facts) + alarms_list(metrics.alarms) + charts(metrics, facts);
  if (!metrics.runs.empty() && !metrics.runs.back().config.empty()) {
    html +=
        fmt::format("<h2>Config</h2>\n<div class=\"panel\"><pre>{}</pre></div>\n", escaped(metrics.runs.back().config));
  }
  return html +
         "</main>\n<footer>Scores compare runs on this text only, never with WMT or "
         "FLORES.</footer>\n</body>\n</html>\n";
}

std::string write_report(const std::string& folder) {
  const Metrics metrics = read_metrics(folder + "/metrics.jsonl");
  OutputFile page(folder + "/report.html");
  page.write(run_report(metrics));
  page.finish();
  return page.path();
}

}  // namespace gshard
