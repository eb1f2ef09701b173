// The transform of a length with a prime factor that is too large for a stage, as a cyclic convolution (plan.h).
#pragma once

#include "fourier.h"

namespace {

// In double whatever T is, as all tables.
template <typename T>
void Stages<T>::convolve_over(Index length) {
  convolution.emplace_back(length);
  const Stages<double> exact(length);
  std::vector<Complex<double>> wave(rows_for(length), {0, 0});
  for (Index k = 0; k < n; ++k) {
    frequency[k] = k;
    const Complex<T> own = turn<T>(k * k % (2 * n), 2 * n);
    chirp[0].push_back(own), chirp[1].push_back({own.re, -own.im});
    const Complex<double> c = turn<double>(k * k % (2 * n), 2 * n);
    wave[at(k)] = {c.re, -c.im};
    if (k) wave[at(length - k)] = wave[at(k)];
  }
  transform<-1>(exact, wave.data());
  const double scale = 1 / static_cast<double>(length);
  for (Index p = 0; p < length; ++p) {
    const Complex<T> own{static_cast<T>(wave[at(p)].re * scale), static_cast<T>(wave[at(p)].im * scale)};
    filter[0].push_back(own), filter[1].push_back({own.re, -own.im});
  }
}

// Between the stages of the convolution: its last one, the product, and the last one undone.
template <typename T, typename V>
__attribute__((noinline)) void multiply_by(const Complex<T>* filter, int last_radix, Index begin, Index end,
                                           Complex<V>* x) {
  with_radix_of<8, 4, 5, 3>(last_radix, [&](auto radix) URNN_INLINE {
    constexpr int R = radix.value;
    if constexpr (R > 0)
      for (Index s = begin; s < end; s += R) {
        Complex<V> v[R];
        for (int q = 0; q < R; ++q) v[q] = x[at(s + q)];
        fourier<R, -1, T>(v);
        for (int q = 0; q < R; ++q) v[q] = times(filter[s + q], v[q]);
        fourier<R, 1, T>(v);
        for (int q = 0; q < R; ++q) x[at(s + q)] = v[q];
      }
  });
}

// F or F^H, in place and in natural order; x has `span_of(n)` rows. Conjugate chirps make the adjoint: their
// transform is the conjugate filter, since they are even.
template <typename T, typename V>
__attribute__((noinline)) void convolve(const Stages<T>& t, bool adjoint, Complex<V>* x) {
  const Stages<T>& inner = t.convolution[0];
  const Complex<T>*chirp = t.chirp[adjoint].data(), *filter = t.filter[adjoint].data();
  auto chirped_row = [&](Index k)
                         URNN_INLINE { return k < t.n ? times(chirp[k], x[at(k)]) : Complex<V>{V{}, V{}}; };
  auto store_chirped = [&](Index k, Complex<V> v) URNN_INLINE {
    if (k < t.n) x[at(k)] = times(chirp[k], v);
  };
  const Complex<T>* w = inner.twiddles[0].data();
  const bool fused = inner.radices[0] == 8;
  if (fused)
    stage_of<8, -1, true, T>(w, inner.n, 0, inner.n, chirped_row,
                             [x](Index k, Complex<V> v) URNN_INLINE { x[at(k)] = v; });
  else {
    for (Index k = 0; k < inner.n; ++k) x[at(k)] = chirped_row(k);
    stage_in_place<-1, T, V>(inner, 0, inner.n, 0, inner.n, x);
  }
  const std::size_t last = inner.radices.size() - 1;
  const Index part = part_of(inner);
  for (Index begin = 0; begin < inner.n; begin += part) {
    Index length = inner.n / inner.radices[0];
    for (std::size_t i = 1; i < last; length /= inner.radices[i++])
      stage_in_place<-1, T, V>(inner, i, length, begin, begin + part, x);
    multiply_by<T, V>(filter, inner.radices.back(), begin, begin + part, x);
    for (std::size_t i = last - 1; i > 0; --i)
      stage_in_place<1, T, V>(inner, i, length *= inner.radices[i], begin, begin + part, x);
  }
  if (fused)
    stage_of<8, 1, true, T>(w, inner.n, 0, inner.n, [x](Index k) URNN_INLINE { return x[at(k)]; }, store_chirped);
  else {
    stage_in_place<1, T, V>(inner, 0, inner.n, 0, inner.n, x);
    for (Index k = 0; k < t.n; ++k) store_chirped(k, x[at(k)]);
  }
}
}  // namespace
