#include "passes_by_name.h"

#include "text/parse.h"
#include "text/print.h"
#include "text/verify.h"
#include "transform/inline_calls.h"
#include "transform/simplify.h"

namespace gshard {

const std::vector<Pass>& passes_under_test() {
  static const auto* const kPasses = [] {
    auto* passes = new std::vector<Pass>(simplify_passes().begin(), simplify_passes().end());
    passes->push_back({"dissolve-fusions", [](Module& module) { return inline_calls(module, Fusions::dissolve); }});
    passes->push_back({"simplify", [](Module& module) { return simplify(module); }});
    return passes;
  }();
  return *kPasses;
}

const Pass& pass_under_test(std::string_view name) {
  for (const Pass& pass : passes_under_test()) {
    if (pass.name == name) return pass;
  }
  GSHARD_CHECK(false, name);
}

void check_module(const Module& module) {
  verify(module);
  const std::string text = print(module);
  const std::string again = print(*parse_module(text));
  if (again != text) throw Error::program("printed\n" + text + "\nread and printed again\n" + again);
}

}  // namespace gshard
