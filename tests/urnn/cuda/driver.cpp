// A CUDA driver without a GPU: the few functions that the launcher calls, by the names and signatures of libcuda,
// so that the real bindings call them. A launch runs the kernel on the host; everything else is noted in a log.
#include "host.cpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

namespace {

// In the order of `KERNELS`; the plan that is tested has all of them.
const char* NAMES[] = {"urnn_tables",   "urnn_forward",      "urnn_forward_few", "urnn_step",
                       "urnn_backward", "urnn_backward_few", "urnn_finish"};
std::FILE* opened() {
  std::FILE* file = std::fopen(std::getenv("DRIVER_LOG"), "a");
  std::setvbuf(file, nullptr, _IOLBF, BUFSIZ);  // read while this process runs
  return file;
}
std::FILE* journal() {
  static std::FILE* file = opened();
  return file;
}
int answer(const char* function) {  // the code to fail with, where the environment names this function
  const char* failing = std::getenv("DRIVER_FAILS");
  return failing && !std::strcmp(failing, function) ? 700 : 0;
}

}  // namespace

extern "C" {

int cuModuleLoadData(void** module, const void* image) {
  std::fprintf(journal(), "load %.3s\n", static_cast<const char*>(image) + 1);
  *module = reinterpret_cast<void*>(0x10);
  return answer("cuModuleLoadData");
}
int cuModuleGetFunction(void** function, void*, const char* name) {
  for (int kernel = 0; kernel < int(sizeof NAMES / sizeof *NAMES); ++kernel)
    if (!std::strcmp(name, NAMES[kernel])) {
      *function = reinterpret_cast<void*>(static_cast<long>(kernel + 1));
      return 0;
    }
  return 500;
}
int cuFuncSetAttribute(void* function, int attribute, int value) {
  std::fprintf(journal(), "attribute %s %d %d\n", NAMES[reinterpret_cast<long>(function) - 1], attribute, value);
  return 0;
}
int cuLaunchKernel(void* function, unsigned blocks, unsigned, unsigned, unsigned threads, unsigned, unsigned,
                   unsigned shared_bytes, void* stream, void** arguments, void** extra) {
  const long kernel = reinterpret_cast<long>(function) - 1;
  std::fprintf(journal(), "launch %s %u %u %u on %ld\n", NAMES[kernel], blocks, threads, shared_bytes,
               reinterpret_cast<long>(stream));
  if (int code = answer("cuLaunchKernel")) return code;
  if (extra) return 1;
  const char* failure = urnn_launch(kernel, blocks, threads, shared_bytes, arguments[0], KERNELS[kernel].size);
  if (failure) std::fprintf(stderr, "%s\n", failure);
  return failure ? 719 : 0;
}
int cuGetProcAddress_v2(const char* name, void** function, int, unsigned long, int*) {
  static void* self = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  *function = dlsym(self, name);
  return 0;
}
int cuGetProcAddress(const char* name, void** function, int version, unsigned long flags) {
  return cuGetProcAddress_v2(name, function, version, flags, nullptr);
}
}
