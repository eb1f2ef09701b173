// Vectors of lanes, one lane per sample: complex arithmetic, roots, and moving samples' rows to lanes and back.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#ifdef __AVX2__
#include <immintrin.h>
#endif
#ifdef __aarch64__
#include <arm_neon.h>
#endif

#define URNN_INLINE __attribute__((always_inline))
// For what takes long to compile: once, and not again for each constant argument.
#ifdef __clang__
#define URNN_ONCE __attribute__((noinline))
#else
#define URNN_ONCE __attribute__((noinline, noclone))
#endif

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

// The lanes i... of a followed by b, as a register of so many lanes.
#if defined(__clang__) || __GNUC__ >= 12
template <int... i, typename V>
URNN_INLINE inline auto shuffled(V a, V b) {
  return __builtin_shufflevector(a, b, i...);
}
#else  // that builtin came with GCC 12
template <int... i, typename V, typename T = std::remove_cvref_t<decltype(std::declval<V&>()[0])> >
URNN_INLINE inline auto shuffled(V a, V b) {
  constexpr int L = sizeof(V) / sizeof(T), count = sizeof...(i);
  if constexpr (count == L) {
    using Lane = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
    return __builtin_shuffle(a, b, Vector<Lane, L>{i...});
  } else return Vector<T, count>{(i < L ? a[i % L] : b[i % L])...};
}
#endif

// Lanes of the widest register.
template <typename T>
constexpr int widest() {
#if defined(__AVX512F__)
  return 64 / sizeof(T);
#elif defined(__AVX2__)
  return 32 / sizeof(T);
#else
  return 16 / sizeof(T);
#endif
}

// A number in every lane. Less zero, not plus: of a zero that keeps the sign, so the compiler leaves it out.
template <typename T, int L>
URNN_INLINE inline Vector<T, L> every(T value) {
  return value - Vector<T, L>{};
}

// Calls f with the constants 0 ... count - 1: a loop that is always unrolled.
template <int count, class F>
URNN_INLINE inline void repeat(F f) {
  [&]<int... i>(std::integer_sequence<int, i...>)
      URNN_INLINE { (f(std::integral_constant<int, i>{}), ...); }(std::make_integer_sequence<int, count>{});
}

template <typename V>
struct Complex {
  V re, im;
};
// One lane; a register of one is a number.
template <typename V>
auto lane(V v, Index l) {
  if constexpr (std::is_arithmetic_v<V>) return v;
  else return v[l];
}
template <typename V>
auto lane(Complex<V> v, Index l) {
  return Complex<decltype(lane(v.re, l))>{lane(v.re, l), lane(v.im, l)};
}
template <typename V, typename T>
void set_lane(V& v, Index l, T value) {
  if constexpr (std::is_arithmetic_v<V>) v = value;
  else v[l] = value;
}
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
template <typename V, typename T>
URNN_INLINE inline Complex<V> scaled(Complex<V> a, T s) {
  return {a.re * s, a.im * s};
}
// sum += conj(w) a.
template <typename V, typename W>
URNN_INLINE inline void accumulate(Complex<V>& sum, Complex<W> w, Complex<V> a) {
  sum.re += a.re * w.re + a.im * w.im;
  sum.im += a.im * w.re - a.re * w.im;
}
// a - 2 u s, the reflection once its dot product s = u^H a is known; `twice` is 2 s.
template <typename V, typename U, typename S>
URNN_INLINE inline Complex<V> reflect(Complex<V> a, Complex<U> u, Complex<S> twice) {
  return {a.re - (twice.re * u.re - twice.im * u.im), a.im - (twice.im * u.re + twice.re * u.im)};
}
// sign * i * a: a quarter turn.
template <int sign, typename V>
URNN_INLINE inline Complex<V> quarter(Complex<V> a) {
  if constexpr (sign > 0) return {-a.im, a.re};
  return {a.im, -a.re};
}

// L x L transposition in registers (`exchange`): first within the quarters of 16 bytes, whose shuffles are the
// cheapest, then of the quarters. A and B of a pair become (a0 b0 a1 b1 ...) of runs as long as `run`: their lower
// and upper halves within each `span`.
template <typename T, int L, int run, int span>
URNN_INLINE inline void interleave(Vector<T, L>& a, Vector<T, L>& b) {
  [&]<int... i>(std::integer_sequence<int, i...>) URNN_INLINE {
    // element i of the result is element `from(i)` of a or, L further, of b
    constexpr auto from = [](int at, int upper) {
      const int base = at / span * span, within = at % span, pair = within / (2 * run), rest = within % (2 * run);
      return base + upper * span / 2 + pair * run + rest % run + (rest >= run ? L : 0);
    };
    Vector<T, L> lower = shuffled<from(i, 0)...>(a, b);
    Vector<T, L> upper = shuffled<from(i, 1)...>(a, b);
    a = lower, b = upper;
  }(std::make_integer_sequence<int, L>{});
}

// Rows become columns in squares of `width` rows, `stride` apart, by `width` runs of `run` lanes: log2(width)
// perfect shuffles.
template <typename T, int L, int width, int run>
URNN_INLINE inline void transpose(Vector<T, L>* rows, int stride) {
  Vector<T, L> x[width], y[width];
  for (int i = 0; i < width; ++i) x[i] = rows[i * stride];
  for (int level = 1; level < width; level *= 2) {
    for (int i = 0; i < width / 2; ++i) {
      y[2 * i] = x[i], y[2 * i + 1] = x[i + width / 2];
      interleave<T, L, run, run * width>(y[2 * i], y[2 * i + 1]);
    }
    for (int i = 0; i < width; ++i) x[i] = y[i];
  }
  for (int i = 0; i < width; ++i) rows[i * stride] = x[i];
}

// The even runs of a and those of b, then the odd ones: for quarters of a register one operation each, which is
// cheaper than those that take runs by turns.
template <typename T, int L, int run>
URNN_INLINE inline void part(Vector<T, L>& a, Vector<T, L>& b) {
  [&]<int... i>(std::integer_sequence<int, i...>) URNN_INLINE {
    constexpr auto from = [](int at, int odd) { return (at / run * 2 + odd) * run + at % run; };
    Vector<T, L> even = shuffled<from(i, 0)...>(a, b);
    Vector<T, L> odd = shuffled<from(i, 1)...>(a, b);
    a = even, b = odd;
  }(std::make_integer_sequence<int, L>{});
}

template <typename T, int L>
URNN_INLINE inline void exchange(Vector<T, L>* rows) {
  if constexpr (L > 1) {
    constexpr int quarter = std::min<int>(L, 16 / sizeof(T)), quarters = L / quarter;
    for (int first = 0; first < L; first += quarter) transpose<T, L, quarter, 1>(rows + first, 1);
    for (int first = 0; first < quarter; ++first) {
      if constexpr (quarters == 4) {
        Vector<T, L>*a = rows + first, *b = a + quarter, *c = b + quarter, *d = c + quarter;
        part<T, L, quarter>(*a, *b), part<T, L, quarter>(*c, *d);  // a and c: even, b and d: odd quarters
        part<T, L, quarter>(*a, *c), part<T, L, quarter>(*b, *d);
      } else {
        transpose<T, L, quarters, quarter>(rows + first, quarter);
      }
    }
  }
}

template <typename T, int L>
URNN_INLINE inline Vector<T, L> load_row(const T* p) {
  Vector<T, L> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// Calls f(l, row) for each sample's row. A full block's count is a constant, so that vectors stay in registers.
// The empty asm keeps the compiler from holding all rows' addresses at once, which spills them.
template <int L, bool full, typename T, class F>
URNN_INLINE inline void for_each_row(T* row, Index stride, Index samples, F f) {
  for (int l = 0; l < (full ? L : samples); ++l) {
    f(l, row);
    row += stride;
    asm("" : "+r"(row));
  }
}

// rows[l] = columns k..k+L of sample l, absent samples as zero; then rows[c] = unit k+c of all samples.
template <typename T, int L, bool full>
URNN_INLINE inline void load_units(const T* base, Index stride, Index samples, Vector<T, L>* rows) {
  if constexpr (!full)
    for (int l = 0; l < L; ++l) rows[l] = Vector<T, L>{};
  for_each_row<L, full>(base, stride, samples,
                        [&](int l, const T* row) URNN_INLINE { rows[l] = load_row<T, L>(row); });
  exchange<T, L>(rows);
}
// The inverse. Rows that are whole cache lines and will not be read soon bypass the caches.
template <typename T, int L, bool full, bool streams>
URNN_INLINE inline void store_units(Vector<T, L>* rows, T* base, Index stride, Index samples) {
  exchange<T, L>(rows);
  for_each_row<L, full>(base, stride, samples, [&](int l, T* row) URNN_INLINE {
#ifdef __AVX512F__
    if constexpr (streams && L * sizeof(T) == 64) {
      _mm512_stream_si512(reinterpret_cast<__m512i*>(row), (__m512i)rows[l]);
      return;
    }
#endif
    std::memcpy(row, &rows[l], sizeof rows[l]);
  });
}

// Whether stores can bypass the caches.
#ifdef __AVX512F__
constexpr bool STREAMS = true;
#else
constexpr bool STREAMS = false;
#endif

// Copies `count` numbers past the caches, but for those at both ends that are no whole line.
template <typename T>
void copy_past_caches(const T* from, Index count, T* to) {
#ifdef __AVX512F__
  constexpr Index LINE = 64 / sizeof(T);
  const Index past_line = static_cast<Index>(reinterpret_cast<std::uintptr_t>(to) % 64 / sizeof(T));
  const Index head = std::min(count, (LINE - past_line) % LINE), end = head + (count - head) / LINE * LINE;
  std::copy(from, from + head, to);
  for (Index k = head; k < end; k += LINE)
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to + k), _mm512_loadu_si512(from + k));
  from += end, to += end, count -= end;
#endif
  std::copy(from, from + count, to);
}

// The first `count` elements of a row that is shorter than a register, and zeros.
template <typename T, int L>
URNN_INLINE inline Vector<T, L> load_part(const T* p, Index count) {
#ifdef __AVX512F__
  if constexpr (sizeof(T) == 4 && L == 16) return (Vector<T, L>)_mm512_maskz_loadu_ps((1u << count) - 1, p);
  if constexpr (sizeof(T) == 8 && L == 8) return (Vector<T, L>)_mm512_maskz_loadu_pd((1u << count) - 1, p);
#endif
  if constexpr (L == 1) return count ? *p : T(0);
  else {
    Vector<T, L> v{};
    for (Index l = 0; l < count; ++l) v[l] = p[l];
    return v;
  }
}
template <typename T, int L>
URNN_INLINE inline void store_part(Vector<T, L> v, T* p, Index count) {
#ifdef __AVX512F__
  if constexpr (sizeof(T) == 4 && L == 16) return _mm512_mask_storeu_ps(p, (1u << count) - 1, (__m512)v);
  if constexpr (sizeof(T) == 8 && L == 8) return _mm512_mask_storeu_pd(p, (1u << count) - 1, (__m512d)v);
#endif
  if constexpr (L == 1) *p = v;
  else
    for (Index l = 0; l < count; ++l) p[l] = v[l];
}
// `load_units` and `store_units` for fewer units than lanes.
template <typename T, int L>
__attribute__((noinline)) void load_few_units(const T* base, Index stride, Index samples, Index count,
                                              Vector<T, L>* rows) {
  for (int l = 0; l < L; ++l) rows[l] = Vector<T, L>{};
  for (Index l = 0; l < samples; ++l) rows[l] = load_part<T, L>(base + l * stride, count);
  exchange<T, L>(rows);
}
template <typename T, int L>
__attribute__((noinline)) void store_few_units(Vector<T, L>* rows, T* base, Index stride, Index samples,
                                               Index count) {
  for (Index e = count; e < L; ++e) rows[e] = Vector<T, L>{};
  exchange<T, L>(rows);
  for (Index l = 0; l < samples; ++l) store_part<T, L>(rows[l], base + l * stride, count);
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

// 1 / sqrt(x) to the last bits.
template <typename T, int L>
URNN_INLINE inline Vector<T, L> inverse_root(Vector<T, L> x) {
#ifdef __AVX512F__
  if constexpr (sizeof(T) == 4 && L == 16) {
    const Vector<T, L> y = (Vector<T, L>)_mm512_rsqrt14_ps((__m512)x);
    return y + y * T(0.5) * (T(1) - x * y * y);  // Newton's step as a correction: one rounding at the end
  }
#endif
  return T(1) / square_root<T, L>(x);
}
}  // namespace
