// What a person reads while a model trains, as single lines.
//
//   step  1,200  loss 4.312   9120 source tokens/s    178 ms/step  rate 1.8e-03  dropped  2.1%  balance 1.4  4:02 left
//
// `balance` is the load of the busiest expert over what it would be if all were equally busy, in the layer where that
// is worst: 1 is perfect.
#pragma once

#include <string>

#include "train/metrics.h"

namespace gshard {

std::string progress_line(const StepRecord& record);
// "dev at step 500: loss 4.102, accuracy 31.2%, BLEU 1.9, chrF++ 18.4 (took 2.1 s)"
std::string progress_line(const EvaluationRecord& record);
// "demo: 11,534,336 weights, of which 6,815,744 work on a token, on 4 devices; avx512_bf16, ..."
std::string progress_line(const RunRecord& record);

}  // namespace gshard
