// The threads that share a sample: which units each holds, and how they change places and add up over all of them.
#pragma once

#include "cuda_complex.h"

namespace {

// Units first, first + STRIDE, first + 2 STRIDE, ..., one a thread's element. Both addends have no bit in common.
template <int STRIDE>
struct Every {
  unsigned first;
};

template <typename T, int E>
class Group {
 public:
  using Units = Complex<T>[E];
  static constexpr int ELEMENTS = E;                               // units of one thread
  static constexpr int LANES = N / E;                              // threads of a sample
  static constexpr int SAMPLES = LANES < WARP ? WARP / LANES : 1;  // samples of a block
  static constexpr int THREADS = LANES * SAMPLES;
  static constexpr int WARPS = LANES > WARP ? LANES / WARP : 1;
  // A sample's places: its units and the most that `padded` skips. So samples of a warp begin LANES banks apart.
  static constexpr int REGION = N + LANES;
  static constexpr int SLOTS = 4;  // sums that may be under way
  static constexpr int SUMS_AT = 2 * SAMPLES * REGION * int(sizeof(Complex<T>));
  static constexpr int BYTES = SUMS_AT + (WARPS > 1 ? SLOTS * WARPS * int(sizeof(Complex<T>)) : 0);

  const int lane = thread_index() % LANES;
  const int member = thread_index() / LANES;  // which of the block's samples

  __device__ __forceinline__ int unit(int e) const { return lane + e * LANES; }
  __device__ __forceinline__ Every<LANES> own() const { return {unsigned(lane)}; }

  // Every unit from its place in `to` to its place in `from`, each an `Every` or an array of units. There are two
  // buffers in turn: a thread that writes to one has passed the barrier after which the others had read what it held
  // before. SPREAD places are skipped after each 16 units or SPREAD E, whichever is more: then neither units of
  // neighbouring lanes nor those of a transform's pass share banks.
  template <int SPREAD, typename To, typename From>
  __device__ __forceinline__ void exchange(Units& x, const To& to, const From& from) {
    buffer_ = SAMPLES * REGION - buffer_;
#pragma unroll
    for (int e = 0; e < E; ++e) places_.store(place<SPREAD>(to, e), x[e]);
    barrier();
#pragma unroll
    for (int e = 0; e < E; ++e) x[e] = places_.load(place<SPREAD>(from, e));
  }

  // A sum over the group in two halves: the second must follow where a barrier (an exchange's) lies between them, and
  // another before the slot is used again. The order of terms is fixed, and every thread gets the same bits.
  template <int SLOT>
  __device__ __forceinline__ void begin_sum(Complex<T>& value) {
#pragma unroll
    for (int bits = 1; bits < (LANES < WARP ? LANES : WARP); bits *= 2) {
      value.re += shuffled(value.re, bits);
      value.im += shuffled(value.im, bits);
    }
    if (WARPS > 1 && lane % WARP == 0) sums_.store(SLOT * WARPS + lane / WARP, value);
  }
  template <int SLOT>
  __device__ __forceinline__ void end_sum(Complex<T>& value) {
    if constexpr (WARPS > 1) {
      value = sums_.load(SLOT * WARPS);
#pragma unroll
      for (int warp = 1; warp < WARPS; ++warp) value = value + sums_.load(SLOT * WARPS + warp);
    }
  }

  __device__ __forceinline__ void barrier() {
    if constexpr (LANES > WARP) block_barrier();
    else warp_barrier();
  }

 private:
  template <int SPREAD>
  static __device__ __forceinline__ unsigned padded(unsigned unit) {
    constexpr unsigned AFTER = SPREAD * E > 16 ? SPREAD * E : 16;
    return SPREAD < 16 ? unit + unit / AFTER * SPREAD : unit;
  }
  template <int SPREAD, int STRIDE>
  __device__ __forceinline__ int place(Every<STRIDE> units, int e) const {
    return int(buffer_ + member * REGION + padded<SPREAD>(units.first)) + int(padded<SPREAD>(e * STRIDE));
  }
  template <int SPREAD>
  __device__ __forceinline__ int place(const int (&units)[E], int e) const {
    return buffer_ + member * REGION + int(padded<SPREAD>(units[e]));
  }

  const Shared<Complex<T>> places_ = shared_at<Complex<T>>(0);
  const Shared<Complex<T>> sums_ = shared_at<Complex<T>>(SUMS_AT);
  int buffer_ = 0;
};

}  // namespace
