#include "runtime/machine_file.h"

#include <fmt/format.h>

#include <cmath>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include "base/error.h"
#include "runtime/file.h"
#include "runtime/memory.h"
#include "runtime/peaks.h"

namespace gshard {
namespace {

// ---- reading --------------------------------------------------------------------------------------------------------

class MachineReader {
 public:
  explicit MachineReader(const std::string& path) : path_(path) {}

  Machine read() const {
    const toml::table file = parsed();
    expect_keys(file, {"name", "operations_per_second", "memory_bytes_per_second", "memory_bytes", "round_latency",
                       "shared", "link", "axes"});
    Machine machine;
    machine.name = text_or(file, "name", std::filesystem::path(path_).stem().string());
    machine.operations_per_second = positive(file, "operations_per_second");
    machine.memory_bytes_per_second = positive(file, "memory_bytes_per_second");
    if (file.contains("memory_bytes")) machine.memory_bytes = positive(file, "memory_bytes");
    machine.round_latency = latency(file, "round_latency");
    machine.is_shared = is_true(file, "shared");
    machine.link = link(table_of(file, "link"));
    if (!file.contains("axes")) return machine;
    const toml::table& axes = table_of(file, "axes");
    for (const auto& [axis, entry] : axes) machine.axes[std::string(axis.str())] = link(table_of(axes, axis.str()));
    return machine;
  }

 private:
  toml::table parsed() const {
    try {
      return toml::parse(read_text(path_), path_);
    } catch (const toml::parse_error& error) {
      fail(error.source(), "this is no TOML: " + std::string(error.description()));
    }
  }

  Link link(const toml::table& table) const {
    expect_keys(table, {"bytes_per_second", "latency"});
    return {positive(table, "bytes_per_second"), latency(table, "latency")};
  }

  const toml::table& table_of(const toml::table& in, std::string_view key) const {
    const toml::node* node = in.get(key);
    if (node == nullptr) fail(in.source(), "the table [" + std::string(key) + "] is missing");
    if (!node->is_table()) fail(node->source(), std::string(key) + " must be a table");
    return *node->as_table();
  }

  std::string text_or(const toml::table& in, std::string_view key, std::string otherwise) const {
    const toml::node* node = in.get(key);
    if (node == nullptr) return otherwise;
    if (!node->is_string()) fail(node->source(), std::string(key) + " must be a string in quotes");
    return node->as_string()->get();
  }

  // False where it is not said.
  bool is_true(const toml::table& in, std::string_view key) const {
    const toml::node* node = in.get(key);
    if (node == nullptr) return false;
    if (!node->is_boolean()) fail(node->source(), std::string(key) + " must be true or false");
    return node->as_boolean()->get();
  }

  double number(const toml::table& in, std::string_view key) const {
    const toml::node* node = in.get(key);
    if (node == nullptr) fail(in.source(), std::string(key) + " is missing");
    const auto value = node->value<double>();
    if (!value) fail(node->source(), std::string(key) + " must be a number");
    return *value;
  }

  // 0 where it is not said.
  double latency(const toml::table& in, std::string_view key) const {
    const double value = in.contains(key) ? number(in, key) : 0;
    if (!(value >= 0)) fail(in.get(key)->source(), std::string(key) + " must not be negative");
    return value;
  }

  double positive(const toml::table& in, std::string_view key) const {
    const double value = number(in, key);
    if (!(value > 0)) fail(in.get(key)->source(), std::string(key) + " must be above 0");
    return value;
  }

  void expect_keys(const toml::table& table, const std::set<std::string_view>& known) const {
    for (const auto& [key, node] : table) {
      if (known.contains(key.str())) continue;
      fail(key.source(),
           "unknown key '" + std::string(key.str()) + "'; known are " + fmt::format("{}", fmt::join(known, ", ")));
    }
  }

  [[noreturn]] void fail(const toml::source_region& where, const std::string& what) const {
    throw Error::usage(what).at(
        {path_, static_cast<int64_t>(where.begin.line), static_cast<int64_t>(where.begin.column), ""});
  }

  const std::string path_;
};

// A string or a key in quotes.
std::string quoted(const std::string& text) {
  std::ostringstream out;
  out << toml::toml_formatter(toml::value<std::string>(text), toml::format_flags::none);
  return out.str();
}

std::string link_text(const Link& link) {
  return fmt::format("bytes_per_second = {:.4g}\nlatency = {:.4g}\n", link.bytes_per_second, link.latency);
}

// ---- measuring ------------------------------------------------------------------------------------------------------

// Half of the time in which a turn passes from one thread to another and back.
double measured_latency() {
  constexpr int kTurns = 2000;
  std::mutex mutex;
  std::condition_variable changed;
  int turn = 0;
  const auto play = [&](int parity) {
    std::unique_lock lock(mutex);
    while (turn < kTurns) {
      changed.wait(lock, [&] { return turn % 2 == parity || turn >= kTurns; });
      ++turn;
      changed.notify_one();
    }
  };
  const double seconds = fastest_seconds([&] {
    turn = 0;
    std::thread other(play, 1);
    play(0);
    other.join();
  });
  return seconds / kTurns;
}

}  // namespace

Machine read_machine(const std::string& name_or_path) {
  if (auto machine = machine_named(name_or_path)) return *std::move(machine);
  if (!std::filesystem::exists(name_or_path)) {
    std::string names;
    for (const Machine& machine : known_machines()) names += (names.empty() ? "" : ", ") + machine.name;
    throw Error::usage("no machine and no file is called '" + name_or_path + "'; known machines are " + names);
  }
  return MachineReader(name_or_path).read();
}

std::string machine_text(const Machine& machine) {
  std::string text = fmt::format("name = {}\noperations_per_second = {:.4g}\nmemory_bytes_per_second = {:.4g}\n",
                                 quoted(machine.name), machine.operations_per_second, machine.memory_bytes_per_second);
  if (machine.memory_bytes > 0) text += fmt::format("memory_bytes = {:.4g}\n", machine.memory_bytes);
  text += fmt::format("round_latency = {:.4g}\n", machine.round_latency);
  text += fmt::format("shared = {}\n\n[link]\n{}", machine.is_shared, link_text(machine.link));
  for (const auto& [axis, link] : machine.axes) text += fmt::format("\n[axes.{}]\n{}", quoted(axis), link_text(link));
  return text;
}

Machine measure_machine() {
  Machine machine;
  machine.name = "measured";
  const Peaks peaks = measure_peaks();
  machine.operations_per_second = peaks.f32_operations;
  machine.memory_bytes_per_second = peaks.bytes;
  machine.memory_bytes = static_cast<double>(memory_limit());
  machine.link = {machine.memory_bytes_per_second / 2, measured_latency()};
  machine.round_latency = machine.link.latency;  // in which the devices wait for each other
  machine.is_shared = true;
  return machine;
}

}  // namespace gshard
