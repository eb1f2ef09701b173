// Transforms short enough for the registers of one thread: powers of two up to 8 by halves, 3, 5 and 9 by their
// definition, and products of two that have no common divisor.
#pragma once

#include "complex_number.h"

namespace {

// y times exp(-2 pi i eighths / 8), or its inverse.
template <bool INVERSE, typename T>
__device__ __forceinline__ Complex<T> turned(Complex<T> y, int eighths) {
  const T half = T(0.70710678118654752440);
  if (INVERSE) y = conj(y);
  if (eighths == 1) y = {half * (y.re + y.im), half * (y.im - y.re)};
  if (eighths == 2) y = {y.im, -y.re};
  if (eighths == 3) y = {half * (y.im - y.re), -half * (y.re + y.im)};
  return INVERSE ? conj(y) : y;
}

// cos and sin of 2 pi k / R for k = 1..(R-1)/2.
template <int R>
__device__ constexpr double cosine(int k) {
  static_assert(R == 3 || R == 5 || R == 9, "of the odd radices");
  if (R == 3) return -0.5;
  if (R == 5) return k == 1 ? 0.30901699437494742410 : -0.80901699437494742410;
  return k == 1   ? 0.76604444311897803520
         : k == 2 ? 0.17364817766693034885
         : k == 3 ? -0.5
                  : -0.93969262078590838405;
}
template <int R>
__device__ constexpr double sine(int k) {
  constexpr double THIRD = 0.86602540378443864676;
  if (R == 3) return THIRD;
  if (R == 5) return k == 1 ? 0.95105651629515357212 : 0.58778525229247312917;
  return k == 1   ? 0.64278760968653932632
         : k == 2 ? 0.98480775301220805937
         : k == 3 ? THIRD
                  : 0.34202014332566873304;
}

// An odd R: of y_j and y_(R-j) only the sum and the difference are multiplied, by real numbers.
template <int R, bool INVERSE, typename T>
__device__ __forceinline__ void odd_butterfly(Complex<T> (&y)[R]) {
  constexpr int HALF = R / 2;
  Complex<T> sums[HALF + 1], differences[HALF + 1];
#pragma unroll
  for (int j = 1; j <= HALF; ++j) sums[j] = y[j] + y[R - j], differences[j] = y[j] - y[R - j];
  const Complex<T> first = y[0];
#pragma unroll
  for (int j = 1; j <= HALF; ++j) y[0] = y[0] + sums[j];
#pragma unroll
  for (int k = 1; k <= HALF; ++k) {
    Complex<T> even = first, odd{0, 0};
#pragma unroll
    for (int j = 1; j <= HALF; ++j) {
      const int turns = j * k % R;
      if (turns == 0) {  // where R is no prime
        even = even + sums[j];
        continue;
      }
      const bool beyond = turns > HALF;
      const T c = T(cosine<R>(beyond ? R - turns : turns)), s = T(sine<R>(beyond ? R - turns : turns));
      even = {even.re + c * sums[j].re, even.im + c * sums[j].im};
      const T signed_s = beyond ? -s : s;
      odd = {odd.re + signed_s * differences[j].re, odd.im + signed_s * differences[j].im};
    }
    odd = turned<INVERSE>(odd, 2);
    y[k] = even + odd;
    y[R - k] = even - odd;
  }
}

// y becomes its transform of length R.
template <int R, bool INVERSE, typename T>
__device__ __forceinline__ void butterfly(Complex<T> (&y)[R]);

// R = A B without a common divisor: element a B + b A, modulo R, is in row a and column b, and frequency f in row
// f modulo A and column f modulo B, so that no factors stand between the two transforms.
template <int A, int B, bool INVERSE, typename T>
__device__ __forceinline__ void coprime_butterfly(Complex<T> (&y)[A * B]) {
  Complex<T> rows[A][B];
#pragma unroll
  for (int a = 0; a < A; ++a) {
#pragma unroll
    for (int b = 0; b < B; ++b) rows[a][b] = y[(a * B + b * A) % (A * B)];
    butterfly<B, INVERSE>(rows[a]);
  }
  Complex<T> columns[B][A];
#pragma unroll
  for (int b = 0; b < B; ++b) {
#pragma unroll
    for (int a = 0; a < A; ++a) columns[b][a] = rows[a][b];
    butterfly<A, INVERSE>(columns[b]);
  }
#pragma unroll
  for (int f = 0; f < A * B; ++f) y[f] = columns[f % B][f % A];
}

template <int R, bool INVERSE, typename T>
__device__ __forceinline__ void butterfly(Complex<T> (&y)[R]) {
  constexpr int POWER = R & -R;  // of two, that R is divisible by
  if constexpr (R == 15) {
    coprime_butterfly<3, 5, INVERSE>(y);
  } else if constexpr (POWER == 1 && R > 1) {
    odd_butterfly<R, INVERSE>(y);
  } else if constexpr (POWER < R) {
    coprime_butterfly<POWER, R / POWER, INVERSE>(y);
  } else if constexpr (R > 1) {
    static_assert(R <= 8, "turned knows eighths only");
    Complex<T> even[R / 2], odd[R / 2];
#pragma unroll
    for (int k = 0; k < R / 2; ++k) even[k] = y[2 * k], odd[k] = y[2 * k + 1];
    butterfly<R / 2, INVERSE>(even);
    butterfly<R / 2, INVERSE>(odd);
#pragma unroll
    for (int k = 0; k < R / 2; ++k) {
      const Complex<T> other = turned<INVERSE>(odd[k], k * 8 / R);
      y[k] = even[k] + other;
      y[k + R / 2] = even[k] - other;
    }
  }
}

}  // namespace
