// The CPU kernel in a program of its own, for compilers and processors that cannot make a library for this
// process: reads one call of `sequence.forward` or `sequence.backward` from the standard input, writes its results
// to the standard output.
#include "kernel.cpp"
#include "threads.h"

#include <cstdio>
#include <cstdlib>

using Real = URNN_REAL;

template <typename Value>
static std::vector<Value> read(Index size) {
  std::vector<Value> values(size);
  if (static_cast<Index>(std::fread(values.data(), sizeof(Value), size, stdin)) != size) std::exit(2);
  return values;
}
static void write(const std::vector<Real>& values) {
  if (std::fwrite(values.data(), sizeof(Real), values.size(), stdout) != values.size()) std::exit(3);
}

struct Freed {
  void operator()(void* memory) const { std::free(memory); }
};
static std::unique_ptr<Real, Freed> memory(Index bytes) {
  return std::unique_ptr<Real, Freed>(static_cast<Real*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)));
}

// out (rows, columns) = a b, for matrices with these strides.
static void multiply(Index threads, Index rows, Index columns, Index depth, const Real* a, Index a_row,
                     Index a_column, const Real* b, Index b_row, Index b_column, Real* out) {
  urnn_multiply(threads, rows, columns, depth, a, a_row, a_column, b, b_row, b_column, out, columns, 1, 0,
                memory(urnn_multiply_workspace(threads, rows, columns)).get());
}

int main() {
  urnn_share_threads(start_threads);
  const auto sizes = read<Index>(8);
  const Index n = sizes[0], batch = sizes[1], steps = sizes[2], m = sizes[3], threads = sizes[4],
              stride = sizes[5];
  const bool goes_back = sizes[6], with_gradient = sizes[7];
  const double epsilon = read<double>(1)[0];
  const auto permutation = read<Index>(n);
  const auto x = read<Real>(steps * batch * m), h_0 = read<Real>(stride ? batch * 2 * n : 2 * n),
             theta = read<Real>(3 * n), v = read<Real>(4 * n), V = read<Real>(2 * n * m), b = read<Real>(n);
  const Index inside = m > 16 ? 0 : m, rows = steps * batch;
  void* tables = urnn_tables(n, theta.data(), v.data(), permutation.data(), b.data(), epsilon);
  if (!tables) return 4;
  if (!goes_back) {
    std::vector<Real> states(rows * 2 * n);
    if (!inside) multiply(threads, rows, 2 * n, m, x.data(), m, 1, V.data(), 1, m, states.data());
    urnn_forward(tables, steps, batch, m, threads, h_0.data(), stride, inside ? x.data() : nullptr, V.data(),
                 states.data(), memory(threads * urnn_forward_workspace(n)).get());
    write(states);
  } else {
    const auto states = read<Real>(rows * 2 * n), gradient = read<Real>(with_gradient ? rows * 2 * n : 0);
    auto carry = read<Real>(batch * 2 * n);
    std::vector<Real> z(rows * 2 * n), of_x(rows * m), of_theta(3 * n), of_v(4 * n), of_V(2 * n * m), of_b(n);
    const Index slices = urnn_slices(n, batch);
    std::vector<double> partial(slices * (8 + 2 * inside) * n, 0);
    const auto work = memory(threads * urnn_workspace(n, inside));
    // In two chunks, each with its own part of z.
    for (const auto& [begin, end] : {std::pair<Index, Index>{steps / 2, steps}, {0, steps / 2}})
      if (begin < end)
        urnn_backward(tables, batch, m, inside, threads, h_0.data(), stride, x.data(), V.data(), states.data(),
                      with_gradient ? gradient.data() : nullptr, begin, end, carry.data(),
                      z.data() + begin * batch * 2 * n, partial.data(), work.get());
    std::vector<Real> product(inside * 2 * n);
    urnn_finish(tables, inside, slices, partial.data(), v.data(), of_theta.data(), of_v.data(), of_b.data(),
                product.data());
    for (Index k = 0; k < 2 * n * inside; ++k) of_V[k % (2 * n) * m + k / (2 * n)] = product[k];
    if (!inside) multiply(threads, 2 * n, m, rows, z.data(), 1, 2 * n, x.data(), m, 1, of_V.data());
    multiply(threads, rows, m, 2 * n, z.data(), 2 * n, 1, V.data(), m, 1, of_x.data());
    for (const auto* values : {&of_x, &of_theta, &of_v, &of_V, &of_b, &carry}) write(*values);
  }
  urnn_release(tables);
  return 0;
}
