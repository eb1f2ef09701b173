// modReLU, and the way back through it by its result alone (where h != 0, z has its direction).
#pragma once

#include "cuda_complex.h"

namespace {

constexpr bool RELEASED = URNN_RELEASED;  // whether modReLU divides by |z| + epsilon, as the authors' code does

template <typename T>
__device__ __forceinline__ constexpr T tiniest() {  // the smallest normal number
  return sizeof(T) == 4 ? T(1.17549435e-38) : T(2.2250738585072014e-308);
}

// (|z| + b) / (|z| + epsilon), or 0 where that is not positive; comparisons that are false for NaN keep it alive.
__device__ __forceinline__ Complex<Real> modrelu(Complex<Real> z, Real b, Real epsilon) {
  const Real square = z.re * z.re + z.im * z.im, inverse_modulus = inverse_root(square);
  Real scale = 1 + b * inverse_modulus;
  if (RELEASED) {
    const Real modulus = square * inverse_modulus;
    scale = (modulus + b) / (modulus + epsilon);
  }
  const bool dead = square <= tiniest<Real>() || scale <= 0;
  return {dead ? 0 : scale * z.re, dead ? 0 : scale * z.im};
}

// g = dL/dh becomes dL/dz for h = modReLU(z; b); what it adds to the gradients of b and theta3 is added to them.
__device__ __forceinline__ void through_modrelu(
    Complex<Real> h, Real b, Real epsilon, Complex<Real>& g, Real& bias, Real& theta3) {
  const Real square = h.re * h.re + h.im * h.im;
  const bool dead = square <= tiniest<Real>();
  const Real inverse_norm = inverse_root(square), norm = square * inverse_norm;
  const Complex<Real> along{h.re * inverse_norm, h.im * inverse_norm};
  Real radial = along.re * g.re + along.im * g.im;
  const Real tangential = along.re * g.im - along.im * g.re, shifted = norm - b;
  Real inverse_modulus, added = radial;
  if (RELEASED) {  // |h| = (|z| + b) |z| / (|z| + epsilon)
    const Real modulus = (shifted + sqrt(shifted * shifted + 4 * epsilon * norm)) * Real(0.5);
    const Real share = 1 / (modulus + epsilon);
    inverse_modulus = 1 / modulus;
    added = radial * modulus * share;
    radial *= 1 + epsilon * (b - epsilon) * share * share;
  } else {  // |h| = |z| + b
    inverse_modulus = inverse(shifted);
  }
  const Real turn = tangential * (norm * inverse_modulus);
  bias += dead ? 0 : added;
  theta3 += dead ? 0 : norm * tangential;
  g = {dead ? 0 : along.re * radial - along.im * turn, dead ? 0 : along.re * turn + along.im * radial};
}

}  // namespace
