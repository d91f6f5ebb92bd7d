// The first value that two partitions of one program hold otherwise.
//
// For programs that know their device (manual regions, replicas), which no single device can run: the truth is the same
// program with everything outside of manual regions whole on all devices. Both run by themselves, so rounding adds up
// along the way, and a decision that falls otherwise at a tie is a difference.
#pragma once

#include <optional>
#include <span>

#include "runtime/replay.h"

namespace gshard {

// Both are partitions of one module, with their traces, and are evaluated in f64; `arguments` are converted already.
// Of a value in a manual region the devices' own values are compared, one after the other in a new first dimension.
// What the truth makes beyond 1 GiB is not compared.
std::optional<ValueDifference> first_difference(const Partitioned& truth, const Partitioned& program,
                                                std::span<const Literal> arguments, double tolerance,
                                                const EvaluateOptions& options = {});

}  // namespace gshard
