// Keeps a second process from training in the folder of a run, where each would write over what the other saves.
//
//   const RunLock lock("run");      // until it goes, or its process ends in whatever way
#pragma once

#include <string>

namespace gshard {

class RunLock {
 public:
  // Locks FOLDER/.lock, which stays. The folder is there. Throws Error(usage) where another holds it, and
  // Error(program) where the file cannot be written. On file systems without locks nothing is locked.
  explicit RunLock(const std::string& folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int file_ = -1;
};

}  // namespace gshard
