// The transform of a group's sample: Stockham's passes of the radices that passes.py chooses, natural order in and
// out, no scale.
//
// A pass of radix R takes elements N / R apart. Where R divides the number of units of a thread, these are its own
// (Bainville's form of the algorithm): in the first pass and the last, and in all of a power of two. Else the
// sample's threads take butterflies in turn, those without units too. Elements are exchanged between passes only.
#pragma once

#include "butterflies.h"
#include "group.h"

namespace {

// The radix of a pass with E units a thread, of the kernels that run a sequence or of those in double.
template <int E>
__device__ constexpr int radix(int pass) {
  const int radices[] = {URNN_RADICES}, wide[] = {URNN_WIDE_RADICES};
  return E == URNN_ELEMENTS ? radices[pass] : wide[pass];
}
template <int E>
__device__ constexpr int radices_before(int pass) {  // their product
  int product = 1;
  for (int i = 0; i < pass; ++i) product *= radix<E>(i);
  return product;
}

// One pass of a group's transform, as one of its threads has it.
template <typename Group, int NUMBER>
struct Pass {
  static constexpr int R = radix<Group::ELEMENTS>(NUMBER), DONE = radices_before<Group::ELEMENTS>(NUMBER);
  static constexpr bool LAST = DONE * R == N;
  static constexpr bool OWN = Group::ELEMENTS % R == 0;  // whether its elements are the thread's own units
  static constexpr int APART = OWN ? Group::LANES : Group::SPAN;  // from one butterfly of a thread to its next
  static constexpr int COUNT = (N / R + APART - 1) / APART;       // butterflies, the last perhaps none
  static constexpr bool FULL = COUNT * APART == N / R;
  static constexpr int ROOTS = DONE > 1 ? (R - 1) * DONE : 0;
  static constexpr int OWN_ROOTS = DONE > 1 ? (R - 1) * COUNT : 0;  // that one thread multiplies by
  // Places that are skipped in the exchange behind it, see `Group::exchange`: as many as results lie beside each
  // other, or one where else only every fourth bank would be used.
  static constexpr int SPREAD = POWER_OF_TWO ? DONE : R % 4 == 0 && DONE < 8 ? 1 : 16;

  // The thread's butterfly number s of them all; where it has none, the last.
  static __device__ __forceinline__ int butterfly(const Group& group, int s) {
    const int number = (OWN ? group.lane : group.seat) + s * APART;
    return OWN || FULL || number < N / R ? number : N / R - 1;
  }
  static __device__ __forceinline__ bool has(const Group& group, int s) {
    return OWN ? group.has_units() : FULL || group.seat + s * APART < N / R;
  }
};

// Roots that another kernel has written; a plain pointer reads those that this one has.
template <typename T>
struct ConstantRoots {
  const Complex<T>* at;
  __device__ __forceinline__ Complex<T> operator[](int i) const { return constant(at + i); }
  __device__ __forceinline__ ConstantRoots operator+(int i) const { return {at + i}; }
};

// The roots that one thread needs, in its registers, as `hold_roots` puts them there.
template <typename T>
struct HeldRoots {
  const Complex<T>* held;
};

// Factor number i of a pass, that of leg j of the thread's butterfly s.
template <typename P, typename Roots>
__device__ __forceinline__ auto root_of(const Roots& roots, int, int, int i) {
  return roots[i];
}
template <typename P, typename T>
__device__ __forceinline__ Complex<T> root_of(const HeldRoots<T>& roots, int s, int j, int) {
  return roots.held[s * (P::R - 1) + j - 1];
}
// Those of the passes behind.
template <typename P, typename Roots>
__device__ __forceinline__ Roots behind(const Roots& roots) {
  return roots + P::ROOTS;
}
template <typename P, typename T>
__device__ __forceinline__ HeldRoots<T> behind(const HeldRoots<T>& roots) {
  return {roots.held + P::OWN_ROOTS};
}

// The thread's butterflies of a pass; leg j of its butterfly s is element s + j COUNT. `roots` begins with
// exp(-2 pi i j k / (DONE R)) for j = 1..R-1 and k < DONE, of a first pass with none.
template <typename P, bool INVERSE, typename T, int M, typename Group, typename Roots>
__device__ __forceinline__ void transform(Complex<T> (&x)[M], const Group& group, Roots roots) {
#pragma unroll
  for (int s = 0; s < P::COUNT; ++s) {
    const int k = unsigned(P::butterfly(group, s)) % P::DONE;
    Complex<T> y[P::R];
#pragma unroll
    for (int j = 0; j < P::R; ++j) {
      y[j] = x[s + j * P::COUNT];
      if (P::DONE > 1 && j > 0) {
        const Complex<T> factor = root_of<P>(roots, s, j, (j - 1) * P::DONE + k);
        y[j] = (INVERSE ? conj(factor) : factor) * y[j];
      }
    }
    butterfly<P::R, INVERSE>(y);
#pragma unroll
    for (int j = 0; j < P::R; ++j) x[s + j * P::COUNT] = y[j];
  }
}

// From the order that a pass leaves to that of the pass behind it.
template <typename P, typename Next, typename T, int M, int NEXT, typename Group>
__device__ __forceinline__ void exchange(const Complex<T> (&x)[M], Complex<T> (&y)[NEXT], Group& group) {
  group.turn_buffers();
#pragma unroll
  for (int s = 0; s < P::COUNT; ++s) {
    const unsigned number = P::butterfly(group, s), k = number % P::DONE;
    const unsigned begin = (number - k) * P::R;  // of a power of two, without a bit of k
    const Every<P::DONE> to{POWER_OF_TWO ? begin | k : begin + k};
    if (P::has(group, s)) {
#pragma unroll
      for (int j = 0; j < P::R; ++j) group.template put<P::SPREAD>(to, j, x[s + j * P::COUNT]);
    }
  }
  group.barrier();
  if constexpr (Next::OWN) {
#pragma unroll
    for (int e = 0; e < NEXT; ++e) y[e] = group.template get<P::SPREAD>(group.own(), e);
  } else {
#pragma unroll
    for (int s = 0; s < Next::COUNT; ++s) {
      const Every<N / Next::R> from{unsigned(Next::butterfly(group, s))};
#pragma unroll
      for (int j = 0; j < Next::R; ++j) y[s + j * Next::COUNT] = group.template get<P::SPREAD>(from, j);
    }
  }
}

// The pass of this number, on its elements x, and those behind it; what the last one leaves goes to `result`.
template <bool INVERSE, int NUMBER, typename T, int M, int E, typename Roots>
__device__ __forceinline__ void passes(Complex<T> (&x)[M], Complex<T> (&result)[E], Group<T, E>& group,
                                       Roots roots) {
  using This = Pass<Group<T, E>, NUMBER>;
  transform<This, INVERSE>(x, group, roots);
  if constexpr (This::LAST) {
    static_assert(This::OWN, "what the last pass leaves is in the order of a thread's units");
#pragma unroll
    for (int e = 0; e < E; ++e) result[e] = x[e];
  } else {
    using Next = Pass<Group<T, E>, NUMBER + 1>;
    Complex<T> following[Next::COUNT * Next::R];
    exchange<This, Next>(x, following, group);
    passes<INVERSE, NUMBER + 1>(following, result, group, behind<This>(roots));
  }
}

// `roots` holds those of all passes, one after the other.
template <bool INVERSE, typename T, int E, typename Roots>
__device__ __forceinline__ void fourier(Complex<T> (&x)[E], Group<T, E>& group, Roots roots) {
  passes<INVERSE, 0>(x, x, group, roots);
}

// Roots of the passes with E units a thread.
template <int E>
__device__ constexpr int number_of_roots(int pass = 1) {
  const int done = radices_before<E>(pass);
  return done == N ? 0 : (done > 1 ? (radix<E>(pass) - 1) * done : 0) + number_of_roots<E>(pass + 1);
}

// How many of them one thread of a group multiplies by.
template <typename Group, int NUMBER = 0>
__device__ constexpr int number_of_own_roots() {
  using This = Pass<Group, NUMBER>;
  if constexpr (This::LAST) return This::OWN_ROOTS;
  else return This::OWN_ROOTS + number_of_own_roots<Group, NUMBER + 1>();
}

// Reads these from those of all passes.
template <int NUMBER = 0, typename T, int E>
__device__ __forceinline__ void hold_roots(const Group<T, E>& group, const Complex<T>* roots, Complex<T>* held) {
  using This = Pass<Group<T, E>, NUMBER>;
  constexpr int LEGS = This::R > 1 ? This::R - 1 : 1;  // that are multiplied; a pass of radix 1 has none
#pragma unroll
  for (int i = 0; i < This::OWN_ROOTS; ++i) {
    const int s = i / LEGS, j = i % LEGS;
    held[i] = in_registers(constant(roots + j * This::DONE + unsigned(This::butterfly(group, s)) % This::DONE));
  }
  if constexpr (!This::LAST) hold_roots<NUMBER + 1>(group, roots + This::ROOTS, held + This::OWN_ROOTS);
}

}  // namespace
