// Tables kept from call to call: beside them is a copy of the parameters that they were made of. The kernel
// compares the two on the device, since a host cannot see every write: not those through `.data`, of a CUDA graph
// that is replayed, or of another library. It makes the tables only where a bit differs.
#pragma once

#include "arguments.h"
#include "device.h"

namespace {

template <int BYTES>
struct BitsOf;
template <>
struct BitsOf<4> {
  using type = unsigned;
};
template <>
struct BitsOf<8> {
  using type = unsigned long long;
};

// By their bits: NaN is itself, and 0 is not -0.
template <typename T>
__device__ __forceinline__ bool differ(T a, T b) {
  typename BitsOf<sizeof(T)>::type bits_a, bits_b;
  memcpy(&bits_a, &a, sizeof(T));
  memcpy(&bits_b, &b, sizeof(T));
  return bits_a != bits_b;
}

// Calls f(parameter, copy) for this thread's share of all numbers.
template <int THREADS, typename F>
__device__ __forceinline__ void for_each_parameter(const TablesArguments& a, F& f) {
  Real* kept = a.kept;
#pragma unroll 4
  for (int i = thread_index(); i < 3 * N; i += THREADS) f(a.theta[i], kept[i]);
#pragma unroll 4
  for (int i = thread_index(); i < 4 * N; i += THREADS) f(a.v[i], kept[3 * N + i]);
#pragma unroll 4
  for (int i = thread_index(); i < N; i += THREADS) f(a.b[i], kept[7 * N + i]);
  long long* permutation = reinterpret_cast<long long*>(kept + 8 * N);
#pragma unroll 4
  for (int i = thread_index(); i < N; i += THREADS) f(a.permutation[i], permutation[i]);
}

// What is done with each number and its copy.
struct Compare {
  bool differs;
  template <typename T>
  __device__ __forceinline__ void operator()(T value, T& copy) {
    differs |= differ(value, copy);
  }
};
struct Copy {
  template <typename T>
  __device__ __forceinline__ void operator()(T value, T& copy) {
    copy = value;
  }
};

// Whether the tables have to be made; the copy is then of the parameters at hand. All threads of the block
// together.
template <int THREADS>
__device__ inline bool must_be_made(const TablesArguments& a) {
  if (!a.kept) return true;
  Compare compare{!a.known};
  if (a.known) for_each_parameter<THREADS>(a, compare);
  if (!block_barrier_any(compare.differs)) return false;
  Copy copy;
  for_each_parameter<THREADS>(a, copy);
  return true;
}

}  // namespace
