// The kernels of one state size and dtype, by the names that launch.py uses. plan.py says what the macros are that
// begin with URNN.
#include "backward.h"
#include "step.h"
#include "tables.h"

extern "C" __global__ void __launch_bounds__(WideGroup::THREADS, 1)
    urnn_tables(const __grid_constant__ TablesArguments a) {
  make_tables(a);
}

extern "C" __global__ void __launch_bounds__(Sample::THREADS, 1)
    urnn_forward(const __grid_constant__ ForwardArguments a) {
  run_forward<ComingInputs>(a);
}

extern "C" __global__ void __launch_bounds__(Sample::THREADS, 1)
    urnn_forward_few(const __grid_constant__ ForwardArguments a) {
  run_forward<FewInputs>(a);
}

extern "C" __global__ void __launch_bounds__(Sample::THREADS, 1)
    urnn_step(const __grid_constant__ StepArguments a) {
  run_step(a);
}

extern "C" __global__ void __launch_bounds__(Sample::THREADS, 1)
    urnn_backward(const __grid_constant__ BackwardArguments a) {
  run_backward<false>(a);
}

#if URNN_SUMS_FEW
extern "C" __global__ void __launch_bounds__(Sample::THREADS, 1)
    urnn_backward_few(const __grid_constant__ BackwardArguments a) {
  run_backward<true>(a);
}
#endif

extern "C" __global__ void __launch_bounds__(WideGroup::THREADS, 1)
    urnn_finish(const __grid_constant__ FinishArguments a) {
  make_gradients(a);
}
