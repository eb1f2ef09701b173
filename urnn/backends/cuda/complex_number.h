// Complex numbers of a thread, and the kernels' sizes as compile-time constants.
#pragma once

#include "stored.h"

namespace {

constexpr int N = URNN_N;  // complex units of a state

template <typename T>
struct alignas(2 * sizeof(T)) Complex {
  T re, im;
};

template <typename T>
__device__ __forceinline__ Complex<T> operator+(Complex<T> a, Complex<T> b) {
  return {a.re + b.re, a.im + b.im};
}
template <typename T>
__device__ __forceinline__ Complex<T> operator-(Complex<T> a, Complex<T> b) {
  return {a.re - b.re, a.im - b.im};
}
template <typename T>
__device__ __forceinline__ Complex<T> operator*(Complex<T> a, Complex<T> b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
template <typename T>
__device__ __forceinline__ Complex<T> operator*(T a, Complex<T> b) {
  return {a * b.re, a * b.im};
}
template <typename T>
__device__ __forceinline__ Complex<T> conj(Complex<T> a) {
  return {a.re, -a.im};
}

// sum + a b in four fused operations; a sum of products in any other order takes more.
template <typename T>
__device__ __forceinline__ Complex<T> plus(Complex<T> sum, Complex<T> a, Complex<T> b) {
  return {(sum.re + a.re * b.re) - a.im * b.im, (sum.im + a.re * b.im) + a.im * b.re};
}

// Im(a conj(b))
template <typename T>
__device__ __forceinline__ T cross(Complex<T> a, Complex<T> b) {
  return a.im * b.re - a.re * b.im;
}

// A number that stays in registers where the compiler would rather load it again.
template <typename T>
__device__ __forceinline__ Complex<T> in_registers(Complex<T> x) {
  static_assert(sizeof(T) == sizeof(float));
  return {opaque(x.re), opaque(x.im)};
}

}  // namespace
