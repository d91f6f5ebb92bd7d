// A module of a few lines of HLO text, for tests.
#pragma once

#include <memory>
#include <string>

#include "text/parse.h"
#include "text/verify.h"

namespace gshard {

inline std::unique_ptr<Module> parse_verified(const std::string& text) {
  auto module = parse_module(text);
  verify(*module);
  return module;
}

}  // namespace gshard
