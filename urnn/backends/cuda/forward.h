// All time steps of a block's samples, the state in registers:
//
//   z_t = D3 F^-1 D2 Pi F D1 h + A1 (W1^H h) + A2 (K2^H h) + V x_t,   h = h_{t-1}
//
// with both reflections in the last two products, whose sums ride on the transform's barriers.
#pragma once

#include "arguments.h"
#include "fourier.h"
#include "modrelu.h"
#include "rows_ahead.h"

namespace {

// The units of one sample's pair [Re; Im], from the first of this thread's on; those of a sample past the batch
// are 0 and are not written.
__device__ __forceinline__ void read_pair(const Real* pair, Units& x, bool within) {
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) {
    x[e].re = within ? pair[e * Sample::LANES] : 0;
    x[e].im = within ? pair[e * Sample::LANES + N] : 0;
  }
}
__device__ __forceinline__ void write_pair(Real* pair, const Units& x, bool within) {
  if (!within) return;
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) {
    pair[e * Sample::LANES] = x[e].re;
    pair[e * Sample::LANES + N] = x[e].im;
  }
}

// What every step reads of the parameters, from cache: in registers there is no room for it.
class Tables {
 public:
  __device__ __forceinline__ Tables(const Complex<Real>* tables, const Real* biases, const int* places,
                                    const Sample& sample)
      : roots_(tables + ROOTS * N), rows_(tables + 2 * sample.lane), biases_(biases + 2 * sample.lane),
        places_(places + 2 * sample.lane) {}
  __device__ __forceinline__ void next_step() {
    roots_ = hidden(roots_), rows_ = hidden(rows_), biases_ = hidden(biases_), places_ = hidden(places_);
  }
  __device__ __forceinline__ ConstantRoots<Real> roots() const { return {roots_}; }
  __device__ __forceinline__ void read(Row row, Units& x) const { read_packed(rows_, row * N, x); }
  __device__ __forceinline__ void read_biases(Real (&b)[ELEMENTS]) const { read_packed(biases_, 0, b); }
  __device__ __forceinline__ void read_places(int (&places)[ELEMENTS]) const { read_packed(places_, 0, places); }

 private:
  const Complex<Real>*roots_, *rows_;
  const Real* biases_;
  const int* places_;
};

// x = row x, or the row's conjugate times x
template <bool CONJUGATED>
__device__ __forceinline__ void scale(const Tables& tables, Row row, Units& x) {
  Units factor;
  tables.read(row, factor);
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) x[e] = (CONJUGATED ? conj(factor[e]) : factor[e]) * x[e];
}

// This thread's part of row^H x.
__device__ __forceinline__ Complex<Real> part_of_product(const Tables& tables, Row row, const Units& x) {
  Units y;
  tables.read(row, y);
  Complex<Real> sum{0, 0};
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) sum = plus(sum, conj(y[e]), x[e]);
  return sum;
}

// x = x + scale row
__device__ __forceinline__ void add(const Tables& tables, Row row, Complex<Real> scale, Units& x) {
  Units y;
  tables.read(row, y);
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) x[e] = plus(x[e], scale, y[e]);
}

// h = V x + W h; `inputs` reads V x, where the registers that W needs are free again.
template <typename Inputs>
__device__ __forceinline__ void multiply(const Tables& tables, Units& h, Inputs inputs, Sample& group) {
  Complex<Real> products[] = {part_of_product(tables, W1, h), part_of_product(tables, K2, h)};
  group.begin_sums(products);
  scale<false>(tables, D1, h);
  fourier<false>(h, group, tables.roots());
  int places[ELEMENTS];
  tables.read_places(places);
  group.exchange<16>(h, group.own(), places);
  group.end_sums(products);
  scale<false>(tables, D2, h);
  fourier<true>(h, group, tables.roots());
  Units z;
  inputs(z);
  add(tables, A1, products[0], z);
  add(tables, A2, products[1], z);
  Units d3;
  tables.read(D3, d3);
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) h[e] = plus(z[e], d3[e], h[e]);
}

__device__ __forceinline__ void run_forward(const ForwardArguments& a) {
  Sample group;
  const long long sample = block_index() * Sample::SAMPLES + group.member;
  const bool within = sample < a.batch;
  Tables tables(a.tables, a.biases, a.places, group);
  const Real epsilon = Real(a.epsilon);
  Units h;
  read_pair(a.h_0 + sample * a.h_0_stride + group.lane, h, within);
  Real* const first = a.states + sample * (2 * N);
  RowsAhead inputs(first, a.batch * (2 * N), a.steps, within, group);
  Real* pair = first + group.lane;
  for (long long t = 0; t < a.steps; ++t, pair += a.batch * (2 * N)) {
    tables.next_step();
    inputs.begin_step();
    multiply(tables, h, [&](Units& Vx) { inputs.read(Vx); }, group);
    Real b[ELEMENTS];
    tables.read_biases(b);
#pragma unroll
    for (int e = 0; e < ELEMENTS; ++e) h[e] = modrelu(h[e], b[e], epsilon);
    write_pair(pair, h, within);
  }
  write_pair(a.last + sample * (2 * N) + group.lane, h, within);
}

}  // namespace
