// How values will be held, told before their ops are written.
//
//   %g = f32[8,8] dot(%x, %y)      its contraction cut by x, its one reader an add
//
// The forecast for %g is "[-, -] partial(add): x", although [x, -] is its sharding: what stays partial for a reader
// that is linear in it is only brought where it must lie behind that reader.
#pragma once

#include <functional>
#include <unordered_map>

#include "shard/localize.h"
#include "shard/plan.h"

namespace gshard {

// Whether a value was made by spreading a scalar over all places.
bool is_one_number(const Instruction& value);

// Whether each device can make whatever part of a value it is to have: that, or an iota.
bool is_free_in_any_form(const Instruction& value);

// Whether a partial result of an op may stay so for its one reader.
bool may_stay_partial(const Instruction& i, const UserTable& users);

// What the plan of an op is chosen for.
Target target_for(const Instruction& i, const Decision& decision);

// What the op of `i` reads and makes, its operands (arrays) held as `held` says.
OpContext context_of(const Instruction& i, const Decision& decision,
                     const std::function<Sharding(const Instruction& operand)>& held);

class Forecast {
 public:
  explicit Forecast(const Decision& decision) : decision_(decision) {}

  // How the result of an array op is held, where the values that its computation begins with lie as decided.
  Sharding of(const Instruction& i) { return of(i, 0); }
  bool is_read_once(const Instruction& i);

 private:
  Sharding of(const Instruction& i, int depth);
  const UserTable& users_in(const Computation& computation);

  const Decision& decision_;
  std::unordered_map<const Computation*, UserTable> users_;
  std::unordered_map<const Instruction*, Sharding> known_;
};

}  // namespace gshard
