// modReLU over lanes, and its derivative from its result alone. cpu/__init__.py holds the algebra.
#pragma once

#include <limits>

#include "vectors.h"

namespace {

template <typename T>
constexpr T tiniest() {  // the smallest normal number
  return std::numeric_limits<T>::min();
}
template <typename T>
constexpr T largest() {
  return std::numeric_limits<T>::max();
}

// (|z| + b) / (|z| + epsilon) for `square` = |z|^2 where that is positive, else 0; comparisons that are false for
// NaN keep it alive. Where the square overflows, |z| counts as the root of the largest number: beside it b is
// nothing, unless it is `is_large`. `exact`: epsilon is 0.
template <typename T, int L, bool exact, typename V = Vector<T, L>>
URNN_INLINE inline V modrelu_scale(V square, V b, T epsilon) {
  const V tiny = V{} + tiniest<T>(), most = V{} + largest<T>(), one = V{} + T(1);
  auto scale_of = [&](V inverse) URNN_INLINE {
    if constexpr (exact) return one + b * inverse;
    else return (square * inverse + b) / (square * inverse + epsilon);
  };
#ifdef __AVX512F__
  if constexpr (sizeof(T) == 4 && L == 16) {  // as below, in fewer operations: of NaN they return the second
    square = (V)_mm512_min_ps((__m512)most, (__m512)square);
    const __m512 scale = (__m512)scale_of(inverse_root<T, L>(square));
    const __mmask16 live = _mm512_cmp_ps_mask((__m512)square, (__m512)tiny, _CMP_NLE_UQ);
    return (V)_mm512_maskz_max_ps(live, _mm512_setzero_ps(), scale);
  }
#endif
  square = square > most ? most : square;
  const V scale = scale_of(inverse_root<T, L>(square));
  return ((square <= tiny) | (scale <= V{})) ? V{} : scale;
}

// The same for some units at once: values[i] is a square on entry, and b(i) its b.
template <typename T, int L, int count, class Bias>
URNN_INLINE inline void modrelu_scales(Vector<T, L>* values, Bias b, T epsilon) {
  if (epsilon == 0)
    for (int i = 0; i < count; ++i) values[i] = modrelu_scale<T, L, true>(values[i], b(i), epsilon);
  else
    for (int i = 0; i < count; ++i) values[i] = modrelu_scale<T, L, false>(values[i], b(i), epsilon);
}

template <typename T>
bool is_large(T b) {
  return std::abs(b) > std::numeric_limits<T>::epsilon() / 2 * std::sqrt(largest<T>());
}

// The same for one number and a b of any size.
inline double modrelu_scale_at(double re, double im, double b, double epsilon) {
  const double modulus = std::hypot(re, im), scale = (modulus + b) / (modulus + epsilon);
  return scale <= 0 ? 0 : scale;
}

// `scale`, but `modrelu_scale_at`'s in the lanes whose square overflows.
template <typename T, int L, typename V = Vector<T, L>>
__attribute__((noinline, cold)) V rescaled(Complex<V> z, V b, T epsilon, V scale) {
  for (Index l = 0; l < L; ++l) {
    const Complex<T> own = lane(z, l);
    if (own.re * own.re + own.im * own.im > largest<T>())
      set_lane(scale, l, static_cast<T>(modrelu_scale_at(own.re, own.im, lane(b, l), epsilon)));
  }
  return scale;
}

// The largest squares of h and b for which the products that `through_modrelu` takes are numbers too.
template <typename T>
constexpr T largest_square() {
  return largest<T>() / 16;
}

// By h alone |z| is |h| - b, whose leading digits cancel where |z| is much smaller than b > 0. Where it is below
// b / RATIO, so that some RATIO roundings are lost, z is computed again.
template <typename T>
constexpr T RATIO = sizeof(T) == 4 ? T(1 << 9) : T(1 << 16);

// The |h|^2 below which h alone does not tell |z|: (b + b / RATIO)^2, and no less than what squares can hold.
template <typename T>
T unsure_below(T b, T epsilon) {
  if (b * b > largest_square<T>()) return largest_square<T>();
  const T near = epsilon == 0 && b > 0 ? b * (1 + 1 / RATIO<T>) : T(0);
  return std::max(tiniest<T>(), near * near);
}

// A bit for each lane of a comparison's result.
template <int L, typename M>
URNN_INLINE inline unsigned bits_of(M mask) {
  if constexpr (L == 1) return mask ? 1 : 0;
#ifdef __AVX512F__
  else if constexpr (sizeof(M) == 64 && L == 16) return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask);
  else if constexpr (sizeof(M) == 64 && L == 8) return _mm512_test_epi64_mask((__m512i)mask, (__m512i)mask);
#endif
#ifdef __AVX2__
  else if constexpr (sizeof(M) == 32 && L == 8) return _mm256_movemask_ps((__m256)mask);
  else if constexpr (sizeof(M) == 32 && L == 4) return _mm256_movemask_pd((__m256d)mask);
#endif
#ifdef __aarch64__
  else if constexpr (sizeof(M) == 16 && L == 4) return vaddvq_u32((uint32x4_t)(mask & M{1, 2, 4, 8}));
  else if constexpr (sizeof(M) == 16 && L == 2) return vaddvq_u64((uint64x2_t)(mask & M{1, 2}));
#endif
  else {
    unsigned bits = 0;
    for (int l = 0; l < L; ++l) bits |= (mask[l] ? 1u : 0u) << l;
    return bits;
  }
}

// The lanes where h does not tell |z| well enough, a bit each: |h|^2, which is `square`, is less than `below` and
// h not zero, or it is larger than `largest_square`.
template <typename T, int L, typename V = Vector<T, L>>
URNN_INLINE inline unsigned unsure_lanes(Complex<V> h, V square, V below) {
#ifdef __AVX512F__
  if constexpr (sizeof(V) == 64 && L == 16) {  // as the comparison below, in fewer operations
    const __m512i bits = (__m512i)h.re | (__m512i)h.im, unsigned_bits = _mm512_set1_epi32(0x7fffffff);
    const __mmask16 low = _mm512_cmp_ps_mask((__m512)square, (__m512)below, _CMP_LT_OQ);
    return _mm512_mask_test_epi32_mask(low, bits, unsigned_bits) |
           _mm512_cmp_ps_mask((__m512)square, _mm512_set1_ps(largest_square<T>()), _CMP_GT_OQ);
  } else
#endif
  {
    const V zero{}, most = V{} + largest_square<T>();
    return bits_of<L>(((square < below) & ((h.re != zero) | (h.im != zero))) | (square > most));
  }
}

// g = dL/dh becomes dL/dz for h = modReLU(z; b); `bias` and `theta3` receive what it adds to the gradients of b
// and theta3. Returns the lanes where h does not tell |z| well enough, a bit each; `below` is `unsure_below`.
template <typename T, int L, typename V = Vector<T, L>>
URNN_INLINE inline unsigned through_modrelu(Complex<V> h, V b, V below, T epsilon, Complex<V>& g, V& bias,
                                            V& theta3) {
  const V square = h.re * h.re + h.im * h.im, inverse = inverse_root<T, L>(square), norm = square * inverse;
  const Complex<V> e{h.re * inverse, h.im * inverse};
  const V zero{};
  unsigned unsure = unsure_lanes<T, L>(h, square, below);
  V radial = e.re * g.re + e.im * g.im;
  V tangential = e.re * g.im - e.im * g.re;
  V scale;
  bias = radial;
  if (epsilon == 0) {  // |z| = |h| - b; the difference of squares, fused, is rounded less than that of the moduli
    const V raised = b > zero ? b : zero, sum = norm + raised;
    const V difference = h.re * h.re + (h.im * h.im - raised * raised);
    scale = norm * sum / (difference + (raised - b) * sum);  // nothing cancels where b < 0
  } else {
    // |h| = (|z| + b) |z| / (|z| + epsilon), a quadratic equation whose roots are taken without a difference.
    const V shifted = norm - b, product = norm * epsilon;
    const V sum =
        (square_root<T, L>(shifted * shifted + T(4) * product) + (shifted < zero ? -shifted : shifted)) * T(0.5);
    const V modulus = shifted < zero ? product / sum : sum;
    const V divisor = T(1) / (modulus + epsilon);
    bias = radial * modulus * divisor;
    const V slope = modulus * modulus + (T(2) * modulus + b) * epsilon;  // d|h|/d|z|, times (|z| + epsilon)^2
    radial = radial * (slope * divisor * divisor);
    scale = norm / modulus;
    unsure |= bits_of<L>((modulus + b) * (modulus + epsilon) > slope * (RATIO<T> / 4));
  }
  const auto dead = square <= zero;
  const V turn = tangential * scale;
  g.re = dead ? zero : e.re * radial - e.im * turn;
  g.im = dead ? zero : e.re * turn + e.im * radial;
  bias = dead ? zero : bias;
  theta3 = dead ? zero : norm * tangential;
  return unsure;
}

// The same for one number, from z itself, in double and whatever its size.
template <typename T>
void through_modrelu_at(Complex<double> z, Complex<double> h, double b, double epsilon, Complex<T>& g, T& bias,
                        T& theta3) {
  const double modulus = std::hypot(z.re, z.im), norm = std::hypot(h.re, h.im), divisor = modulus + epsilon;
  if (modulus == 0 || norm == 0) {
    g = {0, 0}, bias = theta3 = 0;
    return;
  }
  const Complex<double> e{h.re / norm, h.im / norm};
  const double tangential = e.re * g.im - e.im * g.re, turn = tangential * (modulus + b) / divisor;
  const double added = (e.re * g.re + e.im * g.im) * modulus / divisor;
  const double share = modulus / divisor;
  const double radial =
      (e.re * g.re + e.im * g.im) * (share * share + epsilon / divisor * ((2 * modulus + b) / divisor));
  g = {static_cast<T>(e.re * radial - e.im * turn), static_cast<T>(e.re * turn + e.im * radial)};
  bias = static_cast<T>(added), theta3 = static_cast<T>(norm * tangential);
}

// What the backward pass reads of a sequence, each from step 0 on.
template <typename T>
struct Sequence {
  const T* h_0;
  Index h_0_stride;  // 0: one state for all samples
  const T *x, *V;    // (steps, batch, m) and (2n, m)
  Index m;
  const T* states;

  // z = W h + V x of unit k, given W h; x are the sample's inputs of the step.
  Complex<double> add_input(Complex<T> Wh, const T* x, Index n, Index k) const {
    Complex<double> z{Wh.re, Wh.im};
    for (Index c = 0; c < m; ++c) {
      z.re += static_cast<double>(V[k * m + c]) * x[c];
      z.im += static_cast<double>(V[(n + k) * m + c]) * x[c];
    }
    return z;
  }
};
}  // namespace
