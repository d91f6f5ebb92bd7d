// A training run's lines on stderr: a status that moves where a terminal shows it, plain lines otherwise.
//
//   RunLog log({.folder = "run", .notices = terminal_notices()});
#pragma once

#include "tools/terminal.h"
#include "train/run_log.h"

namespace gshard {

inline Notices terminal_notices() {
  return {put_progress, shows_status() ? Progress(put_status) : Progress(), put_warning};
}

}  // namespace gshard
