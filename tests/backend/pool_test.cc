#include "backend/cpu/pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

namespace gshard::cpu {
namespace {

TEST(Pool, DoesEveryPartOnce) {
  Pool pool(3);
  for (int64_t parts : {0, 1, 2, 7, 1000}) {
    std::vector<int> done(static_cast<size_t>(parts));
    pool.run(parts, [&](int64_t part) { ++done[static_cast<size_t>(part)]; });
    EXPECT_EQ(done, std::vector<int>(static_cast<size_t>(parts), 1));
  }
}

TEST(Pool, LoopsOfSeveralCallersShareIt) {
  Pool pool(2);
  std::atomic<int64_t> sum = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) pool.run(5, [&](int64_t part) { sum += part; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 4 * 200 * 10);
}

TEST(Pool, ThrowsWhatAPartThrewAfterAllAreDone) {
  Pool pool(2);
  std::atomic<int> done = 0;
  const auto body = [&](int64_t part) {
    ++done;
    if (part == 3) throw std::runtime_error("part 3");
  };
  EXPECT_THROW(pool.run(8, body), std::runtime_error);
  EXPECT_EQ(done, 8);
}

}  // namespace
}  // namespace gshard::cpu
