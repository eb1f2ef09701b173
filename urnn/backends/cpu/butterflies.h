// Transforms short enough for registers, written out.
#pragma once

#include "vectors.h"

namespace {

// cos and sin of 2 pi k / R for the odd radices, k = 1..(R-1)/2.
template <int R>
struct OddAngles;
template <>
struct OddAngles<3> {
  static constexpr double cosine[] = {-0.5}, sine[] = {0.86602540378443864676};
};
template <>
struct OddAngles<5> {
  static constexpr double cosine[] = {0.30901699437494742410, -0.80901699437494742410};
  static constexpr double sine[] = {0.95105651629515357212, 0.58778525229247312917};
};
template <>
struct OddAngles<7> {
  static constexpr double cosine[] = {0.62348980185873353053, -0.22252093395631440429, -0.90096886790241912624};
  static constexpr double sine[] = {0.78183148246802980871, 0.97492791218182360702, 0.43388373911755812048};
};

template <int R, int sign, typename T, typename V>
URNN_INLINE inline void fourier(Complex<V>* x);

// An odd R: x_j and x_(R-j) share their products.
template <int R, int sign, typename T, typename V>
URNN_INLINE inline void odd_fourier(Complex<V>* x) {
  constexpr int H = (R - 1) / 2;
  using Angles = OddAngles<R>;
  Complex<V> sum[H], difference[H];
  for (int j = 0; j < H; ++j) sum[j] = x[j + 1] + x[R - 1 - j], difference[j] = x[j + 1] - x[R - 1 - j];
  const Complex<V> first = x[0];
  for (int j = 0; j < H; ++j) x[0] = x[0] + sum[j];
  for (int k = 1; k <= H; ++k) {
    Complex<V> even = first, odd{};
    for (int j = 1; j <= H; ++j) {
      const int turn = j * k % R, place = (turn > H ? R - turn : turn) - 1;
      const T c = static_cast<T>(Angles::cosine[place]), s = static_cast<T>(Angles::sine[place]);
      even.re += sum[j - 1].re * c, even.im += sum[j - 1].im * c;
      const T own = turn > H ? -s : s;
      if (j == 1) odd = {difference[0].re * own, difference[0].im * own};
      else odd.re += difference[j - 1].re * own, odd.im += difference[j - 1].im * own;
    }
    odd = quarter<sign>(odd);
    x[k] = even + odd, x[R - k] = even - odd;
  }
}

// R = A B without a common divisor: by the Chinese remainder theorem no turns stand between the two.
template <int A, int B, int sign, typename T, typename V>
URNN_INLINE inline void coprime_fourier(Complex<V>* x) {
  constexpr int R = A * B;
  constexpr auto frequency = [](int a, int b) {  // that is a mod A and b mod B
    while (b % A != a) b += B;
    return b;
  };
  Complex<V> rows[A][B];
  for (int a = 0; a < A; ++a) {
    for (int b = 0; b < B; ++b) rows[a][b] = x[(a * B + b * A) % R];
    fourier<B, sign, T>(rows[a]);
  }
  for (int b = 0; b < B; ++b) {
    Complex<V> column[A];
    for (int a = 0; a < A; ++a) column[a] = rows[a][b];
    fourier<A, sign, T>(column);
    for (int a = 0; a < A; ++a) x[frequency(a, b)] = column[a];
  }
}

// X_q = sum_p x_p exp(sign 2 pi i p q / R), in place.
template <int R, int sign, typename T, typename V>
URNN_INLINE inline void fourier(Complex<V>* x) {
  if constexpr (R == 1) {
  } else if constexpr (R == 2) {
    Complex<V> a = x[0] + x[1], b = x[0] - x[1];
    x[0] = a, x[1] = b;
  } else if constexpr (R == 4) {
    Complex<V> a = x[0] + x[2], b = x[0] - x[2], c = x[1] + x[3], d = quarter<sign>(x[1] - x[3]);
    x[0] = a + c, x[1] = b + d, x[2] = a - c, x[3] = b - d;
  } else if constexpr (R == 6) {
    coprime_fourier<2, 3, sign, T>(x);
  } else if constexpr (R == 10) {
    coprime_fourier<2, 5, sign, T>(x);
  } else if constexpr (R % 2) {
    odd_fourier<R, sign, T>(x);
  } else {
    static_assert(R == 8);
    const T half = static_cast<T>(0.70710678118654752440);
    Complex<V> even[4] = {x[0], x[2], x[4], x[6]}, odd[4] = {x[1], x[3], x[5], x[7]};
    fourier<4, sign, T>(even);
    fourier<4, sign, T>(odd);
    Complex<V> q1 = quarter<sign>(odd[1]), q3 = quarter<sign>(odd[3]);
    odd[1] = {(odd[1].re + q1.re) * half, (odd[1].im + q1.im) * half};
    odd[2] = quarter<sign>(odd[2]);
    odd[3] = {(q3.re - odd[3].re) * half, (q3.im - odd[3].im) * half};
    for (int k = 0; k < 4; ++k) x[k] = even[k] + odd[k], x[k + 4] = even[k] - odd[k];
  }
}
}  // namespace
