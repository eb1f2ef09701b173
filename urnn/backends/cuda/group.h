// The threads that share a sample: which units each holds, and how they change places and add up over all of them.
#pragma once

#include "complex_number.h"

namespace {

constexpr bool POWER_OF_TWO = (N & (N - 1)) == 0;

// Units first, first + STRIDE, first + 2 STRIDE, ... Where N is a power of two, both addends have no bit in
// common.
template <int STRIDE>
struct Every {
  unsigned first;
};

// Threads for so many that hold units: the power of two that is not less, or full warps.
__device__ constexpr int span_of(int lanes) {
  int span = 1;
  while (span < lanes && span < WARP) span *= 2;
  return (lanes + span - 1) / span * span;
}

template <typename T, int E>
class Group {
 public:
  using Units = Complex<T>[E];
  static constexpr int ELEMENTS = E;                             // units of one thread
  static constexpr int LANES = N / E;                            // threads that hold a sample's units
  static constexpr int SPAN = span_of(LANES);                    // the sample's threads, with those that hold none
  static constexpr int SAMPLES = SPAN < WARP ? WARP / SPAN : 1;  // samples of a block
  static constexpr int THREADS = SPAN * SAMPLES;
  static constexpr bool ALONE = SAMPLES == 1 && !POWER_OF_TWO;  // a power of two's code is as it was measured
  static constexpr int WARPS = SPAN > WARP ? SPAN / WARP : 1;
  // A sample's places: its units and the most that `padded` skips. So samples of a warp begin LANES banks apart.
  static constexpr int REGION = N + LANES;
  // Sums of real numbers that may be under way, for each warp of a sample or each sample of a warp.
  static constexpr int MOST_SUMS = 8;
  static constexpr int SUMS_AT = 2 * SAMPLES * REGION * int(sizeof(Complex<T>));
  static constexpr int BYTES = SUMS_AT + MOST_SUMS * WARPS * SAMPLES * int(sizeof(T));

  const int seat = ALONE ? thread_index() : thread_index() % SPAN;  // which of the sample's threads
  // The same, of a thread that holds no units the last one that does: it may read what that one reads, and neither
  // writes nor adds anything.
  const int lane = SPAN == LANES || seat < LANES ? seat : LANES - 1;
  const int member = ALONE ? 0 : thread_index() / SPAN;  // which of the block's samples

  __device__ __forceinline__ bool has_units() const { return SPAN == LANES || seat < LANES; }
  __device__ __forceinline__ int unit(int e) const { return lane + e * LANES; }
  __device__ __forceinline__ Every<LANES> own() const { return {unsigned(lane)}; }

  // Every unit from its place in `to` to its place in `from`, each an `Every` or an array of units. There are two
  // buffers in turn: a thread that writes to one has passed the barrier after which the others had read what it
  // held before. SPREAD places are skipped after each 16 units or SPREAD E, whichever is more: then neither units
  // of neighbouring lanes nor those of a transform's pass share banks.
  template <int SPREAD, typename To, typename From>
  __device__ __forceinline__ void exchange(Units& x, const To& to, const From& from) {
    begin_exchange<SPREAD>(x, to);
    barrier();
    end_exchange<SPREAD>(x, from);
  }
  // The same; returns whether any of the block's threads has raised its flag.
  template <int SPREAD, typename To, typename From>
  __device__ __forceinline__ bool exchange(Units& x, const To& to, const From& from, bool raised) {
    begin_exchange<SPREAD>(x, to);
    const bool any = barrier_any(raised);
    end_exchange<SPREAD>(x, from);
    return any;
  }

  // The same by hand: `turn_buffers`, then `put` numbers in their places, and `get` others behind a barrier.
  __device__ __forceinline__ void turn_buffers() { buffer_ = SAMPLES * REGION - buffer_; }
  template <int SPREAD, typename To>
  __device__ __forceinline__ void put(const To& to, int e, Complex<T> x) const {
    places_.store(place<SPREAD>(to, e), x);
  }
  template <int SPREAD, typename From>
  __device__ __forceinline__ Complex<T> get(const From& from, int e) const {
    return places_.load(place<SPREAD>(from, e));
  }

  // COUNT sums over the group, in two halves: the second must follow where a barrier (an exchange's) lies between
  // them, and another before the next sums begin. The order of terms is fixed, and every thread gets the same
  // bits.
  template <int COUNT>
  __device__ __forceinline__ void begin_sums(Complex<T> (&values)[COUNT]) {
    static_assert(2 * COUNT <= MOST_SUMS);
    T parts[2 * COUNT];
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      parts[2 * i] = has_units() ? values[i].re : 0;
      parts[2 * i + 1] = has_units() ? values[i].im : 0;
    }
    fold<2 * COUNT, (SPAN < WARP ? SPAN : WARP) / 2>(parts, 0);
  }
  template <int COUNT>
  __device__ __forceinline__ void end_sums(Complex<T> (&values)[COUNT]) {
#pragma unroll
    for (int warp = 0; warp < WARPS; ++warp) {
#pragma unroll
      for (int i = 0; i < COUNT; ++i) {
        const Complex<T> part = sums_.load((member * WARPS + warp) * (MOST_SUMS / 2) + i);
        values[i] = warp == 0 ? part : values[i] + part;
      }
    }
  }

  __device__ __forceinline__ void barrier() {
    if constexpr (SPAN > WARP) block_barrier();
    else warp_barrier();
  }
  __device__ __forceinline__ bool barrier_any(bool raised) {  // a block of less than two warps is one warp
    if constexpr (SPAN > WARP) return block_barrier_any(raised);
    else return warp_barrier_any(raised);
  }

 private:
  template <int SPREAD, typename To>
  __device__ __forceinline__ void begin_exchange(const Units& x, const To& to) {
    turn_buffers();
    if (!has_units()) return;
#pragma unroll
    for (int e = 0; e < E; ++e) put<SPREAD>(to, e, x[e]);
  }
  template <int SPREAD, typename From>
  __device__ __forceinline__ void end_exchange(Units& x, const From& from) {
#pragma unroll
    for (int e = 0; e < E; ++e) x[e] = get<SPREAD>(from, e);
  }

  // Lanes that differ by BITS halve what is left to add up between them, and add the other's part to their own;
  // what a lane ends up with, the sums from number `first` on, it writes.
  template <int COUNT, int BITS>
  __device__ __forceinline__ void fold(T (&parts)[COUNT], int first) const {
    if constexpr (BITS == 0) {
      const int from = (member * WARPS + seat / WARP) * MOST_SUMS + first;
#pragma unroll
      for (int i = 0; i < COUNT; ++i) parts_.store(from + i, parts[i]);
    } else if constexpr (COUNT > 1) {
      const bool upper = seat & BITS;
      T half[COUNT / 2];
#pragma unroll
      for (int i = 0; i < COUNT / 2; ++i) {
        const T other = shuffled(upper ? parts[i] : parts[i + COUNT / 2], BITS);
        half[i] = (upper ? parts[i + COUNT / 2] : parts[i]) + other;
      }
      fold<COUNT / 2, BITS / 2>(half, upper ? first + COUNT / 2 : first);
    } else {
#pragma unroll
      for (int bits = BITS; bits > 0; bits /= 2) parts[0] += shuffled(parts[0], bits);
      if (seat % (2 * BITS) == 0) fold<1, 0>(parts, first);
    }
  }

  template <int SPREAD>
  static __device__ __forceinline__ unsigned padded(unsigned unit) {
    constexpr unsigned AFTER = SPREAD * E > 16 ? SPREAD * E : 16;
    return SPREAD < 16 ? unit + unit / AFTER * SPREAD : unit;
  }
  template <int SPREAD, int STRIDE>
  __device__ __forceinline__ int place(Every<STRIDE> units, int e) const {
    if (!POWER_OF_TWO && SPREAD < 16)
      return int(buffer_ + member * REGION + padded<SPREAD>(units.first + e * STRIDE));
    return int(buffer_ + member * REGION + padded<SPREAD>(units.first)) + int(padded<SPREAD>(e * STRIDE));
  }
  template <int SPREAD>
  __device__ __forceinline__ int place(const int (&units)[E], int e) const {
    return buffer_ + member * REGION + int(padded<SPREAD>(units[e]));
  }

  const Shared<Complex<T>> places_ = shared_at<Complex<T>>(0);
  const Shared<T> parts_ = shared_at<T>(SUMS_AT);
  const Shared<Complex<T>> sums_ = shared_at<Complex<T>>(SUMS_AT);  // the same, by twos
  int buffer_ = 0;
};

}  // namespace
