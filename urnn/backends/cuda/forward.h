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
#include "table_reader.h"

namespace {

// The units of one sample's pair [Re; Im], from the first of this thread's on; those of a sample past the batch,
// or of a thread without units, are 0 and are not written.
template <typename T>
__device__ __forceinline__ void read_pair(const T* pair, Units& x, bool within) {
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) {
    x[e].re = within ? real_of(pair[e * Sample::LANES]) : 0;
    x[e].im = within ? real_of(pair[e * Sample::LANES + N]) : 0;
  }
}
template <typename T>
__device__ __forceinline__ void write_pair(T* pair, const Units& x, bool within) {
  if (!within) return;
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) {
    store(x[e].re, pair[e * Sample::LANES]);
    store(x[e].im, pair[e * Sample::LANES + N]);
  }
}

// V x of this thread's units, from one sample's inputs.
template <typename T>
__device__ __forceinline__ void multiply_input(const Real* V, long long inputs, const T* x, bool within,
                                               const Sample& group, Units& Vx) {
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) {
    const Real *re = V + group.unit(e) * inputs, *im = re + N * inputs;
    Vx[e] = {0, 0};
    for (long long i = 0; within && i < inputs; ++i) {
      const Real x_i = real_of(x[i]);
      Vx[e] = {Vx[e].re + re[i] * x_i, Vx[e].im + im[i] * x_i};
    }
  }
}

// x = row x, or the row's conjugate times x
template <bool CONJUGATED, Row ROW, typename Tables>
__device__ __forceinline__ void scale(const Tables& tables, Units& x) {
  Units factor;
  tables.template read<ROW>(factor);
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) x[e] = (CONJUGATED ? conj(factor[e]) : factor[e]) * x[e];
}

// This thread's part of row^H x.
template <Row ROW, typename Tables>
__device__ __forceinline__ Complex<Real> part_of_product(const Tables& tables, const Units& x) {
  Units y;
  tables.template read<ROW>(y);
  Complex<Real> sum{0, 0};
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) sum = plus(sum, conj(y[e]), x[e]);
  return sum;
}

// x = x + scale row
template <Row ROW, typename Tables>
__device__ __forceinline__ void add(const Tables& tables, Complex<Real> scale, Units& x) {
  Units y;
  tables.template read<ROW>(y);
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) x[e] = plus(x[e], scale, y[e]);
}

// h = V x + W h. `inputs` has V x: `arrive` is called between two barriers that lie before and behind it, `read`
// after both.
template <typename Tables, typename Inputs>
__device__ __forceinline__ void multiply(const Tables& tables, Units& h, Inputs& inputs, Sample& group) {
  Complex<Real> products[] = {part_of_product<W1>(tables, h), part_of_product<K2>(tables, h)};
  group.begin_sums(products);
  scale<false, D1>(tables, h);
  fourier<false>(h, group, tables.roots());
  inputs.arrive();
  int places[ELEMENTS];
  tables.read_places(places);
  group.exchange<16>(h, group.own(), places);
  group.end_sums(products);
  scale<false, D2>(tables, h);
  fourier<true>(h, group, tables.roots());
  Units z, d3;
  inputs.read(z);
  add<A1>(tables, products[0], z);
  add<A2>(tables, products[1], z);
  tables.template read<D3>(d3);
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) h[e] = plus(z[e], d3[e], h[e]);
}

using ForwardTables = TableReader<true, HELD_FORWARD, ROOTS, D1, D2, D3, W1, K2, A1, A2>;

// V x of one sample, step after step. Where shared memory has room for its rows, the copies of one begin AHEAD
// steps before it is needed.
class ComingInputs {
  static constexpr bool COPIED = COPYABLE && N * sizeof(Stored) <= 8192;
  static constexpr int AHEAD = N < 256 ? 2 : 1, STAGES = AHEAD + 1;
  using Rows = RowsAhead<Sample::BYTES + ForwardTables::BYTES, 1, STAGES>;

 public:
  static constexpr int BYTES = COPIED ? Rows::BYTES : 0;

  __device__ __forceinline__ ComingInputs(const ForwardArguments& a, long long sample, const Sample& group)
      : rows_(sample < a.batch, group), next_(a.states + sample * (2 * N)), apart_(a.batch * (2 * N)),
        left_(a.steps), within_(sample < a.batch), lane_(group.lane) {
#pragma unroll
    for (int step = 0; COPIED && step < AHEAD; ++step) fetch();
  }
  __device__ __forceinline__ void arrive() {
    if (!COPIED) return;
    fetch();
    wait_for_copies<AHEAD>();
  }
  __device__ __forceinline__ void read(Units& Vx) {
    if (COPIED) {
      rows_.read(reading_, 0, Vx);
      reading_ = following(reading_);
    } else {
      read_pair(next_ + lane_, Vx, within_);
      next_ += apart_;
    }
  }

 private:
  static __device__ __forceinline__ int following(int stage) { return stage + 1 < STAGES ? stage + 1 : 0; }
  __device__ __forceinline__ void fetch() {
    if (left_ > 0) rows_.fetch(fetching_, 0, next_);
    end_copies();
    fetching_ = following(fetching_), next_ += apart_, --left_;
  }

  const Rows rows_;
  const Stored* next_;
  const long long apart_;
  long long left_;
  const bool within_;
  const int lane_;
  int fetching_ = 0, reading_ = 0;
};

// V x of one sample that has few inputs, multiplied here: no product of all steps is written and read again. The
// copies of a step's inputs begin AHEAD steps before they are needed.
class FewInputs {
  static constexpr int AHEAD = 3, STAGES = AHEAD + 1;
  // A thread of a larger block has no registers for its rows of V.
  static constexpr bool HELD = Sample::THREADS <= 256;
  using Ahead = InputsAhead<Sample::BYTES + ForwardTables::BYTES, STAGES>;

 public:
  static constexpr int BYTES = Ahead::BYTES;

  __device__ __forceinline__ FewInputs(const ForwardArguments& a, long long sample, const Sample& group)
      : ahead_(a.x, a.inputs, a.batch, sample, group), V_(a.V), inputs_(int(a.inputs)), lane_(group.lane),
        steps_(a.steps) {
    if (HELD) read_V(held_);
#pragma unroll
    for (int step = 0; step < AHEAD; ++step) fetch();
  }
  __device__ __forceinline__ void arrive() {
    fetch();
    wait_for_copies<AHEAD>();
  }
  __device__ __forceinline__ void read(Units& Vx) {
    Units V[FEW];
    if (!HELD) V_ = hidden(V_), read_V(V);
    Real x[FEW];
    ahead_.read(int(fetched_ - AHEAD - 1) % STAGES, x);
#pragma unroll
    for (int e = 0; e < ELEMENTS; ++e) {
      Vx[e] = x[0] * (HELD ? held_ : V)[0][e];
#pragma unroll
      for (int i = 1; i < FEW; ++i) {
        const Complex<Real> column = (HELD ? held_ : V)[i][e];
        Vx[e] = {Vx[e].re + column.re * x[i], Vx[e].im + column.im * x[i]};
      }
    }
  }

 private:
  __device__ __forceinline__ void fetch() {
    if (fetched_ < steps_) ahead_.fetch(int(fetched_) % STAGES, fetched_);
    end_copies();
    ++fetched_;
  }
  __device__ __forceinline__ void read_V(Units (&V)[FEW]) const {
#pragma unroll
    for (int i = 0; i < FEW; ++i) {
#pragma unroll
      for (int e = 0; e < ELEMENTS; ++e) {
        const Real* at = V_ + (lane_ + e * Sample::LANES) * inputs_ + i;
        V[i][e] = {i < inputs_ ? constant(at) : 0, i < inputs_ ? constant(at + N * inputs_) : 0};
      }
    }
  }

  const Ahead ahead_;
  const Real* V_;
  const int inputs_, lane_;
  const long long steps_;
  long long fetched_ = 0;
  Units held_[FEW];
};

constexpr int BEFORE_INPUTS = Sample::BYTES + ForwardTables::BYTES;  // of shared memory
constexpr int FORWARD_BYTES = BEFORE_INPUTS + ComingInputs::BYTES;
constexpr int FORWARD_FEW_BYTES = BEFORE_INPUTS + FewInputs::BYTES;

template <typename Inputs>
__device__ __forceinline__ void run_forward(const ForwardArguments& a) {
  Sample group;
  const long long sample = block_index() * Sample::SAMPLES + group.member;
  const bool within = sample < a.batch && group.has_units();
  Stored* const first = a.states + sample * (2 * N);
  Inputs inputs(a, sample, group);
  ForwardTables tables(a.tables, a.biases, a.places, group);
  const Real epsilon = Real(a.epsilon);
  Units h;
  read_pair(a.h_0 + sample * a.h_0_stride + group.lane, h, within);
  Stored* pair = first + group.lane;
  for (long long t = 0; t < a.steps; ++t, pair += a.batch * (2 * N)) {
    tables.next_step();
    multiply(tables, h, inputs, group);
    Real b[ELEMENTS];
    tables.read_biases(b);
#pragma unroll
    for (int e = 0; e < ELEMENTS; ++e) h[e] = modrelu(h[e], b[e], epsilon);
    write_pair(pair, h, within);
  }
  write_pair(a.last + sample * (2 * N) + group.lane, h, within);
}

}  // namespace
