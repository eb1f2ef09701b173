// The Fourier transform of a block of samples and its adjoint, in stages that others can be fused with.
#pragma once

#include "vectors.h"

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
inline Index at(Index k) { return k + (k >> 6); }
inline Index rows_for(Index n) { return at(n) + 9; }  // the odd rest keeps two buffers from aliasing each other

// The factors of a transform of length n, in no fewer stages than asked for. "Position" is where the decimation in
// frequency leaves a frequency.
template <typename T>
struct Stages {
  Index n;
  std::vector<int> radices;                       // first stage first
  std::vector<std::vector<Complex<T>>> twiddles;  // per stage: [j][q], q = 1..R-1
  std::vector<Index> frequency;                   // that is at position p

  explicit Stages(Index size, int fewest = 2) : n(size), frequency(size, 0) {
    int e = 0;
    while ((Index{1} << e) < n) ++e;
    if (e <= 3 && fewest > 1) radices = {e == 2 ? 2 : 4, 2}, e = 0;
    while (e > 4 || e == 3) radices.push_back(8), e -= 3;
    while (e > 0) radices.push_back(4), e -= 2;
    Index length = n, step = 1;
    for (int radix : radices) {
      const Index m = length / radix;
      std::vector<Complex<T>> w;
      for (Index j = 0; j < m; ++j)
        for (int q = 1; q < radix; ++q) {
          const double angle = -2 * M_PI * static_cast<double>(j * q) / static_cast<double>(length);
          w.push_back({static_cast<T>(std::cos(angle)), static_cast<T>(std::sin(angle))});
        }
      twiddles.push_back(std::move(w));
      for (Index k = 0; k < n; ++k) frequency[k] += k % length / m * step;
      length = m, step *= radix;
    }
  }
};

// Calls f with a stage's radix as a constant.
template <class F>
URNN_INLINE inline auto with_radix(int radix, F f) {
  if (radix == 8) return f(std::integral_constant<int, 8>{});
  if (radix == 4) return f(std::integral_constant<int, 4>{});
  return f(std::integral_constant<int, 2>{});
}

// One stage over rows begin..end: forward (direction < 0, twiddles last) or adjoint (twiddles first). The stage
// whose butterflies are adjacent rows has no twiddles, they are all 1.
template <int direction, typename T, typename V, bool twiddled, class Load, class Store>
URNN_INLINE inline void stage(const Stages<T>& t, std::size_t number, Index length, Index begin, Index end,
                              Load load, Store store) {
  const Complex<T>* w = t.twiddles[number].data();
  with_radix(t.radices[number], [&](auto radix) URNN_INLINE {
    constexpr int R = radix.value;
    const Index m = length / R;
    for (Index s = begin; s < end; s += length)
      for (Index j = 0; j < m; ++j) {
        Complex<V> x[R];
        repeat<R>([&](auto q) URNN_INLINE { x[q] = load(s + j + q * m); });
        if constexpr (twiddled && direction > 0)
          for (int q = 1; q < R; ++q) x[q] = times_conj(w[j * (R - 1) + q - 1], x[q]);
        fourier<R, direction, T>(x);
        if constexpr (twiddled && direction < 0)
          for (int q = 1; q < R; ++q) x[q] = times(w[j * (R - 1) + q - 1], x[q]);
        for (int q = 0; q < R; ++q) store(s + j + q * m, x[q]);
      }
  });
}

// The stages between the first and the last, in place; compiled once for all transforms.
template <int direction, typename T, typename V>
__attribute__((noinline)) void stage_in_place(const Stages<T>& t, std::size_t number, Index length, Index begin,
                                              Index end, Complex<V>* x) {
  stage<direction, T, V, true>(
      t, number, length, begin, end, [x](Index k) URNN_INLINE { return x[at(k)]; },
      [x](Index k, Complex<V> v) URNN_INLINE { x[at(k)] = v; });
}

// A large transform is finished one part of its first stage after the other, each while it is in the first cache.
constexpr Index WHOLE = 256;
template <typename T>
inline Index part_of(const Stages<T>& t) {
  return t.n > WHOLE ? t.n / t.radices[0] : t.n;
}

// What follows on the first stage of F, natural order to positions (unscaled); `store` takes the results.
template <typename T, typename V, class Store>
URNN_INLINE inline void transform_rest(const Stages<T>& t, Complex<V>* x, Store store) {
  const std::size_t last = t.radices.size() - 1;
  const Index part = part_of(t);
  for (Index begin = 0; begin < t.n; begin += part) {
    Index length = t.n / t.radices[0];
    for (std::size_t i = 1; i < last; length /= t.radices[i++])
      stage_in_place<-1, T, V>(t, i, length, begin, begin + part, x);
    stage<-1, T, V, false>(
        t, last, length, begin, begin + part, [x](Index k) URNN_INLINE { return x[at(k)]; }, store);
  }
}

// What comes before the last stage of F^H, positions to natural order (unscaled); `load` feeds it.
template <typename T, typename V, class Load>
URNN_INLINE inline void adjoint_begin(const Stages<T>& t, Complex<V>* x, Load load) {
  const std::size_t last = t.radices.size() - 1;
  const Index part = part_of(t);
  for (Index begin = 0; begin < t.n; begin += part) {
    Index length = t.radices[last];
    stage<1, T, V, false>(t, last, length, begin, begin + part, load,
                          [x](Index k, Complex<V> v) URNN_INLINE { x[at(k)] = v; });
    for (std::size_t i = last - 1; i > 0; --i)
      stage_in_place<1, T, V>(t, i, length *= t.radices[i], begin, begin + part, x);
  }
}

// F and F^H whole.
template <typename T, typename V, class Load, class Store>
URNN_INLINE inline void transform(const Stages<T>& t, Complex<V>* x, Load load, Store store) {
  stage<-1, T, V, true>(t, 0, t.n, 0, t.n, load, [x](Index k, Complex<V> v) URNN_INLINE { x[at(k)] = v; });
  transform_rest<T, V>(t, x, store);
}
template <typename T, typename V, class Load, class Store>
URNN_INLINE inline void adjoint(const Stages<T>& t, Complex<V>* x, Load load, Store store) {
  adjoint_begin<T, V>(t, x, load);
  stage<1, T, V, true>(t, 0, t.n, 0, t.n, [x](Index k) URNN_INLINE { return x[at(k)]; }, store);
}

// Units whose first-stage butterflies are computed together, small enough for the first cache: `legs` consecutive
// units at each of `radix` places that are `stride` apart.
struct Chunk {
  static constexpr Index LEGS = 16, MOST = 8 * LEGS;
  Index first, legs, stride, size;

  // f(k, i) for runs of `width` consecutive units, k the first one's number and i its place in the chunk.
  template <class F>
  URNN_INLINE void for_each_run(Index width, F f) const {
    const Index run = legs == stride ? size : legs;
    for (Index i = 0, k = first; i < size; i += run, k += stride)
      for (Index j = 0; j < run; j += width) f(k + j, i + j);
  }
};

// The first stage of F D for one chunk. The diagonal is cheapest here: butterflies are additions, on other ports.
template <typename T, typename V>
__attribute__((noinline)) void first_stage(const Stages<T>& t, const Chunk& c, const Complex<T>* diagonal,
                                           const Complex<V>* units, Complex<V>* x) {
  with_radix(t.radices[0], [&](auto radix) URNN_INLINE {
    constexpr int R = radix.value;
    const Complex<T>*w = t.twiddles[0].data() + c.first * (R - 1), *d = diagonal + c.first;
    for (Index j = 0; j < c.legs; ++j, w += R - 1) {
      Complex<V> v[R];
      for (int q = 0; q < R; ++q) v[q] = times(d[j + q * c.stride], units[q * c.legs + j]);
      fourier<R, -1, T>(v);
      for (int q = 1; q < R; ++q) v[q] = times(w[q - 1], v[q]);
      for (int q = 0; q < R; ++q) x[at(c.first + j + q * c.stride)] = v[q];
    }
  });
}

// The last stage of D F^H for one chunk.
template <typename T, typename V>
__attribute__((noinline)) void last_stage(const Stages<T>& t, const Chunk& c, const Complex<T>* diagonal,
                                          const Complex<V>* x, Complex<V>* units) {
  with_radix(t.radices[0], [&](auto radix) URNN_INLINE {
    constexpr int R = radix.value;
    const Complex<T>*w = t.twiddles[0].data() + c.first * (R - 1), *d = diagonal + c.first;
    for (Index j = 0; j < c.legs; ++j, w += R - 1) {
      Complex<V> v[R];
      for (int q = 0; q < R; ++q) v[q] = x[at(c.first + j + q * c.stride)];
      for (int q = 1; q < R; ++q) v[q] = times_conj(w[q - 1], v[q]);
      fourier<R, 1, T>(v);
      for (int q = 0; q < R; ++q) units[q * c.legs + j] = times(d[j + q * c.stride], v[q]);
    }
  });
}

template <typename T, class F>
URNN_INLINE inline void for_each_chunk(const Stages<T>& t, F f) {
  const Index stride = t.n / t.radices[0], legs = std::min(stride, Chunk::LEGS);
  for (Index first = 0; first < stride; first += legs) f(Chunk{first, legs, stride, legs * t.radices[0]});
}
}  // namespace
