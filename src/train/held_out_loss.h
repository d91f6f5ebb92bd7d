// The loss of text that is held out: over all of it, and by direction of translation.
//
//   HeldOutSums sums(dev);
//   sums.add(batch, likelihoods.run(inputs_of(batch)));      // the program of likelihoods_on_dev()
//   sums.mean().directions[0].loss
#pragma once

#include <string>
#include <vector>

#include "corpus/batch_reader.h"
#include "runtime/compiled_model.h"

namespace gshard {

struct DirectionLoss {
  std::string direction;  // "de-en"
  double loss = 0;
};

struct HeldOutLoss {
  double loss = 0;                             // nll of a target token, in nats
  double accuracy = 0;                         // the share of tokens that the model finds the likeliest
  std::vector<DirectionLoss> directions = {};  // those of which there is a token, as in the file
};

class HeldOutSums {
 public:
  // The file must outlive it.
  explicit HeldOutSums(const TokenFile& tokens) : tokens_(tokens), directions_(tokens.directions().size()) {}

  // What the program said of a batch of this file.
  void add(const Batch& batch, const NamedArrays& results);
  // Throws Error(program) where nothing was added.
  HeldOutLoss mean() const;

 private:
  struct Sums {
    double log_likelihood = 0;
    int64_t right = 0;
    int64_t tokens = 0;

    double loss() const { return -log_likelihood / static_cast<double>(tokens); }
  };
  Sums& sums_of(int64_t pair);

  const TokenFile& tokens_;
  std::vector<Sums> directions_;
};

}  // namespace gshard
