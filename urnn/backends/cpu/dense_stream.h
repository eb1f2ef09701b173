// Steps with a dense real matrix as an operator of torch, without gradients: see `operator.h`. Included by
// kernel.cpp behind the passes.
#pragma once

#include "dense.h"
#include "step.h"

namespace {

// One step of a few samples: the matrices are read as they lie, since packing them would cost more than the step.
template <typename T>
void dense_step(Index batch, Index n, Index m, const T* x, const T* h, const T* W, const T* V, const T* bias,
                T* next) {
  product<T>({h, batch, n, n, 1}, {W, n, n, 1, n}, {next, batch, n, n, 1});
  product<T>({x, batch, m, m, 1}, {V, m, n, 1, m}, {next, batch, n, n, 1}, true);
  for (Index i = 0; i < batch; ++i)
    for (Index k = 0; k < n; ++k) {
      const T z = next[i * n + k], raised = std::abs(z) + bias[k];
      next[i * n + k] = z == 0 || raised <= 0 ? T(0) : std::copysign(raised, z);  // NaN stays
    }
}

// x (T, B, m), h (1, B, n), W (n, n), V (n, m), b (n) -> states (T, B, n), and the last state (1, B, n).
template <typename T>
void dense_stream(Stacked* stack) {
  constexpr Index SIZE = sizeof(T);
  Owner given[5];
  take(given, stack);
  const View<3> x(given[0].handle, codes.real, SIZE), h(given[1].handle, codes.real, SIZE);
  const View<2> W(given[2].handle, codes.real, SIZE), V(given[3].handle, codes.real, SIZE);
  const View<1> b(given[4].handle, codes.real, SIZE);
  const Index steps = x.size[0], batch = x.size[1], m = x.size[2], n = b.size[0], rows = batch * n;
  require(h.size[0] == 1 && h.size[1] == batch && h.size[2] == n && W.size[0] == n && W.size[1] == n &&
          V.size[0] == n && V.size[1] == m && x.contiguous && h.contiguous && W.contiguous && V.contiguous &&
          b.contiguous);
  auto address = [](const auto& of) { return static_cast<const T*>(of.data); };
  const std::int64_t sizes[] = {steps, batch, n}, last_sizes[] = {1, batch, n};
  Owner states(empty(sizes, 3, codes.real)), last(empty(last_sizes, 3, codes.real));
  T* const out = data_of<T>(states);
  if (steps == 1 && batch < Product<T>::ROWS)
    dense_step(batch, n, m, address(x), address(h), address(W), address(V), address(b), out);
  else {
    const DenseSequence<T> sequence{torch.threads(), steps,      batch,      n,         m,
                                    address(x),      address(h), address(W), address(V)};
    const std::int64_t size = sequence.workspace();
    const Owner work(empty(&size, 1, codes.real));
    sequence.forward(address(b), out, data_of<T>(work));
  }
  std::copy_n(out + (steps - 1) * rows, rows, data_of<T>(last));
  stack[0] = reinterpret_cast<Stacked>(states.give()), stack[1] = reinterpret_cast<Stacked>(last.give());
}
}  // namespace
