// The CUDA kernels as a library for a host: what a launch does, and the sizes that the launcher must know.
#include "host_device.h"

#include "kernel.cu"

namespace {

template <typename Arguments>
void run(int threads, long blocks, long shared_bytes, const void* values, void (*kernel)(Arguments)) {
  Arguments arguments;
  std::memcpy(&arguments, values, sizeof arguments);
  block.body = [&] { kernel(arguments); };
  for (block.index = 0; block.index < blocks && block.failure.empty(); ++block.index)
    block.run(threads, shared_bytes);
}

}  // namespace

extern "C" {

// Kernels in the order of launch.py; returns what went wrong, or null. `size` is that of the arguments.
const char* urnn_launch(int kernel, long blocks, int threads, long shared_bytes, const void* values, long size) {
  static std::string message;
  constexpr std::size_t sizes[] = {sizeof(TablesArguments), sizeof(ForwardArguments), sizeof(BackwardArguments),
                                   sizeof(FinishArguments)};
  if (size != long(sizes[kernel])) return "the arguments do not have the size of the structure";
  block.failure.clear();
  if (kernel == 0) run(threads, blocks, shared_bytes, values, urnn_tables);
  if (kernel == 1) run(threads, blocks, shared_bytes, values, urnn_forward);
  if (kernel == 2) run(threads, blocks, shared_bytes, values, urnn_backward);
  if (kernel == 3) run(threads, blocks, shared_bytes, values, urnn_finish);
  message = block.failure;
  return message.empty() ? nullptr : message.c_str();
}

// Threads and shared bytes of the kernels of a sequence and of those in double, samples a block, rows of tables
// and of sums.
void urnn_sizes(long* sizes) {
  const long all[] = {
      Sample::THREADS, Sample::BYTES, Sample::SAMPLES, WideGroup::THREADS, WideGroup::BYTES, ROWS, SUMS};
  std::memcpy(sizes, all, sizeof all);
}
}
