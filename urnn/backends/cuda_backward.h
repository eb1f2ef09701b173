// The way back over some time steps of a block's samples, from the states alone. With g = dL/dz of a step,
// h the state before it, p = F D1 h and q = R1 p:
//
//   r = conj(D2) R2' F conj(D3) g   in the order before Pi,     R2' = I - 2 u2 u2^H,  u2 = F v2
//   dL/dh = conj(D1) F^-1 r - 2 W1 (K1^H g)
//
// The four sums that it needs, W1^H h, K2^H h, v2^H conj(D3) g and K1^H g, depend on h and g alone and ride on the
// transforms' barriers. A thread adds up its units' parts of the parameters' gradients in registers.
#pragma once

#include "cuda_forward.h"

namespace {

// Sums over time of what this thread's units add to the parameters' gradients.
struct Gradients {
  Real theta1[ELEMENTS] = {}, theta2[ELEMENTS] = {}, theta3[ELEMENTS] = {}, bias[ELEMENTS] = {};
  Units v1 = {}, u2 = {};
};

// Adds what the block's samples have summed up to the block's row of `sums`, in a fixed order.
template <typename Value>
__device__ __forceinline__ void add_up(double* sums, Sum row, const Sample& group, Value value_of) {
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) {
    Real value = value_of(e);
#pragma unroll
    for (int bits = Sample::LANES; bits < WARP; bits *= 2) value += shuffled(value, bits);
    if (group.member == 0) sums[row * N + group.unit(e)] += value;
  }
}

__device__ __forceinline__ void add_up(double* sums, const Gradients& gradients, const Sample& group) {
  add_up(sums, THETA1, group, [&](int e) { return gradients.theta1[e]; });
  add_up(sums, THETA2, group, [&](int e) { return gradients.theta2[e]; });
  add_up(sums, THETA3, group, [&](int e) { return gradients.theta3[e]; });
  add_up(sums, BIAS, group, [&](int e) { return gradients.bias[e]; });
  add_up(sums, V1_RE, group, [&](int e) { return gradients.v1[e].re; });
  add_up(sums, V1_IM, group, [&](int e) { return gradients.v1[e].im; });
  add_up(sums, U2_RE, group, [&](int e) { return gradients.u2[e].re; });
  add_up(sums, U2_IM, group, [&](int e) { return gradients.u2[e].im; });
}

// The four sums of a step, each with the factor -2 of its reflection: u2^H F conj(D3) g, v1^H r, v1^H p, u2^H D2 Pi q.
enum Product { ALONG, ACROSS, FIRST, SECOND, PRODUCTS };

// p = F D1 h and g, the gradient of R2' D2 Pi q in the order before Pi, make g the gradient of p without what R1 takes
// from it, which is ACROSS v1. Of v -> (I - 2 v v^H) y the gradient is -2 (conj(v^H y) g + conj(v^H g) y), g that of
// the result.
__device__ __forceinline__ void undo_middle(
    const Tables& tables, const Units& p, Units& g, const Complex<Real> (&products)[PRODUCTS], Gradients& sums) {
  const Complex<Real> along = products[ALONG], across = products[ACROSS], first = products[FIRST];
  Units d2, u2, v1;
  tables.read(D2_PI, d2);
  tables.read(U2_PI, u2);
  tables.read(V1, v1);
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) {
    const Complex<Real> y = d2[e] * plus(p[e], first, v1[e]);
    sums.u2[e] = plus(plus(sums.u2[e], conj(along), y), conj(products[SECOND]), g[e]);
    g[e] = plus(g[e], along, u2[e]);
    sums.theta2[e] += cross(g[e], y);
    g[e] = conj(d2[e]) * g[e];
    sums.v1[e] = plus(plus(sums.v1[e], conj(first), g[e]), conj(across), p[e]);
  }
}

__device__ __forceinline__ void run_backward(const BackwardArguments& a) {
  Sample group;
  const long long sample = block_index() * Sample::SAMPLES + group.member, step = a.batch * (2 * N);
  const long long start = sample * (2 * N) + group.lane;
  const bool within = sample < a.batch;
  Tables tables(a.tables, a.biases, a.places, group);
  const Real epsilon = Real(a.epsilon);
  Gradients sums;
  Units h, g, p, more = {};
  read_pair(a.carry + start, g, within);
  read_pair(a.states + (a.end - 1) * step + start, h, within);
  if (a.states_gradient) read_pair(a.states_gradient + (a.end - 1) * step + start, more, within);
  for (long long t = a.end - 1; t >= a.begin; --t) {
    tables.next_step();
    Real b[ELEMENTS];
    tables.read_biases(b);
#pragma unroll
    for (int e = 0; e < ELEMENTS; ++e) {
      g[e] = g[e] + more[e];
      through_modrelu(h[e], b[e], epsilon, g[e], sums.bias[e], sums.theta3[e]);
    }
    write_pair(a.z_gradient + (t - a.begin) * step + start, g, within);
    read_pair(t > 0 ? a.states + (t - 1) * step + start : a.h_0 + sample * a.h_0_stride + group.lane, h, within);
    Complex<Real> products[PRODUCTS];
    products[ALONG] = part_of_product(tables, A2, g);
    products[ACROSS] = Real(-2) * part_of_product(tables, K1, g);
    Units d3;
    tables.read(D3_SCALED, d3);
#pragma unroll
    for (int e = 0; e < ELEMENTS; ++e) g[e] = conj(d3[e]) * g[e];
    fourier<false>(g, group, tables.roots());

    products[FIRST] = Real(-2) * part_of_product(tables, W1, h);
    products[SECOND] = Real(-2) * part_of_product(tables, K2, h);
    group.begin_sums(products);
#pragma unroll
    for (int e = 0; e < ELEMENTS; ++e) p[e] = h[e];
    scale(tables, D1, p);
    int places[ELEMENTS];
    tables.read_places(places);
    group.exchange<16>(g, places, group.own());
    group.end_sums(products);
    fourier<false>(p, group, tables.roots());
    undo_middle(tables, p, g, products, sums);

    if (a.states_gradient && t > a.begin) read_pair(a.states_gradient + (t - 1) * step + start, more, within);
    fourier<true>(g, group, tables.roots());
    Units d1, w1;
    tables.read(D1, d1);
    tables.read(W1, w1);
#pragma unroll
    for (int e = 0; e < ELEMENTS; ++e) {
      const Complex<Real> zero{0, 0};
      g[e] = plus(plus(zero, products[ACROSS], w1[e]), conj(d1[e]), g[e]);
      sums.theta1[e] += cross(g[e], h[e]);
    }
  }
  write_pair(a.carry + start, g, within);
  add_up(a.sums + block_index() * (SUMS * N), sums, group);
}

}  // namespace
