// The transform of a group's sample: Stockham's passes of radix 8, 4 and 2, natural order in and out, no scale.
//
// A pass of radix R takes elements N / R apart, which is how threads hold them before and after (Bainville's form
// of the algorithm): only between passes are they exchanged. All passes but the last have as many legs as a thread
// has elements.
#pragma once

#include "group.h"

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

// y becomes its transform of length R, by halves.
template <int R, bool INVERSE, typename T>
__device__ __forceinline__ void butterfly(Complex<T> (&y)[R]) {
  static_assert(R <= 8, "turned knows eighths only");
  if constexpr (R > 1) {
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

// Roots that another kernel has written; a plain pointer reads those that this one has.
template <typename T>
struct ConstantRoots {
  const Complex<T>* at;
  __device__ __forceinline__ Complex<T> operator[](int i) const { return constant(at + i); }
  __device__ __forceinline__ ConstantRoots operator+(int i) const { return {at + i}; }
};

// One pass, after passes whose radices multiply to DONE, and those that follow. `roots` holds, pass after pass
// from the second on, exp(-2 pi i j k / (DONE R)) for j = 1..R-1 and k < DONE: N - ELEMENTS numbers in all.
template <bool INVERSE, int DONE = 1, typename T, int E, typename Roots>
__device__ __forceinline__ void fourier(Complex<T> (&x)[E], Group<T, E>& group, Roots roots) {
  constexpr int R = N / DONE < E ? N / DONE : E, APART = E / R;
#pragma unroll
  for (int s = 0; s < APART; ++s) {
    const int k = group.unit(s) & (DONE - 1);
    Complex<T> y[R];
#pragma unroll
    for (int j = 0; j < R; ++j) {
      y[j] = x[s + j * APART];
      if (DONE > 1 && j > 0) {
        const Complex<T> root = roots[(j - 1) * DONE + k];
        y[j] = (INVERSE ? conj(root) : root) * y[j];
      }
    }
    butterfly<R, INVERSE>(y);
#pragma unroll
    for (int j = 0; j < R; ++j) x[s + j * APART] = y[j];
  }
  if constexpr (DONE * R < N) {
    const unsigned k = group.lane & (DONE - 1);
    group.template exchange<DONE>(x, Every<DONE>{(group.lane - k) * R + k}, group.own());
    fourier<INVERSE, DONE * R>(x, group, roots + (DONE > 1 ? (R - 1) * DONE : 0));
  }
}

}  // namespace
