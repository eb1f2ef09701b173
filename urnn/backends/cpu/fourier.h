// The Fourier transform of a block of samples and its adjoint, in stages that others can be fused with.
#pragma once

#include "butterflies.h"
#include "long_odd.h"
#include "plan.h"

namespace {

// Where row k of a block stands. Rows a power of two apart would fall into one set of the cache.
inline Index at(Index k) { return k + (k >> 6); }
inline Index rows_for(Index n) { return at(n) + 9; }  // the odd rest keeps two buffers from aliasing each other

template <typename T>
Complex<T> turn(Index part, Index whole) {  // exp(-2 pi i part / whole)
  const double angle = -2 * M_PI * static_cast<double>(part % whole) / static_cast<double>(whole);
  return {static_cast<T>(std::cos(angle)), static_cast<T>(std::sin(angle))};
}

// The factors of a transform of length n, in no fewer stages than asked for. "Position" is where the decimation in
// frequency leaves a frequency.
template <typename T>
struct Stages {
  Index n;
  std::vector<int> radices;                       // first stage first
  std::vector<std::vector<Complex<T>>> twiddles;  // per stage: [j][q], q = 1..R-1
  std::vector<LongOdd<T>> long_odd;               // per stage whose radix has no butterfly
  std::vector<Index> frequency;                   // that is at position p
  // Of a convolution, which follows on a first stage of radix 1: the stages of its length, exp(-i pi k^2 / n), and
  // by their positions what the chirped input is multiplied by, over the length; then the conjugates, for F^H.
  std::vector<Stages> convolution;
  std::vector<Complex<T>> chirp[2], filter[2];

  explicit Stages(Index size, std::size_t fewest = 2) : n(size), frequency(size, 0) {
    const Index longer = convolution_length(n);
    radices = longer ? std::vector<int>{1} : radices_of(n, fewest);
    Index length = n, step = 1;
    for (int radix : radices) {
      const Index m = length / radix;
      std::vector<Complex<T>> w;
      for (Index j = 0; j < m; ++j)
        for (int q = 1; q < radix; ++q) w.push_back(turn<T>(j * q, length));
      twiddles.push_back(std::move(w));
      long_odd.push_back(radix > RADICES[0] ? LongOdd<T>(radix) : LongOdd<T>());
      for (Index k = 0; k < n; ++k) frequency[k] += k % length / m * step;
      length = m, step *= radix;
    }
    if (longer) convolve_over(longer);
  }

 private:
  void convolve_over(Index length);
};

// Calls f with a stage's radix as a constant, one of `radices`; 0 if it is none of these.
template <int... radices, class F>
URNN_INLINE inline void with_radix_of(int radix, F f) {
  if (!((radix == radices ? (f(std::integral_constant<int, radices>{}), true) : false) || ...))
    f(std::integral_constant<int, 0>{});
}
template <class F>
URNN_INLINE inline void with_radix(int radix, F f) {
  with_radix_of<8, 4, 5, 3, 10, 6, 7, 2, 1>(radix, f);
}

// One stage with a butterfly over rows begin..end: forward (direction < 0, twiddles last) or adjoint (twiddles
// first). The stage whose butterflies are adjacent rows has no twiddles, they are all 1.
template <int R, int direction, bool twiddled, typename T, class Load, class Store>
URNN_INLINE inline void stage_of(const Complex<T>* w, Index length, Index begin, Index end, Load load, Store store,
                                 Index first = 0, Index count = -1) {
  const Index m = length / R, last = count < 0 ? m : first + count;
  for (Index s = begin; s < end; s += length)
    for (Index j = first; j < last; ++j) {
      decltype(load(s)) x[R];
      for (int q = 0; q < R; ++q) x[q] = load(s + j + q * m);
      if constexpr (twiddled && direction > 0)
        for (int q = 1; q < R; ++q) x[q] = times_conj(w[j * (R - 1) + q - 1], x[q]);
      fourier<R, direction, T>(x);
      if constexpr (twiddled && direction < 0)
        for (int q = 1; q < R; ++q) x[q] = times(w[j * (R - 1) + q - 1], x[q]);
      for (int q = 0; q < R; ++q) store(s + j + q * m, x[q]);
    }
}

// The same for a radix without a butterfly, in place.
template <int direction, typename T, typename V>
void long_odd_stage(const Stages<T>& t, std::size_t number, Index length, Index begin, Index end, Complex<V>* rows,
                    Index first, Index count) {
  const Complex<T>* w = t.twiddles[number].data();
  const int R = t.radices[number];
  const Index m = length / R, last = count < 0 ? m : first + count;
  Complex<V> x[LARGEST_PRIME], work[LARGEST_PRIME];
  for (Index s = begin; s < end; s += length)
    for (Index j = first; j < last; ++j) {
      for (int q = 0; q < R; ++q) x[q] = rows[at(s + j + q * m)];
      if constexpr (direction > 0)
        for (int q = 1; q < R; ++q) x[q] = times_conj(w[j * (R - 1) + q - 1], x[q]);
      t.long_odd[number].run(direction, x, work);
      if constexpr (direction < 0)
        for (int q = 1; q < R; ++q) x[q] = times(w[j * (R - 1) + q - 1], x[q]);
      for (int q = 0; q < R; ++q) rows[at(s + j + q * m)] = x[q];
    }
}

// A stage in place, or `count` of the butterflies of each length from number `first` on; compiled once for all
// transforms.
template <int direction, typename T, typename V>
URNN_ONCE void stage_in_place(const Stages<T>& t, std::size_t number, Index length, Index begin, Index end,
                              Complex<V>* x, Index first = 0, Index count = -1) {
  with_radix(t.radices[number], [&](auto radix) URNN_INLINE {
    if constexpr (radix.value == 0)
      long_odd_stage<direction, T, V>(t, number, length, begin, end, x, first, count);
    else
      stage_of<radix.value, direction, true, T>(
          t.twiddles[number].data(), length, begin, end, [x](Index k) URNN_INLINE { return x[at(k)]; },
          [x](Index k, Complex<V> v) URNN_INLINE { x[at(k)] = v; }, first, count);
  });
}

// A stage in which `load` or `store` does more than to move rows. It is compiled for the radices of FUSED alone;
// others take a pass of their own before or after the stage in place in x, where the rows are.
template <int direction, typename T, typename V, bool twiddled, class Load, class Store>
URNN_INLINE inline void stage(const Stages<T>& t, std::size_t number, Index length, Index begin, Index end,
                              Complex<V>* x, Load load, Store store) {
  with_radix_of<8, 4, 5, 3>(t.radices[number], [&](auto radix) URNN_INLINE {
    if constexpr (radix.value != 0)
      stage_of<radix.value, direction, twiddled, T>(t.twiddles[number].data(), length, begin, end, load, store);
    else {
      for (Index k = begin; k < end; ++k) x[at(k)] = load(k);
      stage_in_place<direction, T, V>(t, number, length, begin, end, x);
      for (Index k = begin; k < end; ++k) store(k, x[at(k)]);
    }
  });
}

// A large transform is finished one part of its first stage after the other, each while it is in the first cache.
constexpr Index WHOLE = 256;
template <typename T>
inline Index part_of(const Stages<T>& t) {
  return t.n > WHOLE ? t.n / t.radices[0] : t.n;
}

template <typename T, typename V>
void convolve(const Stages<T>& t, bool adjoint, Complex<V>* x);

// What follows on the first stage of F, natural order to positions (unscaled); `store` takes the results.
template <typename T, typename V, class Store>
URNN_INLINE inline void transform_rest(const Stages<T>& t, Complex<V>* x, Store store) {
  if (!t.convolution.empty()) {
    convolve<T, V>(t, false, x);
    for (Index k = 0; k < t.n; ++k) store(k, x[at(k)]);
    return;
  }
  const std::size_t last = t.radices.size() - 1;
  const Index part = part_of(t);
  for (Index begin = 0; begin < t.n; begin += part) {
    Index length = t.n / t.radices[0];
    for (std::size_t i = 1; i < last; length /= t.radices[i++])
      stage_in_place<-1, T, V>(t, i, length, begin, begin + part, x);
    stage<-1, T, V, false>(
        t, last, length, begin, begin + part, x, [x](Index k) URNN_INLINE { return x[at(k)]; }, store);
  }
}

// What comes before the last stage of F^H, positions to natural order (unscaled); `load` feeds it.
template <typename T, typename V, class Load>
URNN_INLINE inline void adjoint_begin(const Stages<T>& t, Complex<V>* x, Load load) {
  if (!t.convolution.empty()) {
    for (Index k = 0; k < t.n; ++k) x[at(k)] = load(k);
    return convolve<T, V>(t, true, x);
  }
  const std::size_t last = t.radices.size() - 1;
  const Index part = part_of(t);
  for (Index begin = 0; begin < t.n; begin += part) {
    Index length = t.radices[last];
    stage<1, T, V, false>(t, last, length, begin, begin + part, x, load,
                          [x](Index k, Complex<V> v) URNN_INLINE { x[at(k)] = v; });
    for (std::size_t i = last - 1; i > 0; --i)
      stage_in_place<1, T, V>(t, i, length *= t.radices[i], begin, begin + part, x);
  }
}

// F (direction < 0) or F^H whole, in place, where time does not count; x has `span_of(n)` rows.
template <int direction, typename T>
void transform(const Stages<T>& t, Complex<T>* x) {
  std::vector<Index> lengths = {t.n};
  for (const int radix : t.radices) lengths.push_back(lengths.back() / radix);
  const Index last = static_cast<Index>(t.radices.size()) - 1;
  if (!t.convolution.empty()) convolve<T, T>(t, direction > 0, x);
  else if (direction < 0)
    for (Index i = 0; i <= last; ++i) stage_in_place<direction, T, T>(t, i, lengths[i], 0, t.n, x);
  else
    for (Index i = last; i >= 0; --i) stage_in_place<direction, T, T>(t, i, lengths[i], 0, t.n, x);
}
}  // namespace
