// The transform of an odd length by its definition: for primes too large for a butterfly and too small for a
// convolution.
#pragma once

#include "butterflies.h"

namespace {

template <typename T>
struct LongOdd {
  int R = 0, H = 0;
  std::vector<T> angles;  // [k][j], k, j = 1..H: cos and sin of 2 pi j k / R, GROUP k beside each other

  LongOdd() = default;
  explicit LongOdd(int length) : R(length), H((length - 1) / 2) {
    auto add = [&](int k, int group) {
      for (int j = 1; j <= H; ++j)
        for (const bool sine : {false, true})
          for (int g = 0; g < group; ++g) {
            const double angle = 2 * M_PI * (static_cast<Index>(j) * (k + g) % R) / R;
            angles.push_back(static_cast<T>(sine ? std::sin(angle) : std::cos(angle)));
          }
    };
    int k = 1;
    for (; k + 4 <= H + 1; k += 4) add(k, 4);
    for (; k <= H; ++k) add(k, 1);
  }

  // X_q = sum_p x_p exp(sign 2 pi i p q / R), in place; `work` holds R - 1 more.
  template <typename V>
  URNN_ONCE void run(int sign, Complex<V>* x, Complex<V>* work) const {
    Complex<V> total = x[0];
    for (int j = 1; j <= H; ++j) {
      work[2 * j - 2] = x[j] + x[R - j], work[2 * j - 1] = x[j] - x[R - j];
      total = total + work[2 * j - 2];
    }
    const T* a = angles.data();
    int k = 1;
    for (; k + 4 <= H + 1; k += 4, a += 8 * H) some<4>(sign, k, a, x, work);
    for (; k <= H; ++k, a += 2 * H) some<1>(sign, k, a, x, work);
    x[0] = total;
  }

 private:
  template <int GROUP, typename V>
  URNN_INLINE void some(int sign, int k, const T* a, Complex<V>* x, const Complex<V>* work) const {
    Complex<V> even[GROUP], odd[GROUP];
    for (int g = 0; g < GROUP; ++g) even[g] = x[0], odd[g] = {V{}, V{}};
    for (int j = 0; j < H; ++j, work += 2, a += 2 * GROUP) {
      const Complex<V> sum = work[0], difference = work[1];
      for (int g = 0; g < GROUP; ++g) {
        even[g].re += sum.re * a[g], even[g].im += sum.im * a[g];
        odd[g].re += difference.re * a[GROUP + g], odd[g].im += difference.im * a[GROUP + g];
      }
    }
    for (int g = 0; g < GROUP; ++g) {
      const Complex<V> turned = quarter<1>(odd[g]);
      const int up = sign > 0 ? k + g : R - k - g;
      x[up] = even[g] + turned, x[R - up] = even[g] - turned;
    }
  }
};
}  // namespace
