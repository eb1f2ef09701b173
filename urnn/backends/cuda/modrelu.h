// modReLU, and its derivative from its result alone (if h != 0, z has its direction), or from z itself.
#pragma once

#include "complex_number.h"

namespace {

constexpr bool RELEASED = URNN_RELEASED;  // whether modReLU divides by |z| + epsilon, as the authors' code does

template <typename T>
__device__ __forceinline__ constexpr T tiniest() {  // the smallest normal number
  return sizeof(T) == 4 ? T(1.17549435e-38) : T(2.2250738585072014e-308);
}
template <typename T>
__device__ __forceinline__ constexpr T largest() {
  return sizeof(T) == 4 ? T(3.402823466e38) : T(1.7976931348623157e308);
}

// (|z| + b) / (|z| + epsilon), or 0 where that is not positive; comparisons that are false for NaN keep it alive.
__device__ __forceinline__ Complex<Real> modrelu(Complex<Real> z, Real b, Real epsilon) {
  const Real square = z.re * z.re + z.im * z.im, inverse_modulus = inverse_root(square);
  Real scale = 1 + b * inverse_modulus;
  if (RELEASED) {
    const Real modulus = square * inverse_modulus;
    scale = (modulus + b) * inverse(modulus + epsilon);
  }
  if (square > largest<Real>()) {
    const Real modulus = hypot(z.re, z.im);
    scale = (modulus + b) / (modulus + epsilon);
  }
  const bool dead = square <= tiniest<Real>() || scale <= 0;
  return {dead ? 0 : scale * z.re, dead ? 0 : scale * z.im};
}

// Whether h does not tell |z| well enough, see cpu/modrelu.h: |z| is far below b > 0, so that |h| - b has lost its
// digits, or a square or product that `through_modrelu` takes leaves the range of normal numbers.
__device__ __forceinline__ bool is_unsure(Complex<Real> h, Real b) {
  constexpr Real RATIO = sizeof(Real) == 4 ? 1 << 8 : 1 << 16;
  constexpr Real MOST = largest<Real>() / 16, LEAST = tiniest<Real>() * (RELEASED ? 1 << 15 : 1);
  const Real square = h.re * h.re + h.im * h.im;
  bool near = b * b > MOST;
  if (RELEASED) {  // the equation is sensitive around |h| = b alone; elsewhere | |h| - b | > |h| / 128, in float
    const Real away = square - b * b;
    near = near || (b > 0 && (away < 0 ? -away : away) < b * b * (Real(8) / RATIO));
  } else {
    const Real least = b * (1 + 1 / RATIO);
    near = near || (b > 0 && square < least * least);
  }
  return ((near || square <= LEAST) && (h.re != 0 || h.im != 0)) || square > MOST;
}

// g = dL/dh becomes dL/dz for h = modReLU(z; b); what it adds to the gradients of b and theta3 is added to them.
__device__ __forceinline__ void through_modrelu(Complex<Real> h, Real b, Real epsilon, Complex<Real>& g,
                                                Real& bias, Real& theta3) {
  const Real square = h.re * h.re + h.im * h.im;
  const bool dead = square <= tiniest<Real>();
  const Real inverse_norm = inverse_root(square), norm = square * inverse_norm;
  const Complex<Real> along{h.re * inverse_norm, h.im * inverse_norm};
  Real radial = along.re * g.re + along.im * g.im;
  const Real tangential = along.re * g.im - along.im * g.re, shifted = norm - b;
  Real scale, added = radial;
  if (RELEASED) {  // |h| = (|z| + b) |z| / (|z| + epsilon), an equation whose roots are taken without a difference
    const Real product = epsilon * norm, radicand = shifted * shifted + 4 * product;
    const Real sum = (radicand * inverse_root(radicand) + (shifted < 0 ? -shifted : shifted)) * Real(0.5);
    const Real modulus = shifted < 0 ? product * inverse(sum) : sum, share = inverse(modulus + epsilon);
    scale = shifted < 0 ? sum * inverse(epsilon) : norm * inverse(sum);  // |h| / |z|
    added = radial * modulus * share;
    radial *= (modulus * modulus + (2 * modulus + b) * epsilon) * share * share;
  } else {  // |z| = |h| - b; the difference of squares is rounded less than that of the moduli
    const Real raised = b > 0 ? b : 0, sum = norm + raised;
    const Real difference = fma(h.re, h.re, fma(h.im, h.im, -raised * raised));
    scale = norm * sum * inverse(fma(raised - b, sum, difference));  // nothing cancels where b < 0
  }
  const Real turn = tangential * scale;
  bias += dead ? 0 : added;
  theta3 += dead ? 0 : norm * tangential;
  g = {dead ? 0 : along.re * radial - along.im * turn, dead ? 0 : along.re * turn + along.im * radial};
}

// The same from z itself, whatever its size.
__device__ inline void through_modrelu_at(Complex<Real> z, Complex<Real> h, Real b, Real epsilon, Complex<Real>& g,
                                          Real& bias, Real& theta3) {
  const Real modulus = hypot(z.re, z.im), norm = hypot(h.re, h.im), divisor = modulus + epsilon;
  if (modulus == 0 || norm == 0) {
    g = {0, 0};
    return;
  }
  const Complex<Real> along{h.re / norm, h.im / norm};
  const Real outward = along.re * g.re + along.im * g.im, tangential = along.re * g.im - along.im * g.re;
  const Real share = modulus / divisor;  // a sum of what is positive for b >= 0
  const Real radial = outward * (share * share + epsilon / divisor * ((2 * modulus + b) / divisor));
  const Real turn = tangential * ((modulus + b) / divisor);
  bias += outward * (modulus / divisor);
  theta3 += norm * tangential;
  g = {along.re * radial - along.im * turn, along.re * turn + along.im * radial};
}

}  // namespace
