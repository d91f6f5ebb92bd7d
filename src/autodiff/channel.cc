#include "autodiff/channel.h"

#include <algorithm>

namespace gshard {
namespace {

template <class Attrs>
int64_t channel_in(const Attributes& attributes) {
  const auto* found = std::get_if<Attrs>(&attributes);
  return found != nullptr ? found->channel_id.value_or(0) : 0;
}

}  // namespace

int64_t unused_channel(const Module& module) {
  int64_t last = 0;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      const Attributes& attributes = instruction->attributes();
      last = std::max({last, channel_in<CollectiveAttrs>(attributes), channel_in<CollectivePermuteAttrs>(attributes),
                       channel_in<ChannelAttrs>(attributes)});
    }
  }
  return last + 1;
}

}  // namespace gshard
