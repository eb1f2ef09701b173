// The stage in which one step ends and the next begins, for some units at a time.
#pragma once

#include "convolution.h"

namespace {

// Units whose first-stage butterflies are computed together, small enough for the first cache: `legs` consecutive
// units at each of `radix` places that are `stride` apart.
struct Chunk {
  static constexpr Index LEGS = TILE_WIDTH, MOST = RADICES[0] * LEGS;
  Index first, legs, stride, size;

  // f(k, i, count) for runs of `count` consecutive units, `width` of them or what is left of a leg; k is the first
  // one's number and i its place in the chunk.
  template <class F>
  URNN_INLINE void for_each_run(Index width, F f) const {
    const Index run = legs == stride ? size : legs;
    for (Index i = 0, k = first; i < size; i += run, k += stride)
      for (Index j = 0; j < run; j += width) f(k + j, i + j, std::min(width, run - j));
  }
};

// Calls f(i, k) for each unit of a chunk: its place there, and its number.
template <class F>
URNN_INLINE inline void for_each_unit(const Chunk& c, F f) {
  for (Index i = 0, k = c.first; i < c.size; k += c.stride)
    for (Index j = 0; j < c.legs; ++j) f(i++, k + j);
}

// The first stage of F D for one chunk. The diagonal is cheapest here: butterflies are additions, on other ports.
template <typename T, typename V>
__attribute__((noinline)) void first_stage(const Stages<T>& t, const Chunk& c, const Complex<T>* diagonal,
                                           const Complex<V>* units, Complex<V>* x) {
  with_radix_of<8, 4, 5, 3>(t.radices[0], [&](auto radix) URNN_INLINE {
    constexpr int R = radix.value;
    if constexpr (R == 0) {
      for_each_unit(c, [&](Index i, Index k) URNN_INLINE { x[at(k)] = times(diagonal[k], units[i]); });
      stage_in_place<-1, T, V>(t, 0, t.n, 0, t.n, x, c.first, c.legs);
    } else {
      const Complex<T>*w = t.twiddles[0].data() + c.first * (R - 1), *d = diagonal + c.first;
      for (Index j = 0; j < c.legs; ++j, w += R - 1) {
        Complex<V> v[R];
        for (int q = 0; q < R; ++q) v[q] = times(d[j + q * c.stride], units[q * c.legs + j]);
        fourier<R, -1, T>(v);
        for (int q = 1; q < R; ++q) v[q] = times(w[q - 1], v[q]);
        for (int q = 0; q < R; ++q) x[at(c.first + j + q * c.stride)] = v[q];
      }
    }
  });
}

// The last stage of D F^H for one chunk; x may change.
template <typename T, typename V>
__attribute__((noinline)) void last_stage(const Stages<T>& t, const Chunk& c, const Complex<T>* diagonal,
                                          Complex<V>* x, Complex<V>* units) {
  with_radix_of<8, 4, 5, 3>(t.radices[0], [&](auto radix) URNN_INLINE {
    constexpr int R = radix.value;
    if constexpr (R == 0) {
      stage_in_place<1, T, V>(t, 0, t.n, 0, t.n, x, c.first, c.legs);
      for_each_unit(c, [&](Index i, Index k) URNN_INLINE { units[i] = times(diagonal[k], x[at(k)]); });
    } else {
      const Complex<T>*w = t.twiddles[0].data() + c.first * (R - 1), *d = diagonal + c.first;
      for (Index j = 0; j < c.legs; ++j, w += R - 1) {
        Complex<V> v[R];
        for (int q = 0; q < R; ++q) v[q] = x[at(c.first + j + q * c.stride)];
        for (int q = 1; q < R; ++q) v[q] = times_conj(w[q - 1], v[q]);
        fourier<R, 1, T>(v);
        for (int q = 0; q < R; ++q) units[q * c.legs + j] = times(d[j + q * c.stride], v[q]);
      }
    }
  });
}

template <typename T, class F>
URNN_INLINE inline void for_each_chunk(const Stages<T>& t, F f) {
  const Index radix = t.radices[0], stride = t.n / radix;
  const Index most = t.n <= Chunk::MOST ? stride : std::max<Index>(1, 8 / radix) * Chunk::LEGS;
  for (Index first = 0; first < stride; first += most) {
    const Index legs = std::min(most, stride - first);
    f(Chunk{first, legs, stride, legs * radix});
  }
}
}  // namespace
