#include "backend/cpu/jit.h"

#include <fmt/format.h>
#include <llvm/Analysis/CGSCCPassManager.h>
#include <llvm/Analysis/LoopAnalysisManager.h>
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

#include <unordered_map>

#include "backend/cpu/emit_kernel.h"
#include "base/error.h"

namespace gshard::cpu {
namespace {

namespace orc = llvm::orc;

// Kernels in one LLVM module: few modules compile fast, several compile on several cores.
constexpr size_t kKernelsPerModule = 16;

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

std::unique_ptr<llvm::Module> module_for(llvm::LLVMContext& context, std::span<const Kernel* const> kernels,
                                         size_t first_name, llvm::TargetMachine& target) {
  static const Machine machine = machine_at_hand();
  auto module = std::make_unique<llvm::Module>("kernels", context);
  module->setTargetTriple(target.getTargetTriple().str());
  module->setDataLayout(target.createDataLayout());
  for (size_t i = 0; i < kernels.size(); ++i) {
    emit_kernel(*kernels[i], fmt::format("kernel{}", first_name + i), *module, machine);
  }
  std::string problem;
  llvm::raw_string_ostream stream(problem);
  GSHARD_CHECK(!llvm::verifyModule(*module, &stream), problem);
  optimise(*module, target);
  return module;
}

}  // namespace

struct Jit::State {
  std::unique_ptr<orc::LLJIT> jit;
  std::unordered_map<std::string, KernelFunction> compiled;  // by the text of the kernel
  size_t names = 0;
};

std::vector<KernelFunction> Jit::functions_of(const std::vector<std::string>& texts) const {
  std::vector<KernelFunction> functions;
  for (const std::string& text : texts) functions.push_back(state_->compiled.at(text));
  return functions;
}

Jit::Jit() : state_(std::make_unique<State>()) {}

Jit::~Jit() = default;

std::vector<KernelFunction> Jit::compile(std::span<const Kernel* const> kernels, int threads) {
  std::vector<std::string> texts;
  std::vector<const Kernel*> fresh;
  std::vector<std::string> names;
  for (const Kernel* kernel : kernels) {
    texts.push_back(to_string(*kernel));
    if (!state_->compiled.emplace(texts.back(), nullptr).second) continue;
    fresh.push_back(kernel);
    names.push_back(texts.back());
  }
  if (state_->jit == nullptr && !fresh.empty()) {
    orc::LLJITBuilder builder;
    builder.setJITTargetMachineBuilder(host());
    if (threads > 1) builder.setNumCompileThreads(static_cast<unsigned>(threads));
    state_->jit = take(builder.create());
    const char prefix = state_->jit->getDataLayout().getGlobalPrefix();
    auto& library = state_->jit->getMainJITDylib();
    library.addGenerator(take(orc::DynamicLibrarySearchGenerator::Load("libsleef.so.3", prefix)));
    library.addGenerator(take(orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(prefix)));
  }
  if (fresh.empty()) return functions_of(texts);
  const std::unique_ptr<llvm::TargetMachine> target = take(orc::JITTargetMachineBuilder(host()).createTargetMachine());
  const size_t first_name = state_->names;
  for (size_t first = 0; first < fresh.size(); first += kKernelsPerModule) {
    const size_t count = std::min(kKernelsPerModule, fresh.size() - first);
    auto context = std::make_unique<llvm::LLVMContext>();
    auto module = module_for(*context, std::span(fresh).subspan(first, count), first_name + first, *target);
    check(state_->jit->addIRModule(orc::ThreadSafeModule(std::move(module), std::move(context))));
  }
  state_->names += fresh.size();
  orc::SymbolLookupSet wanted;
  for (size_t i = 0; i < fresh.size(); ++i)
    wanted.add(state_->jit->mangleAndIntern(fmt::format("kernel{}", first_name + i)));
  auto& session = state_->jit->getExecutionSession();
  auto& library = state_->jit->getMainJITDylib();
  const orc::SymbolMap found = take(session.lookup(orc::makeJITDylibSearchOrder(&library), std::move(wanted)));
  for (size_t i = 0; i < fresh.size(); ++i) {
    const auto symbol = found.find(state_->jit->mangleAndIntern(fmt::format("kernel{}", first_name + i)));
    state_->compiled[names[i]] = symbol->second.getAddress().toPtr<KernelFunction>();
  }
  return functions_of(texts);
}

}  // namespace gshard::cpu
