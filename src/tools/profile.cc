// gshard profile: where the time of a program goes, step by step.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "runtime/output_file.h"
#include "runtime/place_in_model.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/timed.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "Runs the program on the CPU backend with a clock around every step, and shows where the time\n"
    "went: by operation, and by source line of the model (or of the text, where the model's is not\n"
    "known). A kernel computes several instructions in common loops; it is named by one that others\n"
    "read. Below stand the largest values on the way at the time when they take most. -o writes a\n"
    "trace for https://ui.perfetto.dev or chrome://tracing: a row per device and thread, a slice per\n"
    "step, with its FLOPs and bytes. With --devices, --mesh or --annotate the program is partitioned.\n"
    "\n"
    "Examples:\n"
    "  gshard profile model.hlo\n"
    "  gshard profile model.hlo -o trace.json --top 40";

struct Options : TimedOptions {
  std::string output;
  uint64_t top = 15;
};

// ---- tables -------------------------------------------------------------------------------------------------------

std::string rate(double amount, double seconds) {
  return amount > 0 && seconds > 0 ? human_count(amount / seconds) : "";
}

std::string table_of(const std::vector<Work>& works, const std::string& title, size_t top) {
  double total = 0;
  for (const Work& work : works) total += work.seconds;
  Table table({{title},
               {"runs", Align::right},
               {"time", Align::right},
               {"share", Align::right},
               {"FLOP/s", Align::right},
               {"B/s", Align::right}});
  for (size_t i = 0; i < std::min(top, works.size()); ++i) {
    const Work& work = works[i];
    table.add({work.name.empty() ? "(unknown)" : work.name, with_separators(work.runs), human_seconds(work.seconds),
               fmt::format("{:.1f}%", 100 * work.seconds / total), rate(work.flops, work.seconds),
               rate(work.bytes, work.seconds)});
  }
  return table.text();
}

std::string heading(std::string_view text) { return "\n" + styled(Style::heading, text, Stream::out) + "\n"; }

std::string name_of(const cpu::StepReport& step) {
  return step.what == nullptr ? step.text : fmt::format("%{}", step.what->name());
}

std::string peak_table(const cpu::MemoryPeak& peak, size_t top) {
  Table table({{"value"}, {"shape"}, {"size", Align::right}, {"where"}});
  for (size_t i = 0; i < std::min(top, peak.values.size()); ++i) {
    const cpu::MemoryPeak::Value& value = peak.values[i];
    table.add({fmt::format("%{}", value.what->name()), value.shape.to_string(),
               human_bytes(static_cast<double>(value.bytes)), place_in_model(*value.what)});
  }
  return table.text();
}

// Several devices run at the same time, and what their steps take is added up: that is no part of the time of a run.
std::string total_text(const Timing& timing) {
  const Work total = total_work(timing);
  const int64_t devices = timing.program->grid().count();
  const std::string steps = with_separators(total.runs) + " steps";
  const std::string in_steps =
      devices == 1 ? fmt::format("of them in {}", steps) : fmt::format("in {} of {} devices added up", steps, devices);
  return fmt::format("{} for a run, {} {}; compiled in {}\n", human_seconds(timing.median()),
                     human_seconds(total.seconds), in_steps, human_seconds(timing.compile_seconds));
}

std::string report(const Timing& timing, size_t top) {
  std::string text = total_text(timing);
  text += heading("by operation") + table_of(work_by(timing, operation_of), "operation", top);
  text += heading("by line") + table_of(work_by(timing, place_of), "where", top);
  const auto step_name = [](const cpu::StepReport& step) {
    return fmt::format("{} {}", operation_of(step), name_of(step));
  };
  text += heading("by step") + table_of(work_by(timing, step_name), "step", top);
  const cpu::MemoryPeak peak = timing.program->peak();
  if (peak.values.empty()) return text;
  return text +
         heading(fmt::format("values on the way when they are most, {} of each device", human_bytes(peak.bytes))) +
         peak_table(peak, top);
}

// ---- trace --------------------------------------------------------------------------------------------------------

using Json = nlohmann::ordered_json;

// A row of the trace: process and thread.
using Row = std::pair<int64_t, int>;

// A name that viewers show instead of a number.
Json name_event(const char* what, const Row& row, const std::string& name) {
  return {{"ph", "M"}, {"name", what}, {"pid", row.first}, {"tid", row.second}, {"args", {{"name", name}}}};
}

Json event_of(const cpu::Slice& slice, const cpu::StepReport& step) {
  const std::string place = place_of(step);
  Json details = {{"step", step.text}, {"source", place}};
  if (!step.has_steps) {
    details["flops"] = step.flops;
    details["bytes"] = step.bytes;
  }
  return {{"ph", "X"},
          {"name", place.empty() ? operation_of(step) : fmt::format("{} {}", operation_of(step), place)},
          {"cat", operation_of(step)},
          {"pid", slice.device},
          {"tid", slice.thread},
          {"ts", static_cast<double>(slice.begin) / 1e3},
          {"dur", static_cast<double>(slice.end - slice.begin) / 1e3},
          {"args", std::move(details)}};
}

std::string trace_text(const Timing& timing) {
  Json events = Json::array();
  std::set<Row> rows;
  for (const cpu::Slice& slice : timing.trace) rows.insert({slice.device, slice.thread});
  for (const Row& row : rows) {
    if (row.second == 0) events.push_back(name_event("process_name", row, fmt::format("device {}", row.first)));
    events.push_back(name_event("thread_name", row, row.second == 0 ? "steps" : fmt::format("worker {}", row.second)));
  }
  for (const cpu::Slice& slice : timing.trace) events.push_back(event_of(slice, timing.steps[slice.step]));
  const Json trace = {{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}};
  return trace.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

int run(const Options& options, const CLI::App& app) {
  const Program program = read_program(options.file);
  return with_lines(program, [&] {
    std::optional<OutputFile> out;  // which fails before anything is measured
    if (!options.output.empty() && options.output != "-") out.emplace(options.output);
    const Timing timing = time_on_backend(program, options, app);
    if (options.output == "-") {
      put(trace_text(timing));
      return 0;
    }
    if (out) {
      out->write(trace_text(timing));
      out->finish();
    }
    put(report(timing, options.top));
    return 0;
  });
}

}  // namespace

Command add_profile(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* app = add_subcommand(root, "profile", "Show where the time of a module goes on the CPU backend", kNotes);
  add_timed_options(*app, *options);
  app->add_option("-o,--out", options->output, "Write a trace of one run ('-' is standard output)")
      ->type_name("TRACE.json");
  add_count_option(*app, "--top", options->top, "Rows of each table (default 15)");
  return {app, [app, options] { return run(*options, *app); }};
}

}  // namespace gshard
