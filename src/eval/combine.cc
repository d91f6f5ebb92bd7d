#include "eval/combine.h"

#include <algorithm>

#include "eval/dispatch.h"
#include "eval/elements.h"

namespace gshard {
namespace {

constexpr auto kLanes = static_cast<int64_t>(LaneProgram::kLanes);

void copy_strided(DType type, std::byte* to, int64_t to_step, const std::byte* from, int64_t from_step, int64_t count) {
  with_bytes(type, [&]<class T>() {
    T* target = reinterpret_cast<T*>(to);
    const T* source = reinterpret_cast<const T*>(from);
    for (int64_t i = 0; i < count; ++i) target[i * to_step] = source[i * from_step];
  });
}

}  // namespace

void convert_for(const LaneProgram& reducer, std::span<Literal> to, std::span<Literal> from) {
  const std::vector<DType>& types = reducer.argument_types();
  for (size_t k = 0; k < to.size(); ++k) to[k] = convert_elements(to[k], types[k]);
  for (size_t k = 0; k < from.size(); ++k) from[k] = convert_elements(from[k], types[to.size() + k]);
}

Combiner::Combiner(LaneProgram& reducer, std::span<Literal> to, std::span<const Literal> from)
    : reducer_(reducer), arguments_(2 * to.size()), results_(to.size()) {
  GSHARD_CHECK(reducer.argument_types().size() == 2 * to.size() && reducer.result_types().size() == to.size());
  for (size_t k = 0; k < to.size(); ++k) {
    const DType to_type = to[k].shape().type();
    const DType from_type = from[k].shape().type();
    GSHARD_CHECK(to_type == reducer.argument_types()[k] && to_type == reducer.result_types()[k]);
    GSHARD_CHECK(from_type == reducer.argument_types()[to.size() + k]);
    sides_.push_back({to[k].mutable_bytes(), from[k].bytes(), to_type, from_type, {}, {}});
  }
}

void Combiner::run(const CombineRun& run) {
  CombineRun block = run;
  for (int64_t done = 0; done < run.count; done += kLanes) {
    block.count = std::min(kLanes, run.count - done);
    run_block(block);
    block.to += kLanes * run.to_step;
    block.from += kLanes * run.from_step;
  }
}

void Combiner::run_block(const CombineRun& run) {
  const bool to_strided = run.to_step != 1 && run.count > 1;
  const bool from_strided = run.from_step != 1 && run.count > 1;
  for (size_t k = 0; k < sides_.size(); ++k) {
    Side& side = sides_[k];
    std::byte* to = side.to + run.to * bytes_of(side.to_type);
    const std::byte* from = side.from + run.from * bytes_of(side.from_type);
    if (to_strided) {
      side.to_block.resize(static_cast<size_t>(kLanes * bytes_of(side.to_type)));
      copy_strided(side.to_type, side.to_block.data(), 1, to, run.to_step, run.count);
      to = side.to_block.data();
    }
    if (from_strided) {
      side.from_block.resize(static_cast<size_t>(kLanes * bytes_of(side.from_type)));
      copy_strided(side.from_type, side.from_block.data(), 1, from, run.from_step, run.count);
      from = side.from_block.data();
    }
    arguments_[k] = results_[k] = to;
    arguments_[sides_.size() + k] = from;
  }
  reducer_.run(arguments_, results_, static_cast<size_t>(run.count));
  if (!to_strided) return;
  for (Side& side : sides_) {
    copy_strided(side.to_type, side.to + run.to * bytes_of(side.to_type), run.to_step, side.to_block.data(), 1,
                 run.count);
  }
}

void Combiner::run_box(const Dims& sizes, const View& to, const View& from) {
  const StridedLoop<2> loop(sizes, {to.strides, from.strides});
  const auto [to_step, from_step] = loop.run_strides();
  loop.run({to.offset, from.offset}, [&](const std::array<int64_t, 2>& at) {
    run({at[0], to_step, at[1], from_step, loop.run_length()});
  });
}

}  // namespace gshard
