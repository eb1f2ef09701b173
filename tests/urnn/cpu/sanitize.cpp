// Every path of the CPU kernel on arrays of exactly the size it may touch, for a build with sanitizers.
#include "kernel.cpp"
#include "threads.h"

#include <cstdio>
#include <cstdlib>
#include <random>

using Real = URNN_REAL;

static std::mt19937 numbers(0);

static std::vector<Real> random(Index size) {
  std::uniform_real_distribution<Real> uniform(-1, 1);
  std::vector<Real> values(size);
  for (Real& value : values) value = uniform(numbers);
  return values;
}

// `small`: the first z is so far below b that it is worked out again on the way back.
static double run(Index n, Index batch, Index steps, Index m, bool shared, bool with_gradient, bool small = false,
                  double epsilon = 0) {
  const Index threads = 2, inside = m > 16 ? 0 : m;
  const auto theta = random(3 * n), v = random(4 * n), V = random(2 * n * m),
             gradient = random(steps * batch * 2 * n);
  auto bias = random(n), h_0 = random(shared ? 2 * n : batch * 2 * n), x = random(steps * batch * m);
  if (small) {
    for (Real& b : bias) b = std::abs(b) + Real(0.1);
    for (Real& h : h_0) h *= Real(1e-9);
    for (Real& value : x) value *= Real(1e-9);
  }
  auto states = random(steps * batch * 2 * n), carry = random(batch * 2 * n), z = random(steps * batch * 2 * n);
  std::vector<Index> permutation(n);
  for (Index k = 0; k < n; ++k) permutation[k] = (k * 5 + 1) % n;

  void* tables = urnn_tables(n, theta.data(), v.data(), permutation.data(), bias.data(), epsilon);
  Real* work = static_cast<Real*>(std::aligned_alloc(64, threads * urnn_workspace(n, inside)));
  urnn_forward(tables, steps, batch, m, threads, h_0.data(), shared ? 0 : 2 * n, inside ? x.data() : nullptr,
               V.data(), states.data(), work);
  const Index slices = urnn_slices(n, batch);
  std::vector<double> partial(slices * (8 + 2 * inside) * n, 0);
  std::vector<Real> theta_gradient(3 * n), v_gradient(4 * n), bias_gradient(n), product(inside * 2 * n);
  auto backward = [&](Index begin, Index end) {
    urnn_backward(tables, batch, m, inside, threads, h_0.data(), shared ? 0 : 2 * n, x.data(), V.data(),
                  states.data(), with_gradient ? gradient.data() : nullptr, begin, end, carry.data(), z.data(),
                  partial.data(), work);
  };
  const Index cut = steps / 4;
  if (cut) backward(cut, steps);
  backward(0, cut ? cut : steps);
  urnn_finish(tables, inside, slices, partial.data(), v.data(), theta_gradient.data(), v_gradient.data(),
              bias_gradient.data(), product.data());
  std::free(work);
  urnn_release(tables);
  return theta_gradient[0] + v_gradient[0] + states[0];
}

// out = a b for matrices as they lie and transposed.
static double multiply(Index rows, Index columns, Index depth) {
  const auto a = random(rows * depth), b = random(depth * columns);
  auto out = random(rows * columns);
  void* work = std::aligned_alloc(64, urnn_multiply_workspace(2, rows, columns));
  for (bool turned_a : {false, true})
    for (bool turned_b : {false, true})
      for (bool turned_out : {false, true})
        urnn_multiply(2, rows, columns, depth, a.data(), turned_a ? 1 : depth, turned_a ? rows : 1, b.data(),
                      turned_b ? 1 : columns, turned_b ? depth : 1, out.data(), turned_out ? 1 : columns,
                      turned_out ? rows : 1, turned_a, static_cast<Real*>(work));
  std::free(work);
  return out[0];
}

// A sequence with a dense matrix, forwards and backwards, `held` steps at a time.
static double dense(Index n, Index batch, Index steps, Index m, Index held, bool with_gradient, bool with_x) {
  const Index threads = 2;
  const auto x = random(steps * batch * m), h_0 = random(batch * n), W = random(n * n), V = random(n * m),
             bias = random(n), gradient = random(steps * batch * n);
  auto states = random(steps * batch * n), carry = random(batch * n), of_x = random(steps * batch * m),
       of_W = random(n * n), of_V = random(n * m), of_bias = random(n);
  auto work = random(urnn_dense_workspace(n, m)),
       work_back = random(urnn_dense_workspace_back(threads, batch, n, held));
  urnn_dense_forward(threads, steps, batch, n, m, x.data(), h_0.data(), W.data(), V.data(), bias.data(),
                     states.data(), work.data());
  urnn_dense_backward(threads, steps, batch, n, m, held, x.data(), h_0.data(), W.data(), V.data(), states.data(),
                      with_gradient ? gradient.data() : nullptr, carry.data(), with_x ? of_x.data() : nullptr,
                      of_W.data(), of_V.data(), of_bias.data(), work_back.data());
  return states[0] + carry[0] + of_x[0] + of_W[0] + of_V[0] + of_bias[0];
}

int main() {
  urnn_share_threads(start_threads);
  double sum = 0;
  for (Index n : {4, 8, 16, 32, 64, 128, 512})
    for (Index batch : {1, 2, 3, 5, 16, 21})
      for (Index m : {0, 1, 3, 10, 16}) {
        sum += run(n, batch, 3, m, batch % 2, m % 2);
        sum += run(n, batch, 1, m, !(batch % 2), !(m % 2));
      }
  for (Index n : {64, 128, 1024})  // samples alone, for more steps than are held together
    for (Index batch : {1, 17}) sum += run(n, batch, 15, batch == 1 ? 10 : 3, batch == 1, true);
  for (Index n : {4, 32, 128})
    for (Index batch : {1, 3, 16, 21})
      for (Index m : {1, 16, 20})
        for (double epsilon : {0., 1e-5}) sum += run(n, batch, 3, m, batch % 2, true, true, epsilon);
  for (Index n : {324, 37, 127}) sum += run(n, 21, 2, 3, true, true);  // other sizes
  sum +=
      run(324, 37, 96, 3, true, false);  // more states than caches are thought to hold, in rows of no whole lines
  for (Index rows : {1, 5, 7, 100})
    for (Index columns : {1, 17, 64, 300})
      for (Index depth : {1, 20, 300}) sum += multiply(rows, columns, depth);
  for (Index n : {1, 15, 16, 33, 100})
    for (Index batch : {1, 5, 12, 13, 30})
      for (Index m : {1, 10, 17})
        for (Index held : {1, 2, 3}) sum += dense(n, batch, 3, m, held, batch % 2, m > 1);
  std::printf("%s\n", std::isfinite(sum) ? "finite" : "not finite");
  return 0;
}
