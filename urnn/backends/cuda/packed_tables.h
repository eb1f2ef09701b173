// The order of the tables: a thread's elements are in pairs, so that one load of 16 bytes brings two complex
// numbers; behind them are the last elements of all threads where their number is odd.
#pragma once

#include "group.h"

namespace {

using Sample = Group<Real, URNN_ELEMENTS>;  // the threads that run a sample through time
constexpr int ELEMENTS = Sample::ELEMENTS;
using Units = Sample::Units;
constexpr int PAIRED = ELEMENTS / 2 * 2;     // elements of a thread that have another beside them
constexpr int ROW_LENGTH = (N + 3) / 4 * 4;  // rows begin at a multiple of 16 bytes, whatever their numbers are

__device__ __forceinline__ int packed(int unit) {
  const int lane = unit % Sample::LANES, e = unit / Sample::LANES;
  return e < PAIRED ? (e / 2 * Sample::LANES + lane) * 2 + e % 2 : unit;
}

template <typename T>
struct alignas(2 * sizeof(T)) Two {
  T first, second;
};

// This thread's elements of the row that begins `offset` behind `rows`, which is at its first element in a row.
template <typename T>
__device__ __forceinline__ void read_packed(const T* rows, int offset, int lane, T (&x)[ELEMENTS]) {
#pragma unroll
  for (int e = 0; e < PAIRED; e += 2) {
    const Two<T> two = constant(reinterpret_cast<const Two<T>*>(rows + offset + e * Sample::LANES));
    x[e] = two.first, x[e + 1] = two.second;
  }
  if constexpr (PAIRED < ELEMENTS) x[PAIRED] = constant(rows - lane + (offset + PAIRED * Sample::LANES));
}

}  // namespace
