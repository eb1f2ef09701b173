// The Fourier transform of a block of samples, its adjoint, and the tables that the kernel reads.
#pragma once

#include "cpu_vectors.h"

namespace {

// X_q = sum_p x_p exp(sign 2 pi i p q / R), in place.
template <int R, int sign, typename T, typename V>
URNN_INLINE inline void fourier(Complex<V>* x) {
  if constexpr (R == 2) {
    Complex<V> a = x[0] + x[1], b = x[0] - x[1];
    x[0] = a, x[1] = b;
  } else if constexpr (R == 4) {
    Complex<V> a = x[0] + x[2], b = x[0] - x[2], c = x[1] + x[3], d = quarter<sign>(x[1] - x[3]);
    x[0] = a + c, x[1] = b + d, x[2] = a - c, x[3] = b - d;
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

// Where row k of a block stands. Rows a power of two apart would fall into one set of the cache.
inline Index at(Index k) { return k + k / 64; }
inline Index rows_for(Index n) { return at(n) + 9; }  // the odd rest keeps two buffers from aliasing each other

// One call's tables. "Position" is where the decimation-in-frequency transform leaves a frequency.
template <typename T>
struct Tables {
  Index n;
  std::vector<int> radices;                    // of the forward transform, first stage first
  std::vector<std::vector<Complex<T>>> twiddles;  // per stage: [j][q], q = 1..R-1
  std::vector<Complex<T>> d1, u1, w1, d2, u2, w2, d3;
  std::vector<Index> source;     // position p of Pi F h is row source[p] of F h
  std::vector<Index> frequency;  // that stands at position p
  std::vector<T> bias;
  T epsilon;
};

inline std::vector<int> radices_of(Index n) {
  int e = 0;
  while ((Index{1} << e) < n) ++e;
  std::vector<int> radices;
  while (e > 4 || e == 3) radices.push_back(8), e -= 3;
  while (e > 0) radices.push_back(4), e -= 2;
  return radices;
}

template <int R, typename T, typename V, bool twiddled, class Load, class Store>
URNN_INLINE inline void dif_stage(Index n, Index length, const Complex<T>* w, Load load, Store store) {
  const Index m = length / R;
  for (Index s = 0; s < n; s += length)
    for (Index j = 0; j < m; ++j) {
      Complex<V> x[R];
      for (int q = 0; q < R; ++q) x[q] = load(s + j + q * m);
      fourier<R, -1, T>(x);
      if constexpr (twiddled)
        for (int q = 1; q < R; ++q) x[q] = times(w[j * (R - 1) + q - 1], x[q]);
      for (int q = 0; q < R; ++q) store(s + j + q * m, x[q]);
    }
}

template <int R, typename T, typename V, bool twiddled, class Load, class Store>
URNN_INLINE inline void dit_stage(Index n, Index length, const Complex<T>* w, Load load, Store store) {
  const Index m = length / R;
  for (Index s = 0; s < n; s += length)
    for (Index j = 0; j < m; ++j) {
      Complex<V> x[R];
      for (int q = 0; q < R; ++q) x[q] = load(s + j + q * m);
      if constexpr (twiddled)
        for (int q = 1; q < R; ++q) x[q] = times_conj(w[j * (R - 1) + q - 1], x[q]);
      fourier<R, 1, T>(x);
      for (int q = 0; q < R; ++q) store(s + j + q * m, x[q]);
    }
}

// Where a stage stands: the twiddles of the one whose butterflies are adjacent rows are all 1.
template <int direction, typename T, typename V, bool twiddled, class Load, class Store>
URNN_INLINE inline void stage(const Tables<T>& t, std::size_t number, Index length, Load load, Store store) {
  const Complex<T>* w = t.twiddles[number].data();
  if (t.radices[number] == 8) {
    if constexpr (direction < 0) dif_stage<8, T, V, twiddled>(t.n, length, w, load, store);
    else dit_stage<8, T, V, twiddled>(t.n, length, w, load, store);
  } else {
    if constexpr (direction < 0) dif_stage<4, T, V, twiddled>(t.n, length, w, load, store);
    else dit_stage<4, T, V, twiddled>(t.n, length, w, load, store);
  }
}

// The stages between the first and the last, in place; compiled once for all transforms.
template <int direction, typename T, typename V>
__attribute__((noinline)) void stage_in_place(const Tables<T>& t, std::size_t number, Index length, Complex<V>* x) {
  stage<direction, T, V, true>(
      t, number, length, [x](Index k) URNN_INLINE { return x[at(k)]; },
      [x](Index k, Complex<V> v) URNN_INLINE { x[at(k)] = v; });
}

// F, natural order to positions (unscaled). `load` feeds the first stage, `store` takes the last one's results.
template <typename T, typename V, class Load, class Store>
URNN_INLINE inline void transform(const Tables<T>& t, Complex<V>* x, Load load, Store store) {
  const std::size_t last = t.radices.size() - 1;
  if (last == 0) return stage<-1, T, V, false>(t, 0, t.n, load, store);
  stage<-1, T, V, true>(t, 0, t.n, load, [x](Index k, Complex<V> v) URNN_INLINE { x[at(k)] = v; });
  Index length = t.n / t.radices[0];
  for (std::size_t i = 1; i < last; length /= t.radices[i++]) stage_in_place<-1, T, V>(t, i, length, x);
  stage<-1, T, V, false>(t, last, length, [x](Index k) URNN_INLINE { return x[at(k)]; }, store);
}

// F^H, positions to natural order (unscaled): the adjoint of `transform`, stage by stage.
template <typename T, typename V, class Load, class Store>
URNN_INLINE inline void adjoint(const Tables<T>& t, Complex<V>* x, Load load, Store store) {
  const std::size_t last = t.radices.size() - 1;
  if (last == 0) return stage<1, T, V, false>(t, 0, t.n, load, store);
  Index length = t.radices[last];
  stage<1, T, V, false>(t, last, length, load, [x](Index k, Complex<V> v) URNN_INLINE { x[at(k)] = v; });
  for (std::size_t i = last - 1; i > 0; --i) stage_in_place<1, T, V>(t, i, length *= t.radices[i], x);
  stage<1, T, V, true>(t, 0, t.n, [x](Index k) URNN_INLINE { return x[at(k)]; }, store);
}

// The transform's part of the tables.
template <typename T>
Tables<T> transform_tables(Index n) {
  Tables<T> t{};
  t.n = n, t.radices = radices_of(n), t.frequency.assign(n, 0);
  Index length = n, step = 1;
  for (int radix : t.radices) {
    const Index m = length / radix;
    std::vector<Complex<T>> w;
    for (Index j = 0; j < m; ++j)
      for (int q = 1; q < radix; ++q) {
        const double angle = -2 * M_PI * static_cast<double>(j * q) / static_cast<double>(length);
        w.push_back({static_cast<T>(std::cos(angle)), static_cast<T>(std::sin(angle))});
      }
    t.twiddles.push_back(std::move(w));
    for (Index k = 0; k < n; ++k) t.frequency[k] += k % length / m * step;
    length = m, step *= radix;
  }
  return t;
}
}  // namespace
