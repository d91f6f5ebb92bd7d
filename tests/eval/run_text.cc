#include "run_text.h"

#include "text/parse.h"
#include "text/print.h"
#include "text/verify.h"

namespace gshard {

std::unique_ptr<Module> module_of(const std::string& entry, const std::string& computations) {
  auto module = parse_module("HloModule m\n" + computations + "\nENTRY main {\n" + entry + "\n}\n", "test.hlo");
  verify(*module);
  return module;
}

Literal run(const std::string& entry, const std::string& computations, const std::vector<Literal>& arguments,
            const EvaluateOptions& options) {
  return evaluate(*module_of(entry, computations), arguments, options);
}

std::string text_of(const Literal& value) {
  if (!value.shape().is_tuple()) return value.shape().is_array() ? print(value) : "token";
  std::string text;
  for (const Literal& element : value.elements()) text += (text.empty() ? "" : " ; ") + text_of(element);
  return text;
}

std::string value_of(const std::string& entry, const std::string& computations, const std::vector<Literal>& arguments,
                     const EvaluateOptions& options) {
  return text_of(run(entry, computations, arguments, options));
}

std::string apply(const std::string& result_and_op, const std::vector<std::string>& operands,
                  const std::string& attributes) {
  std::string entry;
  std::string names;
  for (size_t i = 0; i < operands.size(); ++i) {
    const size_t space = operands[i].find(' ');
    const std::string name = "x" + std::to_string(i);
    entry += "  " + name + " = " + operands[i].substr(0, space) + " constant(" + operands[i].substr(space + 1) + ")\n";
    names += (i > 0 ? ", " : "") + name;
  }
  entry += "  ROOT result = " + result_and_op + "(" + names + ")" + (attributes.empty() ? "" : ", " + attributes);
  return value_of(entry);
}

std::string error_of(const std::string& entry, const std::string& computations, const std::vector<Literal>& arguments,
                     const EvaluateOptions& options) {
  const auto module = module_of(entry, computations);
  try {
    evaluate(*module, arguments, options);
  } catch (const Error& error) {
    return error.report();
  }
  return "";
}

}  // namespace gshard
