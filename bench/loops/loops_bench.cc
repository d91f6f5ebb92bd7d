// Compiled loops beside their limits, one thread, as a table:
//
//   chains and transposes beside a copy loop with as many streams of as many bytes; softmax, norms and cross entropy
//   with their gradients beside kernels written by hand (hand_kernels.h).
//
//   gshard_loops_bench [part of a name]
//
// The two sides run in turn, several times, and the best processor time of each counts: on a machine that others use
// too the ratio stands, not the rates. GB/s count each array once. `aim` is what the ratio, limit's time by ours,
// should reach. What kernels by hand compute is compared with ours.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "autodiff/gradient.h"
#include "backend/cpu/executable.h"
#include "eval/arguments.h"
#include "loops/hand_kernels.h"
#include "model/functions.h"
#include "runtime/compare.h"
#include "runtime/prepare.h"

namespace gshard::bench {
namespace {

constexpr int kRounds = 15;
constexpr double kSecondsPerRound = 0.01;
constexpr double kAimOfCopies = 0.8;
constexpr double kAimOfHand = 1 / 1.3;

// A compiled program with memory for its arguments and results.
class Compiled {
 public:
  Compiled(const std::vector<Shape>& parameters, const Body& body) : module_("bench") {
    define_entry(module_, "main", parameters, body);
    program_ = cpu::Executable::compile(*prepare(module_), {.threads = 1});
    arguments_ = random_arguments(module_, 1, {.signs = Signs::both});
    const Shape& result = module_.entry()->root()->shape();
    const size_t count = result.is_tuple() ? result.tuple_size() : 1;
    for (size_t i = 0; i < count; ++i) results_.emplace_back(result.is_tuple() ? result.element(i) : result);
    memory_.resize(1);
    for (Literal& argument : arguments_) memory_[0].arguments.push_back(argument.mutable_bytes());
    for (Literal& value : results_) memory_[0].results.push_back(value.mutable_bytes());
  }

  void run() { program_->run_in(memory_); }
  const void* argument(size_t i) const { return memory_[0].arguments[i]; }
  void* result(size_t i) const { return memory_[0].results[i]; }
  size_t argument_count() const { return arguments_.size(); }
  size_t result_count() const { return results_.size(); }
  const std::vector<Literal>& results() const { return results_; }
  std::vector<Literal> copy_of_results() const {
    std::vector<Literal> copies;
    for (const Literal& value : results_) {
      copies.push_back(Literal::uninitialized(value.shape()));
      std::memcpy(copies.back().mutable_bytes(), value.bytes(), static_cast<size_t>(value.byte_size()));
    }
    return copies;
  }
  double bytes() const {
    double bytes = 0;
    for (const auto* values : {&arguments_, &results_}) {
      for (const Literal& value : *values) bytes += static_cast<double>(value.byte_size());
    }
    return bytes;
  }

 private:
  Module module_;
  std::unique_ptr<cpu::Executable> program_;
  std::vector<Literal> arguments_;
  std::vector<Literal> results_;
  std::vector<cpu::DeviceMemory> memory_;
};

double seconds_of(const std::function<void()>& run, int times) {
  const std::clock_t begin = std::clock();
  for (int i = 0; i < times; ++i) run();
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / times;
}

struct Contest {
  std::string name;
  double bytes;
  double aim;
  std::function<void()> ours;
  std::function<void()> limit;
};

void hold(const Contest& contest) {
  double ours = 1e9;
  double limit = 1e9;
  contest.ours();
  contest.limit();
  const int times = std::max(1, static_cast<int>(kSecondsPerRound / seconds_of(contest.limit, 1)));
  for (int round = 0; round < kRounds; ++round) {
    ours = std::min(ours, seconds_of(contest.ours, times));
    limit = std::min(limit, seconds_of(contest.limit, times));
  }
  fmt::print("{:44} {:8.1f} {:8.1f} {:8.2f} {:6.2f}\n", contest.name, contest.bytes / limit * 1e-9,
             contest.bytes / ours * 1e-9, limit / ours, contest.aim);
  std::fflush(stdout);
}

// Both round to the type of the result; bf16 in between may have been rounded differently.
void check_equal(const std::string& name, const Literal& ours, const Literal& by_hand) {
  const double tolerance = ours.shape().type() == DType::f32 ? 1e-3 : 2e-2;
  const Comparison c = compare(ours, by_hand, tolerance);
  if (c.different != 0) fmt::print("{}: {} elements differ, by {:.2g} at most\n", name, c.different, c.largest_error);
}

class Table {
 public:
  explicit Table(std::string wanted) : wanted_(std::move(wanted)) {}

  // A loop over arrays of equal size.
  void chain(const std::string& name, const std::vector<Shape>& parameters, const Body& body) const {
    if (name.find(wanted_) == std::string::npos) return;
    Compiled program(parameters, body);
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    for (size_t i = 0; i < program.argument_count(); ++i) inputs.push_back(program.argument(i));
    for (size_t i = 0; i < program.result_count(); ++i) outputs.push_back(program.result(i));
    const auto copy = [&] {
      hand_kernels().copy(inputs.data(), static_cast<int>(inputs.size()), outputs.data(),
                          static_cast<int>(outputs.size()), parameters[0].byte_size());
    };
    hold({name, program.bytes(), kAimOfCopies, [&] { program.run(); }, copy});
  }

  // Rows beside a kernel written by hand; `arrays` says where that finds the program's arrays.
  void rows(const std::string& name, Kernel kernel, const Matrix& matrix, Compiled& program,
            const Arrays& arrays) const {
    program.run();
    const std::vector<Literal> ours = program.copy_of_results();
    kernel(arrays, matrix);
    for (size_t i = 0; i < ours.size(); ++i) check_equal(name, ours[i], program.results()[i]);
    hold({name, program.bytes(), kAimOfHand, [&] { program.run(); }, [&] { kernel(arrays, matrix); }});
  }

  bool wants(const std::string& name) const { return name.find(wanted_) != std::string::npos; }

 private:
  std::string wanted_;
};

// ---- chains -------------------------------------------------------------------------------------------------------

// In f32, rounded to the type of x once at the end.
Tensor in_f32(Tensor x) { return x.type() == DType::f32 ? x : convert(x, DType::f32); }
Tensor as(Tensor x, DType type) { return x.type() == type ? x : convert(x, type); }

Value adam(Values p) {
  const DType type = p[0].type();
  const Tensor g = in_f32(p[1]);
  const Tensor m = in_f32(p[2]) * 0.9 + g * 0.1;
  const Tensor v = in_f32(p[3]) * 0.999 + g * g * 0.001;
  const Tensor w = in_f32(p[0]) - m / (sqrt(abs(v)) + 1e-8) * 0.001;
  return tuple({as(w, type), as(m, type), as(v, type)});
}

void run_chains(const Table& table, DType type) {
  const Shape array(type, {1 << 12, 1 << 12});
  const std::string in = fmt::format(" {}", array.to_string());
  table.chain("add of two" + in, {array, array}, [](Computation&, Values p) { return p[0] + p[1]; });
  table.chain("residual of three" + in, {array, array, array},
              [&](Computation&, Values p) { return as(in_f32(p[0]) + in_f32(p[1]) * 0.5 + in_f32(p[2]), type); });
  table.chain("tanh" + in, {array}, [&](Computation&, Values p) { return tanh(p[0]); });
  table.chain("gelu" + in, {array}, [&](Computation&, Values p) { return as(gelu(in_f32(p[0])), type); });
  table.chain("silu gate" + in, {array, array},
              [&](Computation&, Values p) { return as(silu(in_f32(p[0])) * in_f32(p[1]), type); });
  table.chain("Adam" + in, {array, array, array, array}, [](Computation&, Values p) { return adam(p); });
  table.chain("transpose" + in, {array}, [](Computation&, Values p) { return transpose(p[0], {1, 0}); });
  const Shape heads(type, {32, 256, 16, 64});
  table.chain("transpose of heads " + heads.to_string(), {heads}, [](Computation&, Values p) {
    return transpose(p[0], {0, 2, 1, 3});
  });
}

// ---- rows ---------------------------------------------------------------------------------------------------------

class RowKernels {
 public:
  RowKernels(const Table& table, DType type, const Matrix& matrix)
      : table_(table), type_(type), matrix_(matrix), array_(type, {matrix.rows, matrix.columns}) {}

  void softmax() const {
    run("softmax", kernels().softmax, {array_}, [this](Values p) { return forward_softmax(p[0]); }, {"x"}, {"y"});
    run("softmax gradient", kernels().softmax_gradient, {array_, array_},
        [this](Values p) { return backward(forward_softmax(p[0]), p[1], {p[0]}); }, {"x", "dy"}, {"y"});
  }

  void norms() const {
    const Shape columns(DType::f32, {matrix_.columns});
    const auto rms = [this](Values p) { return as(rms_norm(in_f32(p[0]), p[1]), type_); };
    const auto layer = [this](Values p) { return as(layer_norm(in_f32(p[0]), p[1], p[2]), type_); };
    run("RMS norm", kernels().rms_norm, {array_, columns}, rms, {"x", "scale"}, {"y"});
    run("RMS norm gradient", kernels().rms_norm_gradient, {array_, columns, array_},
        [&](Values p) {
          return backward(rms(p), p[2], {p[0], p[1]});
        },
        {"x", "scale", "dy"}, {"y", "dscale"});
    run("layer norm", kernels().layer_norm, {array_, columns, columns}, layer, {"x", "scale", "bias"}, {"y"});
    run("layer norm gradient", kernels().layer_norm_gradient, {array_, columns, columns, array_},
        [&](Values p) {
          return backward(layer(p), p[3], {p[0], p[1], p[2]});
        },
        {"x", "scale", "bias", "dy"}, {"y", "dscale", "dbias"});
  }

  void cross_entropies() const {
    const Shape labels(DType::s32, {matrix_.rows});
    const Shape losses(DType::f32, {matrix_.rows});
    const auto loss = [](Values p) { return cross_entropy(in_f32(p[0]), p[1]).loss; };
    run("cross entropy", kernels().cross_entropy, {array_, labels}, loss, {"x", "labels"}, {"loss"});
    run("cross entropy gradient", kernels().cross_entropy_gradient, {array_, labels, losses},
        [&](Values p) { return backward(loss(p), p[2], {p[0]}); }, {"x", "labels", "dloss"}, {"y"});
  }

 private:
  const KernelsOfType& kernels() const { return type_ == DType::f32 ? hand_kernels().f32 : hand_kernels().bf16; }

  Tensor forward_softmax(Tensor x) const { return as(gshard::softmax(in_f32(x), -1), type_); }
  static Value backward(Tensor y, Tensor dy, const std::vector<Value>& of) {
    const std::vector<Value> gradients = vector_jacobian_product(std::array{y}, std::array{dy}, of);
    return gradients.size() == 1 ? gradients[0] : tuple(gradients);
  }

  // `inputs` and `outputs` name the roles of parameters and results.
  void run(const std::string& name, Kernel kernel, const std::vector<Shape>& parameters,
           const std::function<Value(Values)>& body, const std::vector<std::string>& inputs,
           const std::vector<std::string>& outputs) const {
    const std::string full = fmt::format("{} {}", name, array_.to_string());
    if (!table_.wants(full)) return;
    Compiled program(parameters, [&](Computation&, Values p) { return body(p); });
    Arrays arrays;
    for (size_t i = 0; i < inputs.size(); ++i) set_input(arrays, inputs[i], program.argument(i));
    for (size_t i = 0; i < outputs.size(); ++i) set_output(arrays, outputs[i], program.result(i));
    table_.rows(full, kernel, matrix_, program, arrays);
  }

  static void set_input(Arrays& arrays, const std::string& role, const void* at) {
    if (role == "x") arrays.x = at;
    if (role == "dy") arrays.dy = at;
    if (role == "scale") arrays.scale = static_cast<const float*>(at);
    if (role == "bias") arrays.bias = static_cast<const float*>(at);
    if (role == "labels") arrays.labels = static_cast<const int32_t*>(at);
    if (role == "dloss") arrays.dloss = static_cast<const float*>(at);
  }
  static void set_output(Arrays& arrays, const std::string& role, void* at) {
    if (role == "y") arrays.y = at;
    if (role == "dscale") arrays.dscale = static_cast<float*>(at);
    if (role == "dbias") arrays.dbias = static_cast<float*>(at);
    if (role == "loss") arrays.loss = static_cast<float*>(at);
  }

  const Table& table_;
  DType type_;
  Matrix matrix_;
  Shape array_;
};

void run_all(const std::string& wanted) {
  fmt::print("kernels by hand: {}; one thread\n", hand_kernels().name);
  fmt::print("{:44} {:>8} {:>8} {:>8} {:>6}\n", "", "limit", "gshard", "ratio", "aim");
  const Table table(wanted);
  for (const DType type : {DType::f32, DType::bf16}) {
    run_chains(table, type);
    RowKernels(table, type, {16384, 256}).softmax();
    RowKernels(table, type, {4096, 1024}).softmax();
    RowKernels(table, type, {8192, 512}).norms();
    RowKernels(table, type, {1024, 8192}).cross_entropies();
  }
}

}  // namespace
}  // namespace gshard::bench

int main(int argc, char** argv) { gshard::bench::run_all(argc > 1 ? argv[1] : ""); }
