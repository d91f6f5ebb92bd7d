// Runs the built `gshard` as a user would: through the shell, in a fresh folder.
//
//   Folder folder;
//   folder.write("m.hlo", text);
//   Outcome o = folder.gshard("verify m.hlo");
//   EXPECT_EQ(o.exit_code, 0) << o.err;
#pragma once

#include <string>

#include "scratch_folder.h"

namespace gshard {

struct Outcome {
  int exit_code;
  std::string out;
  std::string err;
};

class Folder : public ScratchFolder {
 public:
  // "gshard ARGUMENTS", which may hold redirections.
  Outcome gshard(const std::string& arguments) const;
  // Any shell commands; $GSHARD is the tool.
  Outcome shell(const std::string& commands) const;
};

// A module that doubles a vector, in canonical text.
extern const char* const kDouble;

}  // namespace gshard
