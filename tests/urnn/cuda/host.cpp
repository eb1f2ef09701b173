// The CUDA kernels as a library for a host: what a launch does, and the sizes that the launcher must know.
#include "host_device.h"

#include <cstring>

#include "kernel.cu"

namespace {

template <typename Arguments, void (*KERNEL)(Arguments)>
void thread(const void* at) {
  Arguments arguments;
  std::memcpy(&arguments, at, sizeof arguments);
  KERNEL(arguments);
}

struct Kernel {
  void (*thread)(const void* at);
  long size;  // of the arguments
};

// In the order of `Plan.kernels`.
constexpr Kernel KERNELS[] = {{thread<TablesArguments, urnn_tables>, sizeof(TablesArguments)},
                              {thread<ForwardArguments, urnn_forward>, sizeof(ForwardArguments)},
                              {thread<ForwardArguments, urnn_forward_few>, sizeof(ForwardArguments)},
                              {thread<StepArguments, urnn_step>, sizeof(StepArguments)},
                              {thread<BackwardArguments, urnn_backward>, sizeof(BackwardArguments)},
#if URNN_SUMS_FEW
                              {thread<BackwardArguments, urnn_backward_few>, sizeof(BackwardArguments)},
#endif
                              {thread<FinishArguments, urnn_finish>, sizeof(FinishArguments)}};

}  // namespace

extern "C" {

// Runs a kernel; returns what went wrong, or null. `size` is that of the arguments.
const char* urnn_launch(int kernel, long blocks, int threads, long shared_bytes, const void* values, long size) {
  if (size != KERNELS[kernel].size) return "the arguments do not have the size of the structure";
  return run_blocks(KERNELS[kernel].thread, values, blocks, threads, shared_bytes);
}

// Threads and samples a block and shared bytes of the kernels of a sequence, those of the kernels in double, rows
// of tables and of sums, and the most inputs that are few.
void urnn_sizes(long* sizes) {
  const long all[] = {Sample::THREADS,
                      Sample::SAMPLES,
                      FORWARD_BYTES,
                      FORWARD_FEW_BYTES,
                      BACKWARD_BYTES,
                      BACKWARD_FEW_BYTES,
                      WideGroup::THREADS,
                      WideGroup::BYTES,
                      ROWS,
                      SUMS,
                      SUMS_OF_FEW,
                      FEW};
  std::memcpy(sizes, all, sizeof all);
}
}
