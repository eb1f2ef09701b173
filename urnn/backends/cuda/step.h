// One step of a stream, state and output in the caller's formats, so that a call is this launch and little more:
// few inputs are multiplied by V here, and the state may be complex numbers or a pair.
#pragma once

#include "forward.h"

namespace {

__device__ __forceinline__ void read_state(const StepArguments& a, long long sample, const Sample& group,
                                           Units& h) {
  const Real* first = a.h + sample * a.h_sample;
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) {
    const Real* at = first + group.unit(e) * a.h_unit;
    h[e].re = sample < a.batch ? at[0] : 0;
    h[e].im = sample < a.batch ? at[a.h_imaginary] : 0;
  }
}

// V x of the step: few inputs are multiplied here, more before.
struct StepInputs {
  const StepArguments& a;
  const Sample& group;
  long long sample;

  __device__ __forceinline__ void arrive() const {}
  __device__ __forceinline__ void read(Units& Vx) const {
    const bool within = sample < a.batch;
    if (a.x) multiply_input(a.V, a.inputs, a.x + sample * a.inputs, within, group, Vx);
    else read_pair(a.states + sample * (2 * N) + group.lane, Vx, within);
  }
};

__device__ __forceinline__ void run_step(const StepArguments& a) {
  Sample group;
  const long long sample = block_index() * Sample::SAMPLES + group.member;
  const bool within = sample < a.batch && group.has_units();
  const TableReader<false, 0> tables(a.tables, a.biases, a.places, group);
  StepInputs inputs{a, group, sample};
  Real* pair = a.states + sample * (2 * N) + group.lane;
  Units h;
  read_state(a, sample, group, h);
  multiply(tables, h, inputs, group);
  Real b[ELEMENTS];
  tables.read_biases(b);
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) h[e] = modrelu(h[e], b[e], Real(a.epsilon));
  write_pair(pair, h, within);
  if (!within || !a.last) return;
#pragma unroll
  for (int e = 0; e < ELEMENTS; ++e) a.last[sample * N + group.unit(e)] = h[e];
}

}  // namespace
