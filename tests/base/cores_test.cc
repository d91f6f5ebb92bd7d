#include "base/cores.h"

#include <gtest/gtest.h>

#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace gshard {
namespace {

TEST(Cores, AreAtLeastOne) { EXPECT_GE(usable_cores(), 1); }

#ifdef __linux__
TEST(Cores, AreThoseThatTheSystemAllows) {
  std::thread([] {
    cpu_set_t allowed;
    ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    int first = 0;
    while (!CPU_ISSET(first, &allowed)) ++first;
    CPU_ZERO(&allowed);
    CPU_SET(first, &allowed);
    ASSERT_EQ(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
    EXPECT_EQ(usable_cores(), 1);
  }).join();
}
#endif

}  // namespace
}  // namespace gshard
