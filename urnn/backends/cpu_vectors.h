// Vectors of lanes, a lane a sample: complex arithmetic, roots, and the way between rows of samples and lanes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

#define URNN_INLINE __attribute__((always_inline))

namespace {

using Index = std::int64_t;

template <typename T, int L>
struct Register {
  typedef T type __attribute__((vector_size(L * sizeof(T))));
};
template <typename T>
struct Register<T, 1> {
  typedef T type;
};
template <typename T, int L>
using Vector = typename Register<T, L>::type;

template <typename V>
struct Complex {
  V re, im;
};
template <typename V>
URNN_INLINE inline Complex<V> operator+(Complex<V> a, Complex<V> b) {
  return {a.re + b.re, a.im + b.im};
}
template <typename V>
URNN_INLINE inline Complex<V> operator-(Complex<V> a, Complex<V> b) {
  return {a.re - b.re, a.im - b.im};
}
// w a for a scalar w, and conj(w) a.
template <typename V, typename T>
URNN_INLINE inline Complex<V> times(Complex<T> w, Complex<V> a) {
  return {a.re * w.re - a.im * w.im, a.im * w.re + a.re * w.im};
}
template <typename V, typename T>
URNN_INLINE inline Complex<V> times_conj(Complex<T> w, Complex<V> a) {
  return {a.re * w.re + a.im * w.im, a.im * w.re - a.re * w.im};
}
// sign * i * a: a quarter turn.
template <int sign, typename V>
URNN_INLINE inline Complex<V> quarter(Complex<V> a) {
  if constexpr (sign > 0) return {-a.im, a.re};
  return {a.im, -a.re};
}

// L x L transposition in registers.
template <typename T, int L, int distance>
URNN_INLINE inline void exchange(Vector<T, L>* rows) {
  if constexpr (distance < L) {
    auto pair = [&]<int... i>(Vector<T, L>& a, Vector<T, L>& b, std::integer_sequence<int, i...>) URNN_INLINE {
      Vector<T, L> lower = __builtin_shufflevector(a, b, ((i & distance) ? L + i - distance : i)...);
      Vector<T, L> upper = __builtin_shufflevector(a, b, ((i & distance) ? L + i : i + distance)...);
      a = lower, b = upper;
    };
    for (int r = 0; r < L; ++r)
      if (!(r & distance)) pair(rows[r], rows[r + distance], std::make_integer_sequence<int, L>{});
    exchange<T, L, distance * 2>(rows);
  }
}

template <typename T, int L>
URNN_INLINE inline Vector<T, L> load_row(const T* p) {
  Vector<T, L> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// rows[l] = columns k..k+L of sample l, absent samples as zero; then rows[c] = unit k+c of all samples.
template <typename T, int L>
URNN_INLINE inline void load_units(const T* base, Index stride, Index samples, Vector<T, L>* rows) {
  for (Index l = 0; l < L; ++l) rows[l] = l < samples ? load_row<T, L>(base + l * stride) : Vector<T, L>{};
  exchange<T, L, 1>(rows);
}
template <typename T, int L>
URNN_INLINE inline void store_units(Vector<T, L>* rows, T* base, Index stride, Index samples) {
  exchange<T, L, 1>(rows);
  for (Index l = 0; l < samples; ++l) std::memcpy(base + l * stride, &rows[l], sizeof rows[l]);
}

// 1 / sqrt(x) to the last bits.
template <typename T, int L>
URNN_INLINE inline Vector<T, L> inverse_root(Vector<T, L> x);

// The same past the caches, for rows that are cache lines and will not be read soon.
template <typename T, int L>
URNN_INLINE inline void stream_units(Vector<T, L>* rows, T* base, Index stride, Index samples) {
#ifdef __AVX512F__
  if constexpr (L * sizeof(T) == 64) {
    exchange<T, L, 1>(rows);
    for (Index l = 0; l < samples; ++l)
      _mm512_stream_si512(reinterpret_cast<__m512i*>(base + l * stride), (__m512i)rows[l]);
    return;
  }
#endif
  store_units<T, L>(rows, base, stride, samples);
}

template <typename T, int L>
URNN_INLINE inline Vector<T, L> square_root(Vector<T, L> x) {
  if constexpr (L == 1) return std::sqrt(x);
  else {
    T values[L];
    std::memcpy(values, &x, sizeof x);
    for (int l = 0; l < L; ++l) values[l] = std::sqrt(values[l]);
    std::memcpy(&x, values, sizeof x);
    return x;
  }
}

template <typename T, int L>
URNN_INLINE inline Vector<T, L> inverse_root(Vector<T, L> x) {
#ifdef __AVX512F__
  if constexpr (sizeof(T) == 4 && L == 16) {
    const Vector<T, L> y = (Vector<T, L>)_mm512_rsqrt14_ps((__m512)x);
    return y * (T(1.5) - T(0.5) * x * y * y);
  }
#endif
  return T(1) / square_root<T, L>(x);
}
}  // namespace
