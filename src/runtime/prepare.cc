#include "runtime/prepare.h"

#include "eval/evaluate.h"
#include "text/verify.h"
#include "transform/expand_batch_norm.h"
#include "transform/fold_constants.h"
#include "transform/inline_calls.h"
#include "transform/simplify.h"

namespace gshard {
namespace {

// The passes of simplify, without any rounding at this time: check compares programs in wider types than they have.
std::vector<Pass> exact_passes() {
  std::vector<Pass> passes(simplify_passes().begin(), simplify_passes().end());
  for (Pass& pass : passes) {
    if (pass.name != "fold-constants") continue;
    pass.run = [](Module& module) { return fold_constants(module, {.rounding = FoldOptions::Rounding::none}); };
  }
  return passes;
}

}  // namespace

void make_up_constants(Module& module, uint64_t seed) {
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (instruction->op() != Op::constant || !instruction->attrs<ConstantAttrs>().value.is_elided()) continue;
      instruction->set_attributes(ConstantAttrs{made_up_constant(*instruction, seed)});
    }
  }
}

std::unique_ptr<Module> prepare(const Module& module) {
  std::unique_ptr<Module> copy = module.clone();
  make_up_constants(*copy, 0);
  inline_calls(*copy, Fusions::dissolve);
  expand_batch_norm(*copy);
  PassOptions options;
  options.verify = verify;
  run_to_fixed_point(*copy, exact_passes(), options);
  return copy;
}

}  // namespace gshard
