// Every path of the CPU kernel on arrays of exactly the size it may touch, for a build with sanitizers.
#include "cpu.cpp"

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

static double run(Index n, Index batch, Index steps, Index m, bool shared, bool with_gradient) {
  const Index threads = 2;
  const auto theta = random(3 * n), v = random(4 * n), bias = random(n), h_0 = random(shared ? 2 * n : batch * 2 * n);
  const auto x = random(steps * batch * m), V = random(2 * n * m), gradient = random(steps * batch * 2 * n);
  auto states = random(steps * batch * 2 * n), carry = random(batch * 2 * n), z = random(steps * batch * 2 * n);
  std::vector<Index> permutation(n);
  for (Index k = 0; k < n; ++k) permutation[k] = (k * 5 + 1) % n;

  void* tables = urnn_tables(n, theta.data(), v.data(), permutation.data(), bias.data(), 0);
  Real* work = static_cast<Real*>(std::aligned_alloc(64, threads * urnn_workspace(n, m)));
  urnn_forward(tables, steps, batch, m, threads, h_0.data(), shared ? 0 : 2 * n, m ? x.data() : nullptr,
               V.data(), states.data(), work);
  const Index slices = urnn_slices(n, batch);
  std::vector<double> partial(slices * (8 + 2 * m) * n, 0);
  std::vector<Real> theta_gradient(3 * n), v_gradient(4 * n), bias_gradient(n), product(m * 2 * n);
  auto backward = [&](Index begin, Index end) {
    urnn_backward(tables, batch, m, threads, h_0.data(), shared ? 0 : 2 * n, x.data(), states.data(),
                  with_gradient ? gradient.data() : nullptr, begin, end, carry.data(), z.data(), partial.data(), work);
  };
  const Index cut = steps / 4;
  if (cut) backward(cut, steps);
  backward(0, cut ? cut : steps);
  urnn_finish(tables, m, slices, partial.data(), v.data(), theta_gradient.data(), v_gradient.data(),
              bias_gradient.data(), product.data());
  std::free(work);
  urnn_release(tables);
  return theta_gradient[0] + v_gradient[0] + states[0];
}

int main() {
  double sum = 0;
  for (Index n : {4, 8, 16, 32, 64, 128, 512})
    for (Index batch : {1, 2, 3, 5, 16, 21})
      for (Index m : {0, 1, 3, 10, 16}) {
        sum += run(n, batch, 3, m, batch % 2, m % 2);
        sum += run(n, batch, 1, m, !(batch % 2), !(m % 2));
      }
  for (Index n : {64, 128, 1024})  // samples alone, for more steps than are held together
    for (Index batch : {1, 17}) sum += run(n, batch, 15, batch == 1 ? 10 : 3, batch == 1, true);
  std::printf("%s\n", std::isfinite(sum) ? "finite" : "not finite");
  return 0;
}
