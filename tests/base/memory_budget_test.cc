#include "base/memory_budget.h"

#include <gtest/gtest.h>

namespace gshard {
namespace {

TEST(MemoryBudget, RefusesWhatWouldPassTheLimit) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.charge(60));
  EXPECT_FALSE(budget.charge(41));
  EXPECT_EQ(budget.used(), 60);
  EXPECT_TRUE(budget.charge(40));
  budget.release(60);
  EXPECT_TRUE(budget.charge(60));
}

TEST(MemoryBudget, ScopesNest) {
  EXPECT_EQ(MemoryBudget::current(), nullptr);
  const MemoryBudget::Scope outer(10);
  {
    const MemoryBudget::Scope inner(5);
    EXPECT_EQ(MemoryBudget::current()->limit(), 5);
  }
  EXPECT_EQ(MemoryBudget::current()->limit(), 10);
}

}  // namespace
}  // namespace gshard
