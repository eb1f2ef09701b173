// The backward pass over some time steps of a block's samples, from the states alone. With g = dL/dz of a step,
// h the state before it, p = F D1 h and q = R1 p:
//
//   r = conj(D2) R2' F conj(D3) g   in the order before Pi,     R2' = I - 2 u2 u2^H,  u2 = F v2
//   dL/dh = conj(D1) F^-1 r - 2 W1 (K1^H g)
//
// The four sums that it needs, W1^H h, K2^H h, v2^H conj(D3) g and K1^H g, depend on h and g alone and ride on the
// transforms' barriers. A thread adds up its units' parts of the parameters' gradients in registers.
#pragma once

#include "forward.h"

namespace {

using BackwardTables =
    TableReader<(ELEMENTS < 8), HELD_BACKWARD, ROOTS, D1, W1, K2, A2, V1, K1, D2_PI, U2_PI, D3_SCALED>;

// Rows of a thread's sums over time that are in shared memory, with a real number for each unit: none, those of
// the gradients of theta and b, or all. The butterflies of other radices than 2, 4 and 8 leave too few registers
// beside the sums of eight units or more.
constexpr int SHARED_SUMS = URNN_SHARED_SUMS;
constexpr int SUMS_AT = Sample::BYTES + BackwardTables::BYTES;
constexpr int BEFORE_PAST = SUMS_AT + SHARED_SUMS * ELEMENTS * Sample::THREADS * int(sizeof(Real));

// A sum over time for each of this thread's units, in that row or, of complex numbers, in that one and the next.
template <typename T, int ROW>
class SumsOverTime {
 public:
  __device__ __forceinline__ SumsOverTime() {
#pragma unroll
    for (int e = 0; e < ELEMENTS; ++e) set(e, T{});
  }
  __device__ __forceinline__ void set(int e, T value) {
    if constexpr (IN_SHARED_MEMORY) kept_.store(place(e), value);
    else held_[e] = value;
  }
  __device__ __forceinline__ void add(int e, T value) { set(e, (*this)[e] + value); }
  __device__ __forceinline__ T operator[](int e) const {
    if constexpr (IN_SHARED_MEMORY) return kept_.load(place(e));
    else return held_[e];
  }

 private:
  static constexpr bool IN_SHARED_MEMORY = ROW < SHARED_SUMS;
  static constexpr int BEFORE = ROW * ELEMENTS * Sample::THREADS * int(sizeof(Real));  // bytes

  static __device__ __forceinline__ int place(int e) {  // nobody else's, so it needs no barrier
    return e * Sample::THREADS + thread_index();
  }

  T held_[IN_SHARED_MEMORY ? 1 : ELEMENTS] = {};
  const Shared<T> kept_ = shared_at<T>(SUMS_AT + BEFORE);
};

// Sums over time of what this thread's units add to the parameters' gradients.
struct Gradients {
  SumsOverTime<Real, 0> theta1;
  SumsOverTime<Real, 1> theta2;
  SumsOverTime<Real, 2> theta3;
  SumsOverTime<Real, 3> bias;
  SumsOverTime<Complex<Real>, 4> v1;
  SumsOverTime<Complex<Real>, 6> u2;
  Units V[FEW] = {};  // of few inputs
};

// Adds what the block's samples have summed up to the block's row of `sums`, in a fixed order. That `sums` begins
// at zero costs a launch; a flag for it costs registers that the loop over time needs.
template <typename Value>
__device__ __forceinline__ void add_up(double* sums, int row, const Sample& group, Value value_of) {
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) {
    Real value = value_of(e);
#pragma unroll
    for (int bits = Sample::SPAN; bits < WARP; bits *= 2) value += shuffled(value, bits);
    if (group.member == 0 && group.has_units()) sums[row * N + group.unit(e)] += value;
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
__device__ __forceinline__ void add_up_V(double* sums, const Gradients& gradients, const Sample& group) {
#pragma unroll
  for (int i = 0; i < FEW; ++i) {
    add_up(sums, SUMS + 2 * i, group, [&](int e) { return gradients.V[i][e].re; });
    add_up(sums, SUMS + 2 * i + 1, group, [&](int e) { return gradients.V[i][e].im; });
  }
}

// The four sums of a step, each with the factor -2 of its reflection: u2^H F conj(D3) g, v1^H r, v1^H p, u2^H D2
// Pi q.
enum Product { ALONG, ACROSS, FIRST, SECOND, PRODUCTS };

// p = F D1 h and g, the gradient of R2' D2 Pi q in the order before Pi, make g the gradient of p without what R1
// takes from it, which is ACROSS v1. Of v -> (I - 2 v v^H) y the gradient is -2 (conj(v^H y) g + conj(v^H g) y), g
// that of the result.
__device__ __forceinline__ void undo_middle(const BackwardTables& tables, const Units& p, Units& g,
                                            const Complex<Real> (&products)[PRODUCTS], Gradients& sums) {
  const Complex<Real> along = products[ALONG], across = products[ACROSS], first = products[FIRST];
  Units d2, u2, v1;
  tables.read<D2_PI>(d2);
  tables.read<U2_PI>(u2);
  tables.read<V1>(v1);
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) {
    const Complex<Real> y = d2[e] * plus(p[e], first, v1[e]);
    sums.u2.set(e, plus(plus(sums.u2[e], conj(along), y), conj(products[SECOND]), g[e]));
    g[e] = plus(g[e], along, u2[e]);
    sums.theta2.add(e, cross(g[e], y));
    g[e] = conj(d2[e]) * g[e];
    sums.v1.set(e, plus(plus(sums.v1[e], conj(first), g[e]), conj(across), p[e]));
  }
}

// What the steps read of one sample: the states, the gradients of a loss that reads them, and WITH_INPUTS the
// inputs, of which there are few. Where a step is short and shared memory has room for the rows, their copies
// begin two steps ahead; a long step waits for less than the rows would cost it. Those of inputs always do.
template <bool WITH_INPUTS>
class Past {
  static constexpr bool AHEAD = COPYABLE && ELEMENTS < 8 && N * sizeof(Stored) <= 4096;
  static constexpr int STATE = 0, GRADIENT = 1;
  using Rows = RowsAhead<BEFORE_PAST, 2, 2>;
  static constexpr int ROW_BYTES = AHEAD ? Rows::BYTES : 0;
  using Ahead = InputsAhead<BEFORE_PAST + ROW_BYTES, 2>;

 public:
  static constexpr int BYTES = ROW_BYTES + (WITH_INPUTS ? Ahead::BYTES : 0);
  Units h, more = {};  // of the step at hand: its state, and dL/dh by what is not a later step

  // All threads of the block together.
  __device__ __forceinline__ Past(const BackwardArguments& a, long long sample, Sample& group)
      : a_(a), step_(a.batch * (2 * N)), start_(sample * (2 * N)), lane_(group.lane),
        first_(a.h_0 + sample * a.h_0_stride), within_(sample < a.batch && group.has_units()),
        rows_(sample < a.batch, group), inputs_(a.few, a.inputs, a.batch, sample, group) {
    read_state(a.end - 1, h);
    if (AHEAD || WITH_INPUTS) {
      fetch(a.end - 1);
      fetch(a.end - 2);
      wait_for_copies<1>();
      group.barrier();
    }
    if (!AHEAD) read_gradient(a.end - 1);
  }

  // At the beginning of step t: what it adds to the gradient.
  __device__ __forceinline__ void begin_step(long long t) {
    if (AHEAD && a_.states_gradient) rows_.read(stage(t), GRADIENT, more);
  }
  __device__ __forceinline__ void read_inputs(long long t, Real (&x)[FEW]) const { inputs_.read(stage(t), x); }
  // From step t's to the state before it; what step t read is needed no more.
  __device__ __forceinline__ void step_back(long long t) {
    if (AHEAD && t > 0) rows_.read(stage(t), STATE, h);
    else read_state(t - 1, h);
  }
  // Between two barriers of step t.
  __device__ __forceinline__ void arrive(long long t) {
    if (!AHEAD && !WITH_INPUTS) return;
    fetch(t - 2);
    wait_for_copies<1>();
  }
  // The state after step t, or before the first.
  __device__ __forceinline__ void read_state(long long t, Units& x) const {
    read_pair(state(t) + lane_, x, within_);
  }
  // Once there is room for it, the gradient that step t - 1 adds to.
  __device__ __forceinline__ void finish_step(long long t) {
    if (!AHEAD) read_gradient(t - 1);
  }

 private:
  static __device__ __forceinline__ int stage(long long t) { return int(t & 1); }
  __device__ __forceinline__ const Stored* state(long long t) const {
    return t >= 0 ? a_.states + t * step_ + start_ : first_;
  }
  // What step t reads. h_0 may begin anywhere, so it does not come this way.
  __device__ __forceinline__ void fetch(long long t) const {
    if (t >= a_.begin) {
      if (AHEAD && t > 0) rows_.fetch(stage(t), STATE, state(t - 1));
      if (AHEAD && a_.states_gradient) rows_.fetch(stage(t), GRADIENT, a_.states_gradient + t * step_ + start_);
      if (WITH_INPUTS) inputs_.fetch(stage(t), t);
    }
    end_copies();
  }
  __device__ __forceinline__ void read_gradient(long long t) {
    if (a_.states_gradient && t >= a_.begin)
      read_pair(a_.states_gradient + t * step_ + start_ + lane_, more, within_);
  }

  const BackwardArguments& a_;
  const long long step_, start_;
  const int lane_;
  const Stored* const first_;
  const bool within_;
  const Rows rows_;
  const Ahead inputs_;
};

constexpr int BACKWARD_BYTES = BEFORE_PAST + Past<false>::BYTES;  // of shared memory
constexpr int BACKWARD_FEW_BYTES = BEFORE_PAST + Past<true>::BYTES;

// g = dL/dh of a state becomes dL/dz; `z` is the state's own where h does not tell it.
__device__ __forceinline__ void undo_modrelu(const BackwardTables& tables, const Units& h, Units& g, Real epsilon,
                                             Gradients& sums, const Units* z) {
  Real b[ELEMENTS];
  tables.read_biases(b);
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) {
    Real bias = sums.bias[e], theta3 = sums.theta3[e];
    if (z && is_unsure(h[e], b[e])) through_modrelu_at((*z)[e], h[e], b[e], epsilon, g[e], bias, theta3);
    else through_modrelu(h[e], b[e], epsilon, g[e], bias, theta3);
    sums.bias.set(e, bias);
    sums.theta3.set(e, theta3);
  }
}

// Whether z must be computed again for any of this thread's units.
__device__ __forceinline__ bool any_unsure(const BackwardTables& tables, const Units& h) {
  Real b[ELEMENTS];
  tables.read_biases(b);
  bool unsure = false;
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) unsure = unsure || is_unsure(h[e], b[e]);
  return unsure;
}

// V x of a step, worked out anew: `x` are the sample's inputs.
template <typename T>
struct GivenInputs {
  const BackwardArguments& a;
  const Sample& group;
  const T* x;
  bool within;

  __device__ __forceinline__ void arrive() const {}
  __device__ __forceinline__ void read(Units& Vx) const { multiply_input(a.V, a.inputs, x, within, group, Vx); }
};

// z = W h + V x of step t, all threads of the block together.
template <typename Past, typename T>
__device__ __forceinline__ void find_z(const BackwardArguments& a, const BackwardTables& tables, const Past& past,
                                       const T* x, long long sample, long long t, Units& z, Sample& group) {
  GivenInputs<T> inputs{a, group, x + (t * a.batch + sample) * a.inputs, sample < a.batch};
  past.read_state(t - 1, z);
  multiply(tables, z, inputs, group);
}

// g = dL/dz of a step becomes dL/dh of the step before, whose state is h. Returns whether a unit of that state, in
// any of the block's threads, is unsure.
template <typename Past>
__device__ __forceinline__ bool undo_product(const BackwardTables& tables, const Units& h, Units& g, Sample& group,
                                             Gradients& sums, Past& past, long long t) {
  Complex<Real> products[PRODUCTS];
  products[ALONG] = part_of_product<A2>(tables, g);
  products[ACROSS] = Real(-2) * part_of_product<K1>(tables, g);
  scale<true, D3_SCALED>(tables, g);
  fourier<false>(g, group, tables.roots());
  past.arrive(t);

  products[FIRST] = Real(-2) * part_of_product<W1>(tables, h);
  products[SECOND] = Real(-2) * part_of_product<K2>(tables, h);
  group.begin_sums(products);
  Units p;
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) p[e] = h[e];
  scale<false, D1>(tables, p);
  int places[ELEMENTS];
  tables.read_places(places);
  const bool unsure = group.exchange<16>(g, places, group.own(), any_unsure(tables, h));
  group.end_sums(products);
  fourier<false>(p, group, tables.roots());
  undo_middle(tables, p, g, products, sums);

  past.finish_step(t);
  fourier<true>(g, group, tables.roots());
  scale<true, D1>(tables, g);
  add<W1>(tables, products[ACROSS], g);
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) sums.theta1.add(e, cross(g[e], h[e]));
  return unsure;
}

// WITH_V adds up the gradient of V, which has few columns, and so leaves no dL/dz.
template <bool WITH_V>
__device__ __forceinline__ void run_backward(const BackwardArguments& a) {
  Sample group;
  const long long sample = block_index() * Sample::SAMPLES + group.member, step = a.batch * (2 * N);
  const long long start = sample * (2 * N) + group.lane;
  const bool within = sample < a.batch && group.has_units();
  BackwardTables tables(a.tables, a.biases, a.places, group);
  Gradients sums;
  Past<WITH_V> past(a, sample, group);
  Units g;
  read_pair(a.later + start, g, within && a.later);
  bool unsure = group.barrier_any(any_unsure(tables, past.h));
  for (long long t = a.end - 1; t >= a.begin; --t) {
    tables.next_step();
    past.begin_step(t);
#pragma unroll
    for (int e = 0; e < ELEMENTS; ++e) g[e] = g[e] + past.more[e];
    if (unsure) {
      Units z;
      if constexpr (WITH_V) find_z(a, tables, past, a.few, sample, t, z, group);
      else find_z(a, tables, past, a.x, sample, t, z, group);
      undo_modrelu(tables, past.h, g, Real(a.epsilon), sums, &z);
    } else {
      undo_modrelu(tables, past.h, g, Real(a.epsilon), sums, nullptr);
    }
    if constexpr (WITH_V) {
      Real x[FEW];
      past.read_inputs(t, x);
#pragma unroll
      for (int i = 0; i < FEW; ++i) {
#pragma unroll
        for (int e = 0; e < ELEMENTS; ++e)
          sums.V[i][e] = {sums.V[i][e].re + x[i] * g[e].re, sums.V[i][e].im + x[i] * g[e].im};
      }
    } else {
      write_pair(a.z_gradient + (t - a.begin) * step + start, g, within);
    }
    past.step_back(t);
    unsure = undo_product(tables, past.h, g, group, sums, past, t);
  }
  write_pair(a.carry + start, g, within);
  double* const to = a.sums + block_index() * ((WITH_V ? SUMS_OF_FEW : SUMS) * N);
  add_up(to, sums, group);
  if constexpr (WITH_V) add_up_V(to, sums, group);
}

}  // namespace
