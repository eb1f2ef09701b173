// Before and after the sequence: from parameters to tables, from sums to the parameters' gradients. One block
// each, in double precision, so that W is as unitary as its rounded tables let it be.
#pragma once

#include "arguments.h"
#include "fourier.h"
#include "kept.h"
#include "packed_tables.h"

namespace {

using Wide = Complex<double>;
using WideGroup = Group<double, URNN_WIDE_ELEMENTS>;  // few units a thread: one block, one sample
using WideUnits = WideGroup::Units;
constexpr int WIDE_ELEMENTS = WideGroup::ELEMENTS;

__device__ constexpr double root_of(int n) {
  return n % 4 == 0    ? 2 * root_of(n / 4)
         : n % 9 == 0  ? 3 * root_of(n / 9)
         : n % 25 == 0 ? 5 * root_of(n / 25)
                       : (n % 2 ? 1 : 1.41421356237309504880) * (n % 3 ? 1 : 1.73205080756887729353) *
                             (n % 5 ? 1 : 2.23606797749978969641);
}
constexpr double ROOT = root_of(N);

// Calls f(e) for each element of a thread.
template <typename F>
__device__ __forceinline__ void for_each(F f) {
#pragma unroll
  for (int e = 0; e < WIDE_ELEMENTS; ++e) f(e);
}

// The sum over the group, in every thread.
__device__ inline void sum_up(Wide& value, WideGroup& group) {
  Wide values[] = {value};
  group.begin_sums(values);
  group.barrier();
  group.end_sums(values);
  group.barrier();
  value = values[0];
}

// a^H b
__device__ inline Wide product(const WideUnits& a, const WideUnits& b, WideGroup& group) {
  Wide sum{0, 0};
  for_each([&](int e) { sum = plus(sum, conj(a[e]), b[e]); });
  sum_up(sum, group);
  return sum;
}

template <bool INVERSE>
__device__ inline void unitary_fourier(WideUnits& x, WideGroup& group, const Wide* roots) {
  fourier<INVERSE>(x, group, roots);
  for_each([&](int e) { x[e] = (1 / ROOT) * x[e]; });
}

// What part of a whole turn is number `i` of the roots that `fourier` reads with E units a thread, pass after pass
// from `NUMBER` on.
template <int E, int NUMBER = 1>
__device__ inline void find_turn(int i, int& part, int& whole) {
  if constexpr (number_of_roots<E>(NUMBER) > 0) {
    using This = Pass<Group<double, E>, NUMBER>;
    if (i >= This::ROOTS) return find_turn<E, NUMBER + 1>(i - This::ROOTS, part, whole);
    part = (i / This::DONE + 1) * (i % This::DONE), whole = This::DONE * This::R;
  }
}
template <int E>
__device__ inline Wide root(int i) {
  int part = 0, whole = 1;
  find_turn<E>(i, part, whole);
  Wide value;
  sincospi(-2.0 * part / whole, &value.im, &value.re);
  return value;
}

// v / |v| in place, and 1 / |v|. The squares of entries may leave the range of numbers: a power of two near their
// mean takes them back. NaN and v = 0 give NaN, as the formula says.
__device__ inline double normalise(WideUnits& v, WideGroup& group) {
  Wide mean{0, 0};
  for_each([&](int e) { mean.re += (fabs(v[e].re) + fabs(v[e].im)) / N; });
  sum_up(mean, group);
  int exponent = 0;
  frexp(mean.re, &exponent);
  for_each([&](int e) { v[e] = {ldexp(v[e].re, -exponent), ldexp(v[e].im, -exponent)}; });
  const double inverse_length = 1 / sqrt(product(v, v, group).re);
  for_each([&](int e) { v[e] = inverse_length * v[e]; });
  return ldexp(inverse_length, -exponent);
}

__device__ inline void read_pair(const Real* pair, WideUnits& v, const WideGroup& group) {
  for_each([&](int e) { v[e] = {double(pair[group.unit(e)]), double(pair[N + group.unit(e)])}; });
}

// Whether this thread writes its units: the samples of a block all make the same, and one of them writes.
__device__ inline bool writes(const WideGroup& group) { return group.member == 0 && group.has_units(); }

// A row of the tables.
__device__ inline void write_table(const TablesArguments& to, int row, const WideUnits& x, double scale,
                                   const WideGroup& group) {
  if (!writes(group)) return;
  for_each([&](int e) {
    to.tables[row * ROW_LENGTH + packed(group.unit(e))] = {Real(scale * x[e].re), Real(scale * x[e].im)};
  });
}

__device__ inline void write_roots(const TablesArguments& to, const WideGroup& group) {
  if (writes(group)) {
    for_each([&](int e) {
      const int i = group.unit(e);
      if (i < number_of_roots<WIDE_ELEMENTS>()) to.roots[i] = root<WIDE_ELEMENTS>(i);
      if (i >= number_of_roots<ELEMENTS>()) return;
      const Wide value = root<ELEMENTS>(i);
      to.tables[ROOTS * ROW_LENGTH + i] = {Real(value.re), Real(value.im)};
    });
  }
  block_barrier();
}

__device__ inline void times(WideUnits& x, const WideUnits& factor, bool conjugated = false) {
  for_each([&](int e) { x[e] = (conjugated ? conj(factor[e]) : factor[e]) * x[e]; });
}

__device__ inline void subtract(WideUnits& x, Wide scale, const WideUnits& y) {
  for_each([&](int e) { x[e] = x[e] - scale * y[e]; });
}

__device__ inline void copy(WideUnits& to, const WideUnits& from) {
  for_each([&](int e) { to[e] = from[e]; });
}

// Where a unit's number comes from. Python has read the permutation, but a write through `.data` since then leaves
// no trace: an entry that is no unit stands for unit 0.
__device__ inline int place_of(const long long* permutation, int unit) {
  const long long entry = permutation[unit];
  return entry >= 0 && entry < N ? int(entry) : 0;
}

// NaN, and the identity in `places`, unless these are the units 0..N - 1, as far as their sum and the sum of their
// squares tell: an entry that is overwritten changes one of them. Else 0.
__device__ inline double check_places(const long long* permutation, int (&places)[WIDE_ELEMENTS],
                                      WideGroup& group) {
  Wide excess{0, 0};
  for_each([&](int e) {
    const double unit = group.unit(e), place = places[e];
    excess.re += place - unit;
    excess.im += place * place - unit * unit + (permutation[group.unit(e)] != places[e]);
  });
  sum_up(excess, group);
  if (excess.re == 0 && excess.im == 0) return 0;
  for_each([&](int e) { places[e] = group.unit(e); });
  return sqrt(-1.0);
}

__device__ inline void make_tables(const TablesArguments& a) {
  if (!must_be_made<WideGroup::THREADS>(a)) return;
  WideGroup group;
  write_roots(a, group);
  int places[WIDE_ELEMENTS];
  WideUnits D[3], v1, v2, x, y, f1, u2;
  for_each([&](int e) { places[e] = place_of(a.permutation, group.unit(e)); });
  const double wrong = check_places(a.permutation, places, group);
  for_each([&](int e) {
    const int unit = group.unit(e);
    if (writes(group)) a.places[packed(unit)] = places[e], a.biases[packed(unit)] = a.b[unit];
#pragma unroll
    for (int k = 0; k < 3; ++k) sincos(double(a.theta[k * N + unit]), &D[k][e].im, &D[k][e].re);
    D[1][e].re += wrong;
  });
  write_table(a, D1, D[0], 1 / ROOT, group);
  write_table(a, D2, D[1], 1 / ROOT, group);
  write_table(a, D3, D[2], 1, group);
  write_table(a, D3_SCALED, D[2], 1 / ROOT, group);
  read_pair(a.v, v1, group);
  read_pair(a.v + 2 * N, v2, group);
  if (a.conjugated) for_each([&](int e) { v1[e] = conj(v1[e]), v2[e] = conj(v2[e]); });
  normalise(v1, group);
  normalise(v2, group);
  write_table(a, V1, v1, 1, group);
  copy(x, v2);
  times(x, D[2]);
  write_table(a, A2, x, -2, group);

  copy(f1, v1);
  unitary_fourier<true>(f1, group, a.roots);  // F^-1 v1
  copy(x, f1);
  times(x, D[0], true);
  write_table(a, W1, x, 1, group);

  copy(u2, v2);
  unitary_fourier<false>(u2, group, a.roots);  // F v2

  copy(x, v1);
  group.exchange<16>(x, group.own(), places);
  times(x, D[1]);  // D2 Pi v1
  const Wide across = product(u2, x, group);
  unitary_fourier<true>(x, group, a.roots);
  copy(y, x);
  times(y, D[2]);
  write_table(a, A1, y, -2, group);
  subtract(x, 2.0 * across, v2);
  times(x, D[2]);
  write_table(a, K1, x, 1, group);

  copy(x, D[1]);
  group.exchange<16>(x, places, group.own());
  write_table(a, D2_PI, x, 1, group);
  copy(x, u2);
  group.exchange<16>(x, places, group.own());
  write_table(a, U2_PI, x, 1, group);

  times(u2, D[1], true);
  group.exchange<16>(u2, places, group.own());  // Pi^T D2^H u2
  const Wide along = product(v1, u2, group);
  unitary_fourier<true>(u2, group, a.roots);
  subtract(u2, 2.0 * along, f1);
  times(u2, D[0], true);
  write_table(a, K2, u2, 1, group);
}

// dL/dv from dL/d(v/|v|): what points along v does not turn it, and a long v turns less.
__device__ inline void write_direction_gradient(const Real* pair, WideUnits& gradient, Real* to,
                                                WideGroup& group) {
  WideUnits v;
  read_pair(pair, v, group);
  const double inverse_length = normalise(v, group);
  const double along = product(v, gradient, group).re;
  if (!writes(group)) return;
  for_each([&](int e) {
    const Wide across = inverse_length * (gradient[e] - along * v[e]);
    to[group.unit(e)] = Real(across.re);
    to[N + group.unit(e)] = Real(across.im);
  });
}

// What V x contributed to a unit's sum of Im(g conj(z)): Im(sum_m conj(V_m) dL/dV_m), V read as complex. Of few
// inputs it writes V's gradient too.
__device__ inline double part_of_input(const FinishArguments& a, int unit) {
  const Real *re = a.V + unit * a.inputs, *im = re + N * a.inputs;
  Real *re_gradient = a.V_gradient + unit * a.inputs, *im_gradient = re_gradient + N * a.inputs;
  double sum = 0;
  for (long long i = 0; i < a.inputs; ++i) {
    const double* const of_few = a.sums + (SUMS + 2 * i) * N + unit;
    const Wide gradient =
        a.few ? Wide{of_few[0], of_few[N]} : Wide{double(re_gradient[i]), double(im_gradient[i])};
    sum += double(re[i]) * gradient.im - double(im[i]) * gradient.re;
    if (a.few) re_gradient[i] = Real(gradient.re), im_gradient[i] = Real(gradient.im);
  }
  return sum;
}

__device__ inline void make_gradients(const FinishArguments& a) {
  WideGroup group;
  WideUnits x;
  for_each([&](int e) {
    const int unit = group.unit(e), place = place_of(a.permutation, unit);
    x[e] = {a.sums[U2_RE * N + place], a.sums[U2_IM * N + place]};
    if (!writes(group)) return;
    a.theta_gradient[unit] = Real(a.sums[THETA1 * N + unit]);
    a.theta_gradient[N + unit] = Real(a.sums[THETA2 * N + place]);
    a.theta_gradient[2 * N + unit] = Real(a.sums[THETA3 * N + unit] - part_of_input(a, unit));
    a.b_gradient[unit] = Real(a.sums[BIAS * N + unit]);
  });
  unitary_fourier<true>(x, group, a.roots);
  write_direction_gradient(a.v + 2 * N, x, a.v_gradient + 2 * N, group);
  for_each([&](int e) { x[e] = {a.sums[V1_RE * N + group.unit(e)], a.sums[V1_IM * N + group.unit(e)]}; });
  write_direction_gradient(a.v, x, a.v_gradient, group);
}

}  // namespace
