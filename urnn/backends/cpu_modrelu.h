// modReLU over lanes, and the way back through it by its result alone. cpu.py holds the algebra.
#pragma once

#include "cpu_vectors.h"

namespace {

template <typename T>
constexpr T tiniest() {  // the smallest normal number
  return sizeof(T) == 4 ? static_cast<T>(1.17549435e-38) : static_cast<T>(2.2250738585072014e-308);
}

// (|z| + b) / (|z| + epsilon) for `square` = |z|^2 where that is positive, else 0; comparisons that are false for NaN
// keep it alive.
template <typename T, int L>
URNN_INLINE inline Vector<T, L> modrelu_scale(Vector<T, L> square, Vector<T, L> b, T epsilon) {
  using V = Vector<T, L>;
  const V tiny = V{} + tiniest<T>(), one = V{} + T(1);
  const V inverse = inverse_root<T, L>(square);
  V scale;
  if (epsilon == 0) scale = one + b * inverse;
  else scale = (square * inverse + b) / (square * inverse + epsilon);
  return (square <= tiny) | (scale <= V{}) ? V{} : scale;
}

// g = dL/dh becomes dL/dz for h = modReLU(z; b); `bias` and `theta3` receive what it adds to the gradients of b and
// theta3.
template <typename T, int L, typename V = Vector<T, L>>
URNN_INLINE inline void through_modrelu(Complex<V> h, V b, T epsilon, Complex<V>& g, V& bias, V& theta3) {
  const V square = h.re * h.re + h.im * h.im, inverse = inverse_root<T, L>(square), norm = square * inverse;
  const Complex<V> e{h.re * inverse, h.im * inverse};
  V radial = e.re * g.re + e.im * g.im;
  V tangential = e.re * g.im - e.im * g.re;
  V scale;
  bias = radial;
  if (epsilon == 0) {  // |h| = |z| + b
    scale = norm / (norm - b);
  } else {  // |h| = (|z| + b) |z| / (|z| + epsilon)
    const V shifted = norm - b, four = V{} + 4 * epsilon;
    const V modulus = (shifted + square_root<T, L>(shifted * shifted + four * norm)) * T(0.5);
    const V divisor = T(1) / (modulus + epsilon);
    bias = radial * modulus * divisor;
    radial = radial * (T(1) + epsilon * (b - epsilon) * divisor * divisor);
    scale = norm / modulus;
  }
  const V zero{};
  const auto dead = square <= zero;
  const V turn = tangential * scale;
  g.re = dead ? zero : e.re * radial - e.im * turn;
  g.im = dead ? zero : e.re * turn + e.im * radial;
  bias = dead ? zero : bias;
  theta3 = dead ? zero : norm * tangential;
}
}  // namespace
