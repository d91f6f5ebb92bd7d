// Functions of neural networks on tensors (model/tensor.h), as graphs of simple ops.
//
//   Tensor attention = softmax(scores, -1);
//   Tensor loss = cross_entropy(logits, labels, {.label_smoothing = 0.1, .z_loss = 1e-4}).loss;
//
// Sums and exponentials in bf16 lose what training needs: softmax, norms and cross_entropy are to be given f32 (or
// f64), and say so otherwise.
#pragma once

#include "model/tensor.h"

namespace gshard {

Tensor relu(Tensor x, Here here = Here::current());
// x * P(N(0,1) <= x), by the error function.
Tensor gelu(Tensor x, Here here = Here::current());
Tensor silu(Tensor x, Here here = Here::current());

// log(sum(exp(x))) along a dimension, which is left out, without overflow; -inf where all elements are.
Tensor logsumexp(Tensor x, int64_t dim, Here here = Here::current());
Tensor softmax(Tensor x, int64_t dim, Here here = Here::current());
Tensor log_softmax(Tensor x, int64_t dim, Here here = Here::current());

// x / sqrt(mean(x^2) + epsilon) * scale along the last dimension.
Tensor rms_norm(Tensor x, Tensor scale, double epsilon = 1e-6, Here here = Here::current());
// (x - mean) / sqrt(variance + epsilon) * scale + bias along the last dimension.
Tensor layer_norm(Tensor x, Tensor scale, Tensor bias, double epsilon = 1e-6, Here here = Here::current());

struct CrossEntropyOptions {
  double label_smoothing = 0;  // this share of the label's probability is spread evenly over all classes
  double z_loss = 0;           // adds z_loss * logsumexp(logits)^2, which keeps logits near log-probabilities
};

struct CrossEntropy {
  Tensor loss;            // per label, everything included
  Tensor log_likelihood;  // of the label alone, for perplexities
};

// logits [..., classes], labels [...] integers; a label that is no class has no likelihood: mask it.
CrossEntropy cross_entropy(Tensor logits, Tensor labels, const CrossEntropyOptions& options = {},
                           Here here = Here::current());

}  // namespace gshard
