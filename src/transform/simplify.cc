#include "transform/simplify.h"

#include "transform/eliminate_common_subexpressions.h"
#include "transform/eliminate_dead_code.h"
#include "transform/fold_constants.h"
#include "transform/inline_calls.h"
#include "transform/simplify_algebra.h"
#include "transform/simplify_loops.h"
#include "transform/simplify_tuples.h"

namespace gshard {

std::span<const Pass> simplify_passes() {
  static const auto* const kPasses = new std::vector<Pass>{
      {"inline-calls", [](Module& module) { return inline_calls(module); }},
      {"simplify-tuples", simplify_tuples},
      {"simplify-loops", simplify_loops},
      {"simplify-algebra", simplify_algebra},
      {"fold-constants", [](Module& module) { return fold_constants(module); }},
      {"eliminate-common-subexpressions", eliminate_common_subexpressions},
      {"eliminate-dead-code", eliminate_dead_code},
  };
  return *kPasses;
}

bool simplify(Module& module, const PassOptions& options) {
  return run_to_fixed_point(module, simplify_passes(), options);
}

}  // namespace gshard
