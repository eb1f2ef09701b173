// What one sample alone needs of a register whose lanes are units: the transform across lanes, sums over lanes,
// and rows picked from a table.
#pragma once

#include "convolution.h"

namespace {

// The sum of all lanes, halves first.
template <typename T, int L>
URNN_INLINE inline T total(Vector<T, L> v) {
  if constexpr (L == 1) return v;
  else if constexpr (L == 2) return v[0] + v[1];
  else
    return [&]<int... i>(std::integer_sequence<int, i...>) URNN_INLINE {
      const Vector<T, L / 2> lower = shuffled<i...>(v, v);
      const Vector<T, L / 2> upper = shuffled<(i + L / 2)...>(v, v);
      return total<T, L / 2>(lower + upper);
    }(std::make_integer_sequence<int, L / 2>{});
}

// values[index[l]] for l = 0..count-1, as pairs in a register.
template <typename T, int count>
URNN_INLINE inline Vector<T, 2 * count> picked_pairs(const Complex<T>* values, const std::int32_t* index) {
  if constexpr (count == 1) return load_row<T, 2>(&values[*index].re);
  else
    return [&]<int... i>(std::integer_sequence<int, i...>) URNN_INLINE {
      const auto lower = picked_pairs<T, count / 2>(values, index);
      const auto upper = picked_pairs<T, count / 2>(values, index + count / 2);
      return shuffled<i...>(lower, upper);
    }(std::make_integer_sequence<int, 2 * count>{});
}
template <typename T, int L>
URNN_INLINE inline Complex<Vector<T, L>> picked(const Complex<T>* values, const std::int32_t* index) {
  const auto lower = picked_pairs<T, L / 2>(values, index), upper = picked_pairs<T, L / 2>(values, index + L / 2);
  return [&]<int... i>(std::integer_sequence<int, i...>) URNN_INLINE -> Complex<Vector<T, L>> {
    return {shuffled<2 * i...>(lower, upper), shuffled<(2 * i + 1)...>(lower, upper)};
  }(std::make_integer_sequence<int, L>{});
}
// The inverse: stores real and imaginary parts side by side.
template <typename T, int L>
URNN_INLINE inline void store_pairs(Complex<Vector<T, L>> a, Complex<T>* values) {
  [&]<int... i>(std::integer_sequence<int, i...>) URNN_INLINE {
    const Vector<T, L> lower = shuffled<(i / 2 + i % 2 * L)...>(a.re, a.im);
    const Vector<T, L> upper = shuffled<(L / 2 + i / 2 + i % 2 * L)...>(a.re, a.im);
    std::memcpy(values, &lower, sizeof lower);
    std::memcpy(values + L / 2, &upper, sizeof upper);
  }(std::make_integer_sequence<int, L>{});
}

// The transform of length L across the lanes of each of four rows. Butterflies want their operands in different
// rows, so runs of lanes change places with rows first: twice, lane LOW h + j into HIGH x LOW.
template <typename T, int L>
struct Lanes {
  using V = Vector<T, L>;
  using C = Complex<V>;
  static constexpr int ROWS = 4, HIGH = std::min(4, L), LOW = L / HIGH;
  static_assert(LOW <= 4);
  C turns[HIGH];  // between the two: row h, lane l turns by exp(-2 pi i (l mod LOW) h / L)

  Lanes() {
    for (int h = 0; h < HIGH; ++h)
      for (int l = 0; l < L; ++l) {
        const double angle = -2 * M_PI * (l % LOW * h) / L;
        turns[h].re[l] = static_cast<T>(std::cos(angle)), turns[h].im[l] = static_cast<T>(std::sin(angle));
      }
  }

  // Where the transform leaves what: the lane LOW h + j that a place's value comes from stands for frequency
  // h + HIGH j.
  static int frequency(int lane) { return lane / LOW + HIGH * (lane % LOW); }
  // `source` receives L row + lane of the value's origin for each place.
  static void origins(int* source) {
    C x[ROWS];
    for (int i = 0; i < ROWS * L; ++i) x[i / L].re[i % L] = static_cast<T>(i), x[i / L].im[i % L] = T(0);
    exchange_rows<HIGH, LOW>(x);
    exchange_rows<LOW, 1>(x);
    for (int i = 0; i < ROWS * L; ++i) source[i] = static_cast<int>(x[i / L].re[i % L]);
  }

  URNN_INLINE void forward(C* x) const {
    exchange_rows<HIGH, LOW>(x);
    rows_fourier<HIGH, -1>(x);
    if constexpr (LOW > 1)
      for (int i = 0; i < ROWS; ++i)
        if (i % HIGH) x[i] = times(turns[i % HIGH], x[i]);
    exchange_rows<LOW, 1>(x);
    rows_fourier<LOW, -1>(x);
  }
  URNN_INLINE void adjoint(C* x) const {
    rows_fourier<LOW, 1>(x);
    exchange_rows<LOW, 1>(x);
    if constexpr (LOW > 1)
      for (int i = 0; i < ROWS; ++i)
        if (i % HIGH) x[i] = times_conj(turns[i % HIGH], x[i]);
    rows_fourier<HIGH, 1>(x);
    exchange_rows<HIGH, LOW>(x);
  }

 private:
  template <int width, int run>
  URNN_INLINE static void exchange_rows(C* x) {
    if constexpr (width > 1)
      for (int first = 0; first < ROWS; first += width) {
        V re[width], im[width];
        for (int i = 0; i < width; ++i) re[i] = x[first + i].re, im[i] = x[first + i].im;
        transpose<T, L, width, run>(re, 1);
        transpose<T, L, width, run>(im, 1);
        for (int i = 0; i < width; ++i) x[first + i] = {re[i], im[i]};
      }
  }
  template <int R, int sign>
  URNN_INLINE static void rows_fourier(C* x) {
    if constexpr (R > 1)
      for (int first = 0; first < ROWS; first += R) fourier<R, sign, T>(x + first);
  }
};
}  // namespace
