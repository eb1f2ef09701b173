// Numbers as inputs and states are in memory: those that are computed with, or such of half their size. Only what
// lies in memory is rounded; a state goes from step to step in registers, as it is.
#pragma once

#include "device.h"

namespace {

using Real = URNN_REAL;

struct Float16 {
  unsigned short bits;
};
struct Bfloat16 {
  unsigned short bits;
};

using Stored = URNN_STORED;
constexpr bool STORED_IN_HALF = sizeof(Stored) < sizeof(Real);

__device__ __forceinline__ float real_of(float value) { return value; }
__device__ __forceinline__ double real_of(double value) { return value; }
__device__ __forceinline__ float real_of(Float16 value) { return from_float16(value.bits); }
__device__ __forceinline__ float real_of(Bfloat16 value) { return from_bfloat16(value.bits); }

// The nearest number.
__device__ __forceinline__ void store(float value, float& to) { to = value; }
__device__ __forceinline__ void store(double value, double& to) { to = value; }
__device__ __forceinline__ void store(float value, Float16& to) { to.bits = to_float16(value); }
__device__ __forceinline__ void store(float value, Bfloat16& to) { to.bits = to_bfloat16(value); }

}  // namespace
