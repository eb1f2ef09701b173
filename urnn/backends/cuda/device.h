// What the kernels use of a GPU's threads, in one place, so that the tests can run them on a host: they
// define the guard's name and these functions over fibers, and watch every access to shared memory for races.
#ifndef URNN_CUDA_DEVICE
#define URNN_CUDA_DEVICE

namespace {

constexpr int WARP = 32;

// An array in the block's shared memory.
template <typename T>
struct Shared {
  T* base;
  __device__ __forceinline__ T load(int i) const { return base[i]; }
  __device__ __forceinline__ void store(int i, T value) const { base[i] = value; }
  // The same bytes by elements of another type.
  template <typename Other>
  __device__ __forceinline__ Shared<Other> as() const {
    return {reinterpret_cast<Other*>(base)};
  }
};

// The array of type T that begins `offset` bytes into the block's dynamic shared memory.
template <typename T>
__device__ __forceinline__ Shared<T> shared_at(int offset) {
  extern __shared__ __align__(16) unsigned char bytes[];
  return {reinterpret_cast<T*>(bytes + offset)};
}

__device__ __forceinline__ int thread_index() { return threadIdx.x; }
__device__ __forceinline__ long long block_index() { return blockIdx.x; }
__device__ __forceinline__ void block_barrier() { __syncthreads(); }
__device__ __forceinline__ void warp_barrier() { __syncwarp(); }
// Barriers that say as well whether any thread of the block, or of the warp, has raised its flag.
__device__ __forceinline__ bool block_barrier_any(bool raised) { return __syncthreads_or(raised); }
__device__ __forceinline__ bool warp_barrier_any(bool raised) {
  raised = __any_sync(0xffffffffu, raised);
  __syncwarp();
  return raised;
}

// `value` of the lane whose number differs by the bits of `bits`.
template <typename T>
__device__ __forceinline__ T shuffled(T value, int bits) {
  return __shfl_xor_sync(0xffffffffu, value, bits);
}

template <int BYTES>
struct WordOf;
template <>
struct WordOf<4> {
  using type = unsigned;
};
template <>
struct WordOf<8> {
  using type = uint2;
};
template <>
struct WordOf<16> {
  using type = uint4;
};

// A value that no thread writes while the kernel runs, by loads of up to 16 bytes through the cache for such: the
// compiler may move them across barriers.
template <typename T>
__device__ __forceinline__ T constant(const T* at) {
  using Word = typename WordOf<(sizeof(T) < 16 ? sizeof(T) : 16)>::type;
  Word words[sizeof(T) / sizeof(Word)];
#pragma unroll
  for (int i = 0; i < sizeof(T) / sizeof(Word); ++i) words[i] = __ldg(reinterpret_cast<const Word*>(at) + i);
  T value;
  memcpy(&value, words, sizeof(T));
  return value;
}

// Starts to copy 16 bytes from global to shared memory, past the cache of tables, or zeros if `within` is false.
// They have arrived for this thread after `wait_for_copies`, for others after a barrier that follows it.
template <typename T>
__device__ __forceinline__ void copy_later(Shared<T> to, int i, const T* from, bool within) {
#if __CUDA_ARCH__ >= 800
  const unsigned place = unsigned(__cvta_generic_to_shared(to.base + i));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(place), "l"(from), "r"(within ? 16 : 0)
               : "memory");
#else
  *reinterpret_cast<uint4*>(to.base + i) = within ? *reinterpret_cast<const uint4*>(from) : uint4{0, 0, 0, 0};
#endif
}
// The same of one number of 4 or 8 bytes, wherever it is.
template <typename T>
__device__ __forceinline__ void copy_one_later(Shared<T> to, int i, const T* from, bool within) {
#if __CUDA_ARCH__ >= 800
  const unsigned place = unsigned(__cvta_generic_to_shared(to.base + i));
  asm volatile("cp.async.ca.shared.global [%0], [%1], %3, %2;" ::"r"(place), "l"(from),
               "r"(within ? int(sizeof(T)) : 0), "n"(sizeof(T))
               : "memory");
#else
  to.store(i, within ? *from : T(0));
#endif
}
// Ends a group of copies, which may be empty.
__device__ __forceinline__ void end_copies() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
// Waits for all groups of this thread but the LATEST.
template <int LATEST>
__device__ __forceinline__ void wait_for_copies() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(LATEST) : "memory");
#endif
}

// Keeps the compiler from hoisting loads out of the loop over time, where they would fill the registers.
template <typename T>
__device__ __forceinline__ const T* hidden(const T* pointer) {
  asm volatile("" : "+l"(pointer));
  return pointer;
}

// The same number; the compiler does not see where it came from, so it cannot load it again.
__device__ __forceinline__ float opaque(float x) {
  asm volatile("" : "+f"(x));
  return x;
}

// Numbers of 16 bits by their bits, and the nearest of them to a float.
__device__ __forceinline__ float from_float16(unsigned short bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}
__device__ __forceinline__ unsigned short to_float16(float value) {
  unsigned short bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
__device__ __forceinline__ float from_bfloat16(unsigned short bits) {
  return __uint_as_float(unsigned(bits) << 16);
}
__device__ __forceinline__ unsigned short to_bfloat16(float value) {
#if __CUDA_ARCH__ >= 800
  unsigned short bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
#else
  const unsigned word = __float_as_uint(value);
  return value != value ? 0x7fff : (word + 0x7fff + (word >> 16 & 1)) >> 16;
#endif
}

// 1/sqrt(x) and 1/x to about two roundings, by one instruction each in float; they take a subnormal number for 0.
__device__ __forceinline__ float inverse_root(float x) {
  float result;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}
__device__ __forceinline__ float inverse(float x) {
  float result;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}
__device__ __forceinline__ double inverse_root(double x) { return rsqrt(x); }
__device__ __forceinline__ double inverse(double x) { return 1 / x; }

}  // namespace
#endif
