#include "backend/cpu/jit.h"

#include <fmt/format.h>
#include <llvm/Analysis/CGSCCPassManager.h>
#include <llvm/Analysis/LoopAnalysisManager.h>
#include <llvm/ExecutionEngine/Orc/CompileUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IR/PassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Host.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>

#include <algorithm>
#include <unordered_map>

#include "backend/cpu/emit_kernel.h"
#include "base/ceil_div.h"
#include "base/error.h"

namespace gshard::cpu {
namespace {

namespace orc = llvm::orc;

// Kernels in one LLVM module: few modules compile fast, several compile on several cores.
constexpr int64_t kMostKernels = 16;
constexpr int64_t kLeastKernels = 4;

// A kernel that there is no code of yet, and the name of its function.
struct FreshKernel {
  const Kernel* kernel;
  std::string name;
  std::string text;
};

template <class T>
T take(llvm::Expected<T> value) {
  if (!value) throw Error::program("LLVM: " + llvm::toString(value.takeError()));
  return std::move(*value);
}
void check(llvm::Error error) {
  if (error) throw Error::program("LLVM: " + llvm::toString(std::move(error)));
}

// The machine at hand.
const orc::JITTargetMachineBuilder& host() {
  static const orc::JITTargetMachineBuilder builder = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    orc::JITTargetMachineBuilder made = take(orc::JITTargetMachineBuilder::detectHost());
    made.setCodeGenOptLevel(llvm::CodeGenOptLevel::Default);
    return made;
  }();
  return builder;
}

Machine machine_at_hand() {
  const llvm::Triple& triple = host().getTargetTriple();
  const llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  const auto has = [&](const char* feature) { return features.lookup(feature); };
  Machine machine;
  machine.math_suffix = triple.isAArch64() ? "advsimd" : "sse2";
  if (has("avx2") && has("fma")) machine = {32, "avx2"};
  if (has("avx512f") && has("avx512bw") && has("avx512vl") && has("avx512dq")) machine = {64, "avx512f"};
  machine.converts_bf16 = has("avx512bf16");
  return machine;
}

void optimise(llvm::Module& module, llvm::TargetMachine& target) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&target);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graph, modules);
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  passes.addPass(llvm::EarlyCSEPass(true));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()), true));
  passes.addPass(llvm::SimplifyCFGPass());
  for (llvm::Function& function : module) {
    if (!function.isDeclaration()) passes.run(function, functions);
  }
}

std::unique_ptr<llvm::Module> module_for(llvm::LLVMContext& context, const std::vector<FreshKernel>& kernels,
                                         llvm::TargetMachine& target) {
  static const Machine machine = machine_at_hand();
  auto module = std::make_unique<llvm::Module>("kernels", context);
  module->setTargetTriple(target.getTargetTriple().str());
  module->setDataLayout(target.createDataLayout());
  for (const FreshKernel& fresh : kernels) emit_kernel(*fresh.kernel, fresh.name, *module, machine);
  std::string problem;
  llvm::raw_string_ostream stream(problem);
  GSHARD_CHECK(!llvm::verifyModule(*module, &stream), problem);
  optimise(*module, target);
  return module;
}

using Object = std::unique_ptr<llvm::MemoryBuffer>;

// Everything from loops to machine code; several threads may do it, each for its kernels.
Object object_of(const std::vector<FreshKernel>& kernels) {
  llvm::LLVMContext context;
  const std::unique_ptr<llvm::TargetMachine> target = take(orc::JITTargetMachineBuilder(host()).createTargetMachine());
  return take(orc::SimpleCompiler(*target)(*module_for(context, kernels, *target)));
}

std::unique_ptr<orc::LLJIT> make_linker() {
  orc::LLJITBuilder builder;
  builder.setJITTargetMachineBuilder(host());
  std::unique_ptr<orc::LLJIT> jit = take(builder.create());
  const char prefix = jit->getDataLayout().getGlobalPrefix();
  auto& library = jit->getMainJITDylib();
  library.addGenerator(take(orc::DynamicLibrarySearchGenerator::Load("libsleef.so.3", prefix)));
  library.addGenerator(take(orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(prefix)));
  return jit;
}

}  // namespace

struct Jit::State {
  std::unique_ptr<orc::LLJIT> linker;                        // null until there is something to link
  std::unordered_map<std::string, KernelFunction> compiled;  // by the text of the kernel

  void compile(const std::vector<FreshKernel>& fresh, Pool& pool);
};

Jit::Jit() : state_(std::make_unique<State>()) {}

Jit::~Jit() = default;

std::vector<KernelFunction> Jit::compile(std::span<const Kernel* const> kernels, Pool& pool) {
  std::vector<std::string> texts;
  std::vector<FreshKernel> fresh;
  for (const Kernel* kernel : kernels) {
    texts.push_back(to_string(*kernel));
    const bool is_fresh = state_->compiled.emplace(texts.back(), nullptr).second;
    if (is_fresh) fresh.push_back({kernel, fmt::format("kernel{}", state_->compiled.size()), texts.back()});
  }
  if (!fresh.empty()) state_->compile(fresh, pool);
  std::vector<KernelFunction> functions;
  for (const std::string& text : texts) functions.push_back(state_->compiled.at(text));
  return functions;
}

void Jit::State::compile(const std::vector<FreshKernel>& fresh, Pool& pool) {
  // Dealt out in turn, as neighbours take about as long.
  const auto count = static_cast<int64_t>(fresh.size());
  const int64_t per_thread = ceil_div(count, pool.threads());
  const int64_t batches = ceil_div(count, std::clamp(per_thread, kLeastKernels, kMostKernels));
  std::vector<std::vector<FreshKernel>> dealt(static_cast<size_t>(batches));
  for (size_t i = 0; i < fresh.size(); ++i) dealt[i % dealt.size()].push_back(fresh[i]);
  std::vector<Object> objects(dealt.size());
  pool.run(batches, [&](int64_t b) { objects[static_cast<size_t>(b)] = object_of(dealt[static_cast<size_t>(b)]); });
  if (linker == nullptr) linker = make_linker();
  for (Object& object : objects) check(linker->addObjectFile(std::move(object)));
  orc::SymbolLookupSet wanted;
  for (const FreshKernel& kernel : fresh) wanted.add(linker->mangleAndIntern(kernel.name));
  const orc::JITDylibSearchOrder where = orc::makeJITDylibSearchOrder(&linker->getMainJITDylib());
  const orc::SymbolMap found = take(linker->getExecutionSession().lookup(where, std::move(wanted)));
  for (const FreshKernel& kernel : fresh) {
    const orc::ExecutorSymbolDef& symbol = found.at(linker->mangleAndIntern(kernel.name));
    compiled[kernel.text] = symbol.getAddress().toPtr<KernelFunction>();
  }
}

}  // namespace gshard::cpu
