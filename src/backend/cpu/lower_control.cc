// Loops and branches: their state and results stand in the same buffers inside and outside.
#include <algorithm>

#include "backend/cpu/lowering.h"

namespace gshard::cpu {

void Scope::lower_while(const Instruction& x) {
  const Computation& condition = *x.callees()[0];
  const Computation& body = *x.callees()[1];
  // The state: in the memory of its start where that dies here, or that no round changes.
  const std::vector<char>& unchanged = lowering_.unchanged_state_of(x);
  std::vector<Buffer> state;
  std::vector<std::pair<Buffer, Buffer>> copies;
  for (size_t part = 0; part < leaf_count(x.shape()); ++part) {
    const Leaf start = resolve({x.operand(0), part});
    if (start.shape().is_token()) {
      state.push_back(-1);
      continue;
    }
    Buffer buffer = buffer_of(start);
    if (unchanged[part] != 0) {
      state.push_back(buffer);
      continue;
    }
    const bool is_taken = std::find(state.begin(), state.end(), buffer) != state.end();
    const auto wanted = wanted_.find({&x, part});
    const bool is_elsewhere =
        wanted == wanted_.end() ? lowering_.reserved[static_cast<size_t>(buffer)] != 0 : wanted->second != buffer;
    if (is_taken || is_elsewhere || uses_[start] > 1 || !is_free(buffer, {start})) {
      const Buffer from = buffer;
      const bool has_place = wanted != wanted_.end() && is_free(wanted->second, {}) &&
                             std::find(state.begin(), state.end(), wanted->second) == state.end();
      buffer = has_place ? wanted->second : lowering_.add_buffer({&x, part}, start.shape().byte_size());
      copies.emplace_back(from, buffer);
    }
    state.push_back(buffer);
  }
  lowering_.copy_all(std::move(copies), steps_);
  for_each_input(x, [&](const Leaf& leaf) { release(leaf); });
  std::vector<char> was_reserved;
  ++lowering_.now;
  for (Buffer buffer : state) {
    touch(buffer);
    was_reserved.push_back(buffer < 0 ? 0 : lowering_.reserved[static_cast<size_t>(buffer)]);
  }
  const auto is_changed = [&](size_t part) { return state[part] >= 0 && unchanged[part] == 0; };
  Scope test(lowering_, condition);
  Scope round(lowering_, body);
  for (size_t part = 0; part < state.size(); ++part) {
    if (is_changed(part)) lowering_.reserved[static_cast<size_t>(state[part])] = 1;
    test.keep({condition.parameter(0), part});
    test.bind({condition.parameter(0), part}, state[part]);
  }
  Steps test_steps = test.run();
  const Buffer predicate = test.buffer_of(test.result(0));
  touch(predicate);
  for (size_t part = 0; part < state.size(); ++part) {
    // The condition has no claim on the state while the body runs.
    if (is_changed(part)) lowering_.live[static_cast<size_t>(state[part])] = 0;
    if (unchanged[part] != 0) round.keep({body.parameter(0), part});
    round.bind({body.parameter(0), part}, state[part]);
    if (is_changed(part)) round.want(round.result(part), state[part]);
  }
  Steps round_steps = round.run();
  round.bring_results_to(state, round_steps);
  ++lowering_.now;
  for (size_t part = 0; part < state.size(); ++part) {
    touch(state[part]);
    if (is_changed(part)) {
      lowering_.live[static_cast<size_t>(state[part])] = 0;
      lowering_.reserved[static_cast<size_t>(state[part])] = was_reserved[part];
    } else if (state[part] >= 0) {
      lowering_.live[static_cast<size_t>(state[part])] -= 2;  // what the condition and the body kept
    }
    if (unchanged[part] == 0) bind({&x, part}, state[part]);
  }
  add<WhileStep>(&x, std::move(test_steps), predicate, std::move(round_steps));
}

void Scope::lower_conditional(const Instruction& x) {
  const Buffer index = buffer_of(resolve({x.operand(0)}));
  std::vector<Buffer> results = results_of(x);
  // Reserved, so that only results of the branches are put there.
  for (const Buffer result : results) {
    if (result >= 0) lowering_.reserved[static_cast<size_t>(result)] = 1;
  }
  ++lowering_.now;
  touch(index);
  for (Buffer buffer : results) touch(buffer);
  std::vector<Steps> branches;
  for (size_t b = 0; b < x.callees().size(); ++b) {
    const Computation& branch = *x.callees()[b];
    Scope scope(lowering_, branch);
    for (size_t part = 0; part < leaf_count(branch.parameter(0)->shape()); ++part) {
      const Leaf inside{branch.parameter(0), part};
      scope.keep(inside);
      scope.bind(inside, buffer_of(resolve({x.operand(b + 1), part})));
    }
    for (size_t part = 0; part < results.size(); ++part) {
      if (results[part] < 0) continue;
      lowering_.live[static_cast<size_t>(results[part])] = 0;
      scope.want(scope.result(part), results[part]);
    }
    Steps steps = scope.run();
    scope.bring_results_to(results, steps);
    // The arguments of the branch outlive it.
    for (size_t part = 0; part < leaf_count(branch.parameter(0)->shape()); ++part) {
      const Buffer buffer = buffer_of(resolve({x.operand(b + 1), part}));
      if (buffer >= 0) --lowering_.live[static_cast<size_t>(buffer)];
    }
    branches.push_back(std::move(steps));
  }
  ++lowering_.now;
  for (size_t part = 0; part < results.size(); ++part) {
    if (results[part] < 0) continue;
    touch(results[part]);
    lowering_.reserved[static_cast<size_t>(results[part])] = 0;
    lowering_.live[static_cast<size_t>(results[part])] = uses_[{&x, part}] > 0 ? 1 : 0;
  }
  for_each_input(x, [&](const Leaf& leaf) {
    touch(buffer_of(leaf));
    release(leaf);
  });
  add<BranchStep>(&x, index, std::move(branches));
}

}  // namespace gshard::cpu
