// The attributes of each op, as plain structs.
//
// A struct lists its fields once, in `fields()`, in the order in which XLA prints them. Parsing, printing, equality
// and hashing all read that list, so a new attribute is one member and one line. Which op has which struct stands in
// ops/table.cc. Attributes that any instruction may carry (sharding, metadata, ...) are in instruction.h.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "base/small_vector.h"
#include "ir/hlo_sharding.h"
#include "ir/literal.h"
#include "ir/shape.h"

namespace gshard {

// ---- field lists ----------------------------------------------------------------------------------------------

// Two attributes stand elsewhere in XLA's order (text/write_attributes.cc): the `dimensions` of a reduce-scatter, which
// shares its struct with the other collectives, and a call's `is_composite`.
enum class Presence : uint8_t {
  required,  // must stand in the text, always printed
  shown,     // may be left out of the text (then it has its default), always printed
  optional,  // printed only where it differs from its default
};

template <class Struct, class Value>
struct Field {
  std::string_view name;
  Value Struct::*member;
  Presence presence;
};

template <class S, class V>
constexpr Field<S, V> required(std::string_view name, V S::*member) {
  return {name, member, Presence::required};
}
template <class S, class V>
constexpr Field<S, V> shown(std::string_view name, V S::*member) {
  return {name, member, Presence::shown};
}
template <class S, class V>
constexpr Field<S, V> optional(std::string_view name, V S::*member) {
  return {name, member, Presence::optional};
}

// ---- enumerations, with their words in the text -----------------------------------------------------------------

// EnumWords<E>::words[i] is the text of the enumerator with value i.
template <class E>
struct EnumWords;

enum class Direction : uint8_t { EQ, NE, GE, GT, LE, LT };
template <>
struct EnumWords<Direction> {
  static constexpr std::array<std::string_view, 6> words = {"EQ", "NE", "GE", "GT", "LE", "LT"};
};

// `automatic` is the type of the operands; the text then has no `type=`.
enum class ComparisonType : uint8_t { automatic, FLOAT, TOTALORDER, SIGNED, UNSIGNED };
template <>
struct EnumWords<ComparisonType> {
  static constexpr std::array<std::string_view, 5> words = {"", "FLOAT", "TOTALORDER", "SIGNED", "UNSIGNED"};
};

enum class FftType : uint8_t { FFT, IFFT, RFFT, IRFFT };
template <>
struct EnumWords<FftType> {
  static constexpr std::array<std::string_view, 4> words = {"FFT", "IFFT", "RFFT", "IRFFT"};
};

enum class Distribution : uint8_t { rng_uniform, rng_normal };
template <>
struct EnumWords<Distribution> {
  static constexpr std::array<std::string_view, 2> words = {"rng_uniform", "rng_normal"};
};

enum class RngAlgorithm : uint8_t { rng_default, rng_three_fry, rng_philox };
template <>
struct EnumWords<RngAlgorithm> {
  static constexpr std::array<std::string_view, 3> words = {"rng_default", "rng_three_fry", "rng_philox"};
};

enum class TransposeA : uint8_t { NO_TRANSPOSE, TRANSPOSE, ADJOINT };
template <>
struct EnumWords<TransposeA> {
  static constexpr std::array<std::string_view, 3> words = {"NO_TRANSPOSE", "TRANSPOSE", "ADJOINT"};
};

enum class FusionKind : uint8_t { kLoop, kInput, kOutput, kCustom };
template <>
struct EnumWords<FusionKind> {
  static constexpr std::array<std::string_view, 4> words = {"kLoop", "kInput", "kOutput", "kCustom"};
};

enum class Precision : uint8_t { default_, high, highest, packed_nibble };
template <>
struct EnumWords<Precision> {
  static constexpr std::array<std::string_view, 4> words = {"default", "high", "highest", "packed_nibble"};
};

// ---- values of attributes -------------------------------------------------------------------------------------

// A bare word that changes no result here and is only kept, e.g. algorithm=dot_bf16_bf16_f32.
struct Word {
  std::string text;
  bool operator==(const Word&) const = default;
};

// Text in balanced braces that is only kept, e.g. {{}: (0, {}, must-alias)} of output_to_operand_aliasing.
struct RawBraces {
  std::string text;  // with its outer braces
  bool operator==(const RawBraces&) const = default;
};

// One dimension of window={size=3x3 stride=2x2 pad=1_1x0_1 lhs_dilate=1x1 rhs_dilate=1x1 rhs_reversal=0x1}.
struct WindowDim {
  int64_t size = 1;
  int64_t stride = 1;
  int64_t pad_low = 0;
  int64_t pad_high = 0;
  int64_t base_dilation = 1;    // lhs_dilate
  int64_t window_dilation = 1;  // rhs_dilate
  bool reversal = false;        // rhs_reversal
  bool operator==(const WindowDim&) const = default;
};
struct Window {
  std::vector<WindowDim> dims;
  bool operator==(const Window&) const = default;
};

// dim_labels=b01f_01io->b01f: the position of each role in input, kernel and output.
struct ConvDimensions {
  int64_t input_batch = 0;
  int64_t input_feature = 0;
  Dims input_spatial;
  int64_t kernel_input_feature = 0;
  int64_t kernel_output_feature = 0;
  Dims kernel_spatial;
  int64_t output_batch = 0;
  int64_t output_feature = 0;
  Dims output_spatial;
  bool operator==(const ConvDimensions&) const = default;
};

// padding=0_1x2_3_1: low_high[_interior] per dimension; low and high may be negative.
struct PaddingDim {
  int64_t low = 0;
  int64_t high = 0;
  int64_t interior = 0;
  bool operator==(const PaddingDim&) const = default;
};
struct Padding {
  std::vector<PaddingDim> dims;
  bool operator==(const Padding&) const = default;
};

// slice={[0:8:2], [3:5]}.
struct SliceRanges {
  Dims starts;
  Dims limits;
  Dims strides;
  bool operator==(const SliceRanges&) const = default;
};

// replica_groups={{0,1},{2,3}} or [2,4]<=[8]T(1,0): `iota` holds the second form (its dims are groups x members).
// Empty means one group of all. Of groups by named axes, mesh['x'=2,'y'=4] {'x'}, `named` is the text, and one of the
// others says the same.
struct ReplicaGroups {
  std::vector<std::vector<int64_t>> groups;
  std::optional<TileAssignment> iota;
  std::string named = {};
  bool operator==(const ReplicaGroups&) const = default;
};

// source_target_pairs={{0,1},{1,0}}. In memory as short as what it says: moves that all groups of devices do alike are
// held once.
//
//   {{0,1},{2,3},{4,5},{6,7}}     moves {{0,1}}, repeated {4 times, 2 on, 2 on}
//   {{0,0},{1,2},{2,1},{3,3}}     moves {{0,0}}, repeated {2 times, 1 on, 2 on}, {2 times, 2 on, 1 on}, major to minor
class SourceTargetPairs {
 public:
  using Pair = std::pair<int64_t, int64_t>;
  // All that follows is done `count` times, each as far beyond the last.
  struct Repeat {
    int64_t count = 1;
    int64_t source_stride = 0;
    int64_t target_stride = 0;
    bool operator==(const Repeat&) const = default;
  };

  SourceTargetPairs() = default;
  SourceTargetPairs(std::vector<Pair> pairs) : moves_(std::move(pairs)) {}
  // Numbers are positions in `device_order`, or devices where it is null.
  SourceTargetPairs(std::vector<Pair> moves, std::vector<Repeat> repeats,
                    std::shared_ptr<const std::vector<int64_t>> device_order)
      : moves_(std::move(moves)), repeats_(std::move(repeats)), device_order_(std::move(device_order)) {}

  // All of them, as the text names them.
  std::vector<Pair> list() const;
  // Of the lists.
  bool operator==(const SourceTargetPairs& other) const;

 private:
  std::vector<Pair> moves_;
  std::vector<Repeat> repeats_;
  std::shared_ptr<const std::vector<int64_t>> device_order_;
};

// ---- one struct per set of attributes ---------------------------------------------------------------------------

// No attributes of its own.
struct NoAttrs {
  bool operator==(const NoAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{}; }
};

// parameter(3): the number stands between the parentheses.
struct ParameterAttrs {
  int64_t number = 0;
  RawBraces parameter_replication = {};
  bool operator==(const ParameterAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{optional("parameter_replication", &ParameterAttrs::parameter_replication)};
  }
};

// constant({1, 2}): the value stands between the parentheses.
struct ConstantAttrs {
  Literal value;
  bool operator==(const ConstantAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{}; }
};

// broadcast, transpose, reduce, reverse, concatenate, map.
struct DimensionsAttrs {
  Dims dimensions;
  bool operator==(const DimensionsAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{shown("dimensions", &DimensionsAttrs::dimensions)}; }
};

struct IotaAttrs {
  int64_t iota_dimension = 0;
  bool operator==(const IotaAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{required("iota_dimension", &IotaAttrs::iota_dimension)}; }
};

struct TupleIndexAttrs {
  int64_t index = 0;
  bool operator==(const TupleIndexAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{required("index", &TupleIndexAttrs::index)}; }
};

struct CompareAttrs {
  Direction direction = Direction::EQ;
  ComparisonType type = ComparisonType::automatic;
  bool operator==(const CompareAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{required("direction", &CompareAttrs::direction), optional("type", &CompareAttrs::type)};
  }
};

// The pointwise functions whose accuracy may be asked for: exponential, log, tanh, ...
struct AccuracyAttrs {
  RawBraces result_accuracy;
  bool operator==(const AccuracyAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{optional("result_accuracy", &AccuracyAttrs::result_accuracy)}; }
};

struct DotAttrs {
  Dims lhs_batch_dims;
  Dims lhs_contracting_dims;
  Dims rhs_batch_dims;
  Dims rhs_contracting_dims;
  std::vector<Precision> operand_precision;
  Word algorithm;
  bool operator==(const DotAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{optional("lhs_batch_dims", &DotAttrs::lhs_batch_dims),
                      shown("lhs_contracting_dims", &DotAttrs::lhs_contracting_dims),
                      optional("rhs_batch_dims", &DotAttrs::rhs_batch_dims),
                      shown("rhs_contracting_dims", &DotAttrs::rhs_contracting_dims),
                      optional("operand_precision", &DotAttrs::operand_precision),
                      optional("algorithm", &DotAttrs::algorithm)};
  }
};

struct RaggedDotAttrs {
  Dims lhs_batch_dims;
  Dims lhs_contracting_dims;
  Dims rhs_batch_dims;
  Dims rhs_contracting_dims;
  Dims lhs_ragged_dims;
  Dims rhs_group_dims;
  std::vector<Precision> operand_precision;
  bool operator==(const RaggedDotAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{optional("lhs_batch_dims", &RaggedDotAttrs::lhs_batch_dims),
                      shown("lhs_contracting_dims", &RaggedDotAttrs::lhs_contracting_dims),
                      optional("rhs_batch_dims", &RaggedDotAttrs::rhs_batch_dims),
                      shown("rhs_contracting_dims", &RaggedDotAttrs::rhs_contracting_dims),
                      shown("lhs_ragged_dims", &RaggedDotAttrs::lhs_ragged_dims),
                      optional("rhs_group_dims", &RaggedDotAttrs::rhs_group_dims),
                      optional("operand_precision", &RaggedDotAttrs::operand_precision)};
  }
};

struct ConvolutionAttrs {
  Window window;
  ConvDimensions dim_labels;
  int64_t feature_group_count = 1;
  int64_t batch_group_count = 1;
  std::vector<Precision> operand_precision;
  Word convolution_kind;
  bool operator==(const ConvolutionAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{optional("window", &ConvolutionAttrs::window),
                      required("dim_labels", &ConvolutionAttrs::dim_labels),
                      optional("feature_group_count", &ConvolutionAttrs::feature_group_count),
                      optional("batch_group_count", &ConvolutionAttrs::batch_group_count),
                      optional("operand_precision", &ConvolutionAttrs::operand_precision),
                      optional("convolution_kind", &ConvolutionAttrs::convolution_kind)};
  }
};

// reduce-window, select-and-scatter.
struct WindowAttrs {
  Window window;
  bool operator==(const WindowAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{optional("window", &WindowAttrs::window)}; }
};

struct SliceAttrs {
  SliceRanges slice;
  bool operator==(const SliceAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{required("slice", &SliceAttrs::slice)}; }
};

struct DynamicSliceAttrs {
  Dims dynamic_slice_sizes;
  bool operator==(const DynamicSliceAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{shown("dynamic_slice_sizes", &DynamicSliceAttrs::dynamic_slice_sizes)};
  }
};

struct PadAttrs {
  Padding padding;
  bool operator==(const PadAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{required("padding", &PadAttrs::padding)}; }
};

struct GatherAttrs {
  Dims offset_dims;
  Dims collapsed_slice_dims;
  Dims start_index_map;
  Dims operand_batching_dims;
  Dims start_indices_batching_dims;
  int64_t index_vector_dim = 0;
  Dims slice_sizes;
  bool indices_are_sorted = false;
  bool operator==(const GatherAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{shown("offset_dims", &GatherAttrs::offset_dims),
                      shown("collapsed_slice_dims", &GatherAttrs::collapsed_slice_dims),
                      shown("start_index_map", &GatherAttrs::start_index_map),
                      optional("operand_batching_dims", &GatherAttrs::operand_batching_dims),
                      optional("start_indices_batching_dims", &GatherAttrs::start_indices_batching_dims),
                      required("index_vector_dim", &GatherAttrs::index_vector_dim),
                      required("slice_sizes", &GatherAttrs::slice_sizes),
                      optional("indices_are_sorted", &GatherAttrs::indices_are_sorted)};
  }
};

struct ScatterAttrs {
  Dims update_window_dims;
  Dims inserted_window_dims;
  Dims scatter_dims_to_operand_dims;
  Dims input_batching_dims;
  Dims scatter_indices_batching_dims;
  int64_t index_vector_dim = 0;
  bool indices_are_sorted = false;
  bool unique_indices = false;
  bool operator==(const ScatterAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{shown("update_window_dims", &ScatterAttrs::update_window_dims),
                      shown("inserted_window_dims", &ScatterAttrs::inserted_window_dims),
                      shown("scatter_dims_to_operand_dims", &ScatterAttrs::scatter_dims_to_operand_dims),
                      optional("input_batching_dims", &ScatterAttrs::input_batching_dims),
                      optional("scatter_indices_batching_dims", &ScatterAttrs::scatter_indices_batching_dims),
                      required("index_vector_dim", &ScatterAttrs::index_vector_dim),
                      optional("indices_are_sorted", &ScatterAttrs::indices_are_sorted),
                      optional("unique_indices", &ScatterAttrs::unique_indices)};
  }
};

struct SortAttrs {
  Dims dimensions;
  bool is_stable = false;
  bool operator==(const SortAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{shown("dimensions", &SortAttrs::dimensions), optional("is_stable", &SortAttrs::is_stable)};
  }
};

struct TopKAttrs {
  int64_t k = 0;
  bool largest = true;
  bool operator==(const TopKAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{required("k", &TopKAttrs::k), shown("largest", &TopKAttrs::largest)};
  }
};

struct ReducePrecisionAttrs {
  int64_t exponent_bits = 0;
  int64_t mantissa_bits = 0;
  bool operator==(const ReducePrecisionAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{required("exponent_bits", &ReducePrecisionAttrs::exponent_bits),
                      required("mantissa_bits", &ReducePrecisionAttrs::mantissa_bits)};
  }
};

struct RngAttrs {
  Distribution distribution = Distribution::rng_uniform;
  bool operator==(const RngAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{required("distribution", &RngAttrs::distribution)}; }
};

struct RngBitGeneratorAttrs {
  RngAlgorithm algorithm = RngAlgorithm::rng_default;
  bool operator==(const RngBitGeneratorAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{required("algorithm", &RngBitGeneratorAttrs::algorithm)}; }
};

struct RngStateAttrs {
  int64_t delta = 0;
  bool operator==(const RngStateAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{required("delta", &RngStateAttrs::delta)}; }
};

struct FftAttrs {
  FftType fft_type = FftType::FFT;
  Dims fft_length;
  bool operator==(const FftAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{required("fft_type", &FftAttrs::fft_type), required("fft_length", &FftAttrs::fft_length)};
  }
};

struct CholeskyAttrs {
  bool lower = false;
  bool operator==(const CholeskyAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{optional("lower", &CholeskyAttrs::lower)}; }
};

struct TriangularSolveAttrs {
  bool left_side = false;
  bool lower = false;
  bool unit_diagonal = false;
  TransposeA transpose_a = TransposeA::NO_TRANSPOSE;
  bool operator==(const TriangularSolveAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{optional("left_side", &TriangularSolveAttrs::left_side),
                      optional("lower", &TriangularSolveAttrs::lower),
                      optional("unit_diagonal", &TriangularSolveAttrs::unit_diagonal),
                      shown("transpose_a", &TriangularSolveAttrs::transpose_a)};
  }
};

struct BatchNormAttrs {
  float epsilon = 0;
  int64_t feature_index = 0;
  bool operator==(const BatchNormAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{required("epsilon", &BatchNormAttrs::epsilon),
                      required("feature_index", &BatchNormAttrs::feature_index)};
  }
};

// Every collective over replica groups: all-reduce, all-gather, reduce-scatter, all-to-all, collective-broadcast,
// ragged-all-to-all and their -start forms. `dimensions` is the gathered, scattered or split dimension.
struct CollectiveAttrs {
  std::optional<int64_t> channel_id;
  ReplicaGroups replica_groups;
  bool constrain_layout = false;
  bool use_global_device_ids = false;
  Dims dimensions;
  bool operator==(const CollectiveAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{optional("channel_id", &CollectiveAttrs::channel_id),
                      shown("replica_groups", &CollectiveAttrs::replica_groups),
                      optional("constrain_layout", &CollectiveAttrs::constrain_layout),
                      optional("dimensions", &CollectiveAttrs::dimensions),
                      optional("use_global_device_ids", &CollectiveAttrs::use_global_device_ids)};
  }
};

struct CollectivePermuteAttrs {
  std::optional<int64_t> channel_id;
  SourceTargetPairs source_target_pairs;
  RawBraces slice_sizes;
  bool operator==(const CollectivePermuteAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{optional("channel_id", &CollectivePermuteAttrs::channel_id),
                      required("source_target_pairs", &CollectivePermuteAttrs::source_target_pairs),
                      optional("slice_sizes", &CollectivePermuteAttrs::slice_sizes)};
  }
};

// send, recv, send-done, recv-done.
struct ChannelAttrs {
  std::optional<int64_t> channel_id;
  bool is_host_transfer = false;
  bool operator==(const ChannelAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{optional("channel_id", &ChannelAttrs::channel_id),
                      optional("is_host_transfer", &ChannelAttrs::is_host_transfer)};
  }
};

struct InfeedAttrs {
  std::string infeed_config;
  bool operator==(const InfeedAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{optional("infeed_config", &InfeedAttrs::infeed_config)}; }
};

struct OutfeedAttrs {
  Shape outfeed_shape;
  std::string outfeed_config;
  bool operator==(const OutfeedAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{optional("outfeed_shape", &OutfeedAttrs::outfeed_shape),
                      optional("outfeed_config", &OutfeedAttrs::outfeed_config)};
  }
};

struct CustomCallAttrs {
  Window window;
  std::optional<ConvDimensions> dim_labels;
  int64_t feature_group_count = 1;
  int64_t batch_group_count = 1;
  std::string custom_call_target;
  std::optional<std::vector<Shape>> operand_layout_constraints;
  bool custom_call_has_side_effect = false;
  std::optional<Literal> literal;
  std::vector<Precision> operand_precision;
  Word padding_type;
  Word schedule;
  Word api_version;
  RawBraces output_to_operand_aliasing;
  bool operator==(const CustomCallAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{optional("window", &CustomCallAttrs::window),
                      optional("dim_labels", &CustomCallAttrs::dim_labels),
                      optional("feature_group_count", &CustomCallAttrs::feature_group_count),
                      optional("batch_group_count", &CustomCallAttrs::batch_group_count),
                      optional("operand_precision", &CustomCallAttrs::operand_precision),
                      optional("padding_type", &CustomCallAttrs::padding_type),
                      required("custom_call_target", &CustomCallAttrs::custom_call_target),
                      optional("operand_layout_constraints", &CustomCallAttrs::operand_layout_constraints),
                      optional("custom_call_has_side_effect", &CustomCallAttrs::custom_call_has_side_effect),
                      optional("literal", &CustomCallAttrs::literal),
                      optional("output_to_operand_aliasing", &CustomCallAttrs::output_to_operand_aliasing),
                      optional("schedule", &CustomCallAttrs::schedule),
                      optional("api_version", &CustomCallAttrs::api_version)};
  }
};

struct FusionAttrs {
  FusionKind kind = FusionKind::kLoop;
  RawBraces output_to_operand_aliasing;
  bool operator==(const FusionAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{shown("kind", &FusionAttrs::kind),
                      optional("output_to_operand_aliasing", &FusionAttrs::output_to_operand_aliasing)};
  }
};

struct CallAttrs {
  bool is_composite = false;
  bool operator==(const CallAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{optional("is_composite", &CallAttrs::is_composite)}; }
};

// async-start. The computation that it calls runs on the thread.
struct AsyncAttrs {
  std::string async_execution_thread;
  RawBraces output_to_operand_aliasing;
  bool operator==(const AsyncAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{optional("async_execution_thread", &AsyncAttrs::async_execution_thread),
                      optional("output_to_operand_aliasing", &AsyncAttrs::output_to_operand_aliasing)};
  }
};

struct CopyStartAttrs {
  std::optional<int64_t> cross_program_prefetch_index;
  bool operator==(const CopyStartAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{optional("cross_program_prefetch_index", &CopyStartAttrs::cross_program_prefetch_index)};
  }
};

struct DomainAttrs {
  RawBraces domain;
  bool operator==(const DomainAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{required("domain", &DomainAttrs::domain)}; }
};

// get-dimension-size, set-dimension-size: one dimension.
struct DimensionSizeAttrs {
  Dims dimensions;
  bool operator==(const DimensionSizeAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{required("dimensions", &DimensionSizeAttrs::dimensions)}; }
};

struct ScanAttrs {
  Dims dimensions;
  bool is_reverse = false;
  bool is_associative = false;
  int64_t num_carries = 0;
  bool operator==(const ScanAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{required("dimensions", &ScanAttrs::dimensions), required("num_carries", &ScanAttrs::num_carries),
                      optional("is_reverse", &ScanAttrs::is_reverse),
                      shown("is_associative", &ScanAttrs::is_associative)};
  }
};

using Attributes =
    std::variant<NoAttrs, ParameterAttrs, ConstantAttrs, DimensionsAttrs, IotaAttrs, TupleIndexAttrs, CompareAttrs,
                 AccuracyAttrs, DotAttrs, RaggedDotAttrs, ConvolutionAttrs, WindowAttrs, SliceAttrs, DynamicSliceAttrs,
                 PadAttrs, GatherAttrs, ScatterAttrs, SortAttrs, TopKAttrs, ReducePrecisionAttrs, RngAttrs,
                 RngBitGeneratorAttrs, RngStateAttrs, FftAttrs, CholeskyAttrs, TriangularSolveAttrs, BatchNormAttrs,
                 CollectiveAttrs, CollectivePermuteAttrs, ChannelAttrs, InfeedAttrs, OutfeedAttrs, CustomCallAttrs,
                 FusionAttrs, CallAttrs, AsyncAttrs, CopyStartAttrs, DomainAttrs, DimensionSizeAttrs, ScanAttrs>;

uint64_t hash_of(const Attributes& attributes);

}  // namespace gshard
