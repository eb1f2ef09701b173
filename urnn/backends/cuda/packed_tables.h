// The order of the tables: a thread's elements are in pairs, so that one load of 16 bytes brings two complex
// numbers.
#pragma once

#include "group.h"

namespace {

using Sample = Group<Real, URNN_ELEMENTS>;  // the threads that run a sample through time
constexpr int ELEMENTS = Sample::ELEMENTS;
using Units = Sample::Units;

__device__ __forceinline__ int packed(int unit) {
  const int lane = unit % Sample::LANES, e = unit / Sample::LANES;
  return (e / 2 * Sample::LANES + lane) * 2 + e % 2;
}

template <typename T>
struct alignas(2 * sizeof(T)) Two {
  T first, second;
};

// This thread's elements of the row that begins `offset` behind `rows`, which is at its first element in a row.
template <typename T>
__device__ __forceinline__ void read_packed(const T* rows, int offset, T (&x)[ELEMENTS]) {
#pragma unroll
  for (int e = 0; e < ELEMENTS; e += 2) {
    const Two<T> two = constant(reinterpret_cast<const Two<T>*>(rows + offset + e * Sample::LANES));
    x[e] = two.first, x[e + 1] = two.second;
  }
}

}  // namespace
