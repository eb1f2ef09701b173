// One set of parameters as the kernel reads it: both reflections outside the transforms, all else in the
// orders that the transforms leave. cpu/__init__.py holds the algebra.
#pragma once

#include "chunk.h"
#include "modrelu.h"

namespace {

constexpr Index WIDEST_INPUT = 16;  // features that the passes multiply by V themselves

template <typename T>
struct Tables : Stages<T> {
  using C = Complex<T>;
  // Over units: D1, D3, their conjugates, and conj(D1) u1, whose product with h is the first reflection's.
  std::vector<C> d1, d1_conj, d3, d3_conj, w1;
  std::vector<T> bias, unsure;  // unsure: see `unsure_below`
  // Over positions p of Pi F h, which are at row source_row[p] of F h: D2, u2, and D2 F u1, with which
  // the first reflection is applied after the transform.
  std::vector<C> d2, u2, f1;
  std::vector<Index> source_row;
  // The same over positions q of F h, which go to position target[q] at row target_row[q]; w1_source gives u1^H D1
  // h and w2 u2^H D2 Pi a.
  std::vector<C> d2_source, f1_source, w1_source, w2;
  std::vector<Index> target, target_row;
  C cross;  // u2^H D2 Pi F u1
  T epsilon;
  bool large_bias = false;

  Tables(Index n, const T* theta, const T* v, const Index* permutation, const T* b, T modrelu_epsilon);
};

// A reflection's vector [Re; Im] at length 1, in double whatever T is.
template <typename T>
std::vector<Complex<double>> unit_vector(Index n, const T* pair) {
  std::vector<Complex<double>> u(n);
  double scale = 0, square = 0;
  for (Index k = 0; k < 2 * n; ++k) scale = std::max(scale, std::abs(static_cast<double>(pair[k])));
  for (Index k = 0; k < n; ++k) {
    u[k] = {pair[k] / scale, pair[k + n] / scale};
    square += u[k].re * u[k].re + u[k].im * u[k].im;
  }
  const double length = std::sqrt(square);
  for (auto& c : u) c = {c.re / length, c.im / length};
  return u;
}

// Worked out in double: once a sequence, and every step would repeat an error.
template <typename T>
Tables<T>::Tables(Index n, const T* theta, const T* v, const Index* permutation, const T* b, T modrelu_epsilon)
    : Stages<T>(n), d1(n), d1_conj(n), d3(n), d3_conj(n), w1(n), bias(b, b + n), unsure(n), d2(n), u2(n), f1(n),
      source_row(n), d2_source(n), f1_source(n), w1_source(n), w2(n), target(n), target_row(n),
      epsilon(modrelu_epsilon) {
  using D = Complex<double>;
  const Stages<double> exact(n);
  const std::vector<Index>& frequency = exact.frequency;
  std::vector<Index> position(n);
  for (Index p = 0; p < n; ++p) position[frequency[p]] = p;
  const double root = std::sqrt(static_cast<double>(n));
  const std::vector<D> v1 = unit_vector(n, v), v2 = unit_vector(n, v + 2 * n);
  std::vector<D> u1_exact(n), u2_exact(n), work(rows_for(span_of(n)));
  for (Index p = 0; p < n; ++p) work[at(p)] = v1[frequency[p]];
  transform<1>(exact, work.data());
  for (Index k = 0; k < n; ++k) u1_exact[k] = {work[at(k)].re / root, work[at(k)].im / root};
  for (Index k = 0; k < n; ++k) work[at(k)] = v2[k];
  transform<-1>(exact, work.data());
  for (Index p = 0; p < n; ++p) u2_exact[p] = {work[at(p)].re / root, work[at(p)].im / root};

  auto cast = [](D c) { return C{static_cast<T>(c.re), static_cast<T>(c.im)}; };
  auto phase = [&](int row, Index k) {
    const double angle = theta[row * n + k];
    return D{std::cos(angle), std::sin(angle)};
  };
  for (Index k = 0; k < n; ++k) {
    d1[k] = cast(phase(0, k)), d3[k] = cast(phase(2, k)), d3_conj[k] = {d3[k].re, -d3[k].im};
    d1_conj[k] = {d1[k].re, -d1[k].im};
    w1[k] = cast(times_conj(phase(0, k), u1_exact[k]));
    unsure[k] = unsure_below(b[k], epsilon);
    large_bias = large_bias || is_large(b[k]);
  }
  D sum{0, 0};
  for (Index p = 0; p < n; ++p) {
    const Index k = frequency[p], q = position[permutation[k]];
    const D turn = phase(1, k), scaled{turn.re / n, turn.im / n};  // 1/n: the scale of F^-1 after an unscaled F
    const D f{v1[permutation[k]].re * root, v1[permutation[k]].im * root};  // F u1, as unscaled as F h is
    const D w = times_conj(scaled, u2_exact[p]);
    sum = sum + times_conj(w, f);
    target[q] = p, target_row[q] = at(p), source_row[p] = at(q);
    d2[p] = d2_source[q] = cast(scaled), u2[p] = cast(u2_exact[p]);
    f1[p] = cast(times(scaled, f)), f1_source[q] = cast(f), w2[q] = cast(w);
    w1_source[q] = cast({f.re / n, f.im / n});
  }
  cross = cast(sum);
}
}  // namespace
