#include "runtime/machine_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "runtime/output_file.h"

namespace gshard {
namespace {

std::string written(const std::string& name, const std::string& text) {
  const std::string path = (std::filesystem::temp_directory_path() / ("gshard_" + name + ".toml")).string();
  write_text(path, text);
  return path;
}

TEST(MachineFile, KnownMachinesAreReadBackAsTheyAreWritten) {
  for (Machine machine : known_machines()) {
    if (machine.name == "balanced") continue;  // its memory is infinitely fast
    machine.axes["data"] = {25e9, 5e-6};
    EXPECT_EQ(read_machine(written("known", machine_text(machine))), machine);
    EXPECT_EQ(read_machine(machine.name), *machine_named(machine.name));
  }
}

TEST(MachineFile, NamesMayHoldAnyText) {
  Machine machine = *machine_named("h100");
  machine.name = "two \"big\" racks \\ of\nmine";
  machine.axes["data.0 \"x\""] = {25e9, 5e-6};
  EXPECT_EQ(read_machine(written("names", machine_text(machine))), machine);
}

TEST(MachineFile, MistakesHaveAPlace) {
  const auto refusal_of = [](const std::string& text) -> std::string {
    try {
      read_machine(written("bad", text));
    } catch (const Error& error) {
      return error.report();
    }
    return "no error";
  };
  EXPECT_NE(refusal_of("operations_per_second = 0\n").find(":1:"), std::string::npos);
  EXPECT_NE(refusal_of("operations_per_second = 1\nspeed = 3\n").find(":2:1: error: unknown key 'speed'"),
            std::string::npos);
  EXPECT_NE(refusal_of("operations_per_second = 1\nmemory_bytes_per_second = 1\n").find("[link] is missing"),
            std::string::npos);
  EXPECT_NE(refusal_of("a = [\n").find("error: "), std::string::npos);
  EXPECT_NE(refusal_of("name = 5\n").find(":1:8: error: name must be a string in quotes"), std::string::npos);
  const std::string numbers = "operations_per_second = 1\nmemory_bytes_per_second = 1\n";
  EXPECT_NE(refusal_of(numbers + "shared = \"yes\"\n").find(":3:10: error: shared must be true or false"),
            std::string::npos);
  EXPECT_THROW(read_machine("no-such-machine"), Error);
}

TEST(Machine, TheSlowestLinkCounts) {
  const Mesh mesh({{"data", 2}, {"model", 4}});
  Machine machine = *machine_named("h100");
  machine.axes["data"] = {25e9, 5e-6};
  EXPECT_EQ(machine.link_along(mesh.digits_of_axis(1), mesh), machine.link);
  EXPECT_EQ(machine.link_along(mesh.digits_of_axis(0), mesh), (Link{25e9, 5e-6}));
  Digits both = mesh.digits_of_axis(0);
  both.push_back(mesh.digits_of_axis(1)[0]);
  EXPECT_EQ(machine.link_along(both, mesh), (Link{25e9, 5e-6}));
}

TEST(Machine, ThreadsShareTheirCores) {
  const Machine threads = *machine_named("threads");
  EXPECT_DOUBLE_EQ(threads.for_devices(8).operations_per_second, threads.operations_per_second / 8);
  const Machine chips = *machine_named("h100");
  EXPECT_EQ(chips.for_devices(8), chips);
}

TEST(Machine, IsMeasured) {
  const Machine machine = measure_machine();
  EXPECT_GT(machine.operations_per_second, 0);
  EXPECT_GT(machine.memory_bytes_per_second, 0);
  EXPECT_GT(machine.link.latency, 0);
}

}  // namespace
}  // namespace gshard
