// Steps of a stream of one layer as an operator of torch, without gradients: see `operator.h`. Included by
// kernel.cpp behind the passes.
#pragma once

#include "step.h"

namespace {

// Rows [Re; Im] of a complex state (1, B, n), or of a first state (2n) that all samples share.
template <typename T>
void load_state(const View<3>& h, Index batch, Index n, T* pairs) {
  for (Index i = 0; i < batch; ++i, pairs += 2 * n) {
    if (h.dimensions == 1) {
      const T* state = static_cast<const T*>(h.data);
      for (Index k = 0; k < 2 * n; ++k) pairs[k] = state[k * h.stride[2]];
    } else {
      const Complex<T>* state = static_cast<const Complex<T>*>(h.data) + i * h.stride[1];
      for (Index k = 0; k < n; ++k) pairs[k] = state[k * h.stride[2]].re, pairs[n + k] = state[k * h.stride[2]].im;
    }
  }
}

inline bool is_shared(Handle state) {
  std::int64_t dimensions;
  return !torch.dimensions(state, &dimensions) && dimensions == 1;
}

// x (T, B, m), h (1, B, n) complex or (2n) real, theta, v, permutation, V, b, epsilon, whether v is to be
// conjugated -> states (T, B, 2n), and the last state, complex (1, B, n).
template <typename T>
void stream(Stacked* stack) {
  constexpr Index SIZE = sizeof(T);
  Owner given[7];
  take(given, stack);
  double epsilon;
  std::memcpy(&epsilon, &stack[7], sizeof epsilon);
  const bool conjugate = stack[8] & 0xff, shared = is_shared(given[1].handle);
  const View<3> x(given[0].handle, codes.real, SIZE);
  const View<3> h(given[1].handle, shared ? codes.real : codes.complex, shared ? SIZE : 2 * SIZE, shared ? 1 : 3);
  const View<2> theta(given[2].handle, codes.real, SIZE), v(given[3].handle, codes.real, SIZE);
  const View<1> permutation(given[4].handle, codes.index, sizeof(Index)), b(given[6].handle, codes.real, SIZE);
  const View<2> V(given[5].handle, codes.real, SIZE);
  const Index steps = x.size[0], batch = x.size[1], m = x.size[2], n = b.size[0], width = 2 * n;
  require(n <= LARGEST && h.size[0] == 1 && (shared || h.size[1] == batch) && h.size[2] == (shared ? width : n) &&
          theta.size[0] == 3 && theta.size[1] == n && v.size[0] == 2 && v.size[1] == width &&
          permutation.size[0] == n && V.size[0] == width && V.size[1] == m && theta.contiguous && v.contiguous &&
          permutation.contiguous && V.contiguous && b.contiguous);

  const T* vectors = static_cast<const T*>(v.data);
  std::vector<T> turned;
  if (conjugate) {
    turned = conjugated(vectors, n);
    vectors = turned.data();
  }
  const auto tables = remembered_tables<T>(n, static_cast<const T*>(theta.data), vectors,
                                           static_cast<const Index*>(permutation.data),
                                           static_cast<const T*>(b.data), static_cast<T>(epsilon));
  require(tables != nullptr);

  const std::int64_t sizes[] = {steps, batch, width}, last_sizes[] = {1, batch, n};
  Owner states(empty(sizes, 3, codes.real)), last(empty(last_sizes, 3, codes.complex));
  const Index threads = batch > 1 ? std::min<Index>(torch.threads(), batch) : 1;
  const Index planes = threads * forward_workspace<T>(n), rows = batch * width,
              inputs = x.contiguous ? 0 : steps * batch * m;
  const Index bytes = planes + (rows + inputs) * SIZE;
  alignas(64) char small[16384];
  const Owner large(bytes > static_cast<Index>(sizeof small) ? empty(&bytes, 1, codes.bytes) : nullptr);
  char* work = large.handle ? data_of<char>(large) : small;
  T *pairs = reinterpret_cast<T*>(work + planes), *copied = pairs + rows;
  load_state(h, batch, n, pairs);
  const T* input = static_cast<const T*>(x.data);
  if (!x.contiguous) {
    for (Index t = 0, at = 0; t < steps; ++t)
      for (Index i = 0; i < batch; ++i)
        for (Index c = 0; c < m; ++c) copied[at++] = input[t * x.stride[0] + i * x.stride[1] + c * x.stride[2]];
    input = copied;
  }
  T* out = data_of<T>(states);
  const T* weights = static_cast<const T*>(V.data);
  const bool inside = m <= WIDEST_INPUT;
  if (!inside)
    product<T>({input, steps * batch, m, m, 1}, {weights, m, width, 1, m}, {out, steps * batch, width, width, 1});
  forward<T>(*tables, steps, batch, m, threads, pairs, width, inside ? input : nullptr, weights, out,
             reinterpret_cast<T*>(work));
  const T* end = out + (steps - 1) * rows;
  Complex<T>* final_state = data_of<Complex<T>>(last);
  for (Index i = 0; i < batch; ++i)
    for (Index k = 0; k < n; ++k) final_state[i * n + k] = {end[i * width + k], end[i * width + n + k]};
  stack[0] = reinterpret_cast<Stacked>(states.give()), stack[1] = reinterpret_cast<Stacked>(last.give());
}
}  // namespace
