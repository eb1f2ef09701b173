// A host in a GPU's stead: what device.h has, for kernels that run on the fibers of host_device.cpp. Every access
// to shared memory goes through a function there, which watches it.
#ifndef URNN_CUDA_DEVICE
#define URNN_CUDA_DEVICE

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

#define __device__
#define __forceinline__ inline
#define __global__
#define __grid_constant__
#define __launch_bounds__(...)

constexpr int WARP = 32;

int thread_index();
long long block_index();
void block_barrier();
void warp_barrier();
bool block_barrier_any(bool raised);
bool warp_barrier_any(bool raised);
double exchanged(double value, int bits);
void read_shared(std::size_t byte, std::size_t size, void* value);
void write_shared(std::size_t byte, std::size_t size, const void* value);
// At most 16 bytes, which are undefined until the thread has waited for the group of copies that they are in.
void copy_bytes_later(std::size_t byte, std::size_t size, const void* from, bool within);
void end_copies();
void wait_for_all_copies_but(std::size_t latest);
void sincospi(double x, double* sine, double* cosine);

// Runs `thread` as every thread of these blocks, one block after the other; returns what went wrong, or null.
const char* run_blocks(void (*thread)(const void* arguments), const void* arguments, long blocks, int threads,
                       long shared_bytes);

namespace {

template <typename T>
struct Shared {
  int offset;
  T load(int i) const {
    T value;
    read_shared(offset + std::size_t(i) * sizeof(T), sizeof(T), &value);
    return value;
  }
  void store(int i, T value) const { write_shared(offset + std::size_t(i) * sizeof(T), sizeof(T), &value); }
  template <typename Other>
  Shared<Other> as() const {
    return {offset};
  }
};

template <typename T>
Shared<T> shared_at(int offset) {
  return {offset};
}

template <typename T>
void copy_later(Shared<T> to, int i, const T* from, bool within) {
  copy_bytes_later(to.offset + std::size_t(i) * sizeof(T), 16, from, within);
}
template <typename T>
void copy_one_later(Shared<T> to, int i, const T* from, bool within) {
  copy_bytes_later(to.offset + std::size_t(i) * sizeof(T), sizeof(T), from, within);
}
template <int LATEST>
void wait_for_copies() {
  wait_for_all_copies_but(LATEST);
}

template <typename T>
T shuffled(T value, int bits) {
  return T(exchanged(value, bits));
}

template <typename T>
T constant(const T* at) {
  return *at;
}
template <typename T>
const T* hidden(const T* pointer) {
  return pointer;
}
inline float opaque(float x) { return x; }

// By a float's own operations, since not every compiler knows numbers of 16 bits.
inline float from_float16(unsigned short bits) {
  const int exponent = bits >> 10 & 31, digits = bits & 1023;
  const float sign = bits >> 15 ? -1.0f : 1.0f;
  if (exponent == 31) return sign * (digits ? NAN : INFINITY);
  return sign * std::ldexp(float(exponent ? digits + 1024 : digits), (exponent ? exponent : 1) - 25);
}
inline unsigned short to_float16(float value) {
  const unsigned sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::fabs(double(value));
  if (value != value) return 0x7fff;
  if (magnitude >= 65520) return sign | 0x7c00;
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  const int unit = magnitude > 0 && exponent > -13 ? exponent - 11 : -24;  // the power of two of the last digit
  const unsigned digits = unsigned(std::nearbyint(std::ldexp(magnitude, -unit)));  // ties to even
  return sign | ((unsigned(unit + 24) << 10) + digits);
}
inline float from_bfloat16(unsigned short bits) {
  const unsigned word = unsigned(bits) << 16;
  float value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}
inline unsigned short to_bfloat16(float value) {
  unsigned word;
  std::memcpy(&word, &value, sizeof word);
  return value != value ? 0x7fff : (word + 0x7fff + (word >> 16 & 1)) >> 16;
}

// The GPU's instructions for these take subnormal floats for 0, and return none.
inline float flushed(float x) {
  return std::fabs(x) < std::numeric_limits<float>::min() ? std::copysign(0.f, x) : x;
}
inline double flushed(double x) { return x; }
template <typename T>
T inverse_root(T x) {
  return 1 / std::sqrt(flushed(x));
}
template <typename T>
T inverse(T x) {
  return flushed(1 / flushed(x));
}

}  // namespace
#endif
