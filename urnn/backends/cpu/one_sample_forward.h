// One sample alone on its way through a whole sequence, its units across the lanes of a register.
//
// Rows [Re; Im] of a state are registers as they lie in memory. Passes work on four rows in turns: a square for
// the transform across lanes, and the dependent chains of one row hide behind the others'. Known weaknesses: the
// permutation picks numbers one by one (a gather instruction is no faster), and passes run over all units, so that
// states past the first cache (n > 2048) slow it down.
#pragma once

#include "one_sample_tables.h"

namespace {

template <typename T>
struct Single {
  static constexpr int L = widest<T>(), GROUP = Lanes<T, L>::ROWS;
  using V = Vector<T, L>;
  using C = Complex<V>;
  using Scalar = Complex<T>;

  const SingleTables<T>& t;
  Scalar cross;
  T epsilon;
  bool large_bias;
  Index n, rows, batch, first;  // the sample is number `first` of `batch`
  C *A, *G;                     // rows on their way through a transform
  Scalar* P;                    // n values from which the permutation picks
  T* U;                         // units as a row [Re; Im]

  Single(const Tables<T>& tables, const SingleTables<T>& t, Index batch, Index first, C* work)
      : t(t), cross(tables.cross), epsilon(tables.epsilon), large_bias(tables.large_bias), n(tables.n),
        rows(n / L), batch(batch), first(first), A(work), G(A + rows_for(rows)),
        P(reinterpret_cast<Scalar*>(G + rows_for(rows))), U(reinterpret_cast<T*>(P + n)) {}
  static constexpr Index planes(Index n) { return 2 * rows_for(n / L) + 2 * n / L; }  // registers, complex

  URNN_INLINE C unit(const T* units, Index k) const {
    return {load_row<T, L>(units + k * L), load_row<T, L>(units + n + k * L)};
  }
  URNN_INLINE void put(C a, T* units, Index k) const {
    std::memcpy(units + k * L, &a.re, sizeof a.re);
    std::memcpy(units + n + k * L, &a.im, sizeof a.im);
  }
  static Scalar sum_of(const C* sums) {
    const C sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    return {total<T, L>(sum.re), total<T, L>(sum.im)};
  }

  // w^H h for units h.
  __attribute__((noinline)) Scalar dot(const C* w, const T* units) const {
    C sums[GROUP] = {};
    for (Index k = 0; k < rows; k += GROUP)
      for (int g = 0; g < GROUP; ++g) accumulate(sums[g], w[k + g], unit(units, k + g));
    return sum_of(sums);
  }

  // x = F D h for units h, as far as the transform over rows goes.
  __attribute__((noinline)) void begin(const C* diagonal, const T* units, C* x) const {
    const Stages<T>& s = t.stages;
    with_radix(s.radices[0], [&](auto radix) URNN_INLINE {
      constexpr int R = radix.value;
      if constexpr (R > 0) {
        const Index m = rows / R;
        const Scalar* w = s.twiddles[0].data();
        for (Index j = 0; j < m; ++j, w += R - 1) {
          C v[R];
          for (int q = 0; q < R; ++q) v[q] = times(diagonal[j + q * m], unit(units, j + q * m));
          fourier<R, -1, T>(v);
          if (j > 0)  // else they are all 1
            for (int q = 1; q < R; ++q) v[q] = times(w[q - 1], v[q]);
          for (int q = 0; q < R; ++q) x[at(j + q * m)] = v[q];
        }
      }
    });
    Index length = rows / s.radices[0];
    for (std::size_t i = 1; i < s.radices.size(); length /= s.radices[i++])
      stage_in_place<-1, T, V>(s, i, length, 0, rows, x);
  }

  // The rest of F, for `store` to take by positions; returns w^H F D h.
  template <class Store>
  URNN_INLINE Scalar finish(const C* x, const C* w, Store store) const {
    C sums[GROUP] = {};
    for (Index k = 0; k < rows; k += GROUP) {
      C a[GROUP];
      for (int g = 0; g < GROUP; ++g) a[g] = times(t.turns[k + g], x[at(k + g)]);
      t.lanes.forward(a);
      for (int g = 0; g < GROUP; ++g) {
        store(k + g, a[g]);
        accumulate(sums[g], w[k + g], a[g]);
      }
    }
    return sum_of(sums);
  }
  __attribute__((noinline)) Scalar finish_pairs(const C* x, const C* w) const {
    return finish(x, w, [this](Index k, C a) URNN_INLINE { store_pairs<T, L>(a, P + k * L); });
  }

  // The adjoint as far as the lanes go: `load` fills four rows of positions from row k on.
  template <class Load>
  URNN_INLINE void adjoint_begin(C* x, Load load) const {
    for (Index k = 0; k < rows; k += GROUP) {
      C a[GROUP];
      load(k, a);
      t.lanes.adjoint(a);
      for (int g = 0; g < GROUP; ++g) x[at(k + g)] = times_conj(t.turns[k + g], a[g]);
    }
  }
  // The rest of D F^H, as units.
  __attribute__((noinline)) void adjoint_finish(const C* diagonal, C* x, T* units) const {
    const Stages<T>& s = t.stages;
    Index length = 1;
    for (std::size_t i = s.radices.size() - 1; i > 0; --i)
      stage_in_place<1, T, V>(s, i, length *= s.radices[i], 0, rows, x);
    with_radix(s.radices[0], [&](auto radix) URNN_INLINE {
      constexpr int R = radix.value;
      if constexpr (R > 0) {
        const Index m = rows / R;
        const Scalar* w = s.twiddles[0].data();
        for (Index j = 0; j < m; ++j, w += R - 1) {
          C v[R];
          for (int q = 0; q < R; ++q) v[q] = x[at(j + q * m)];
          if (j > 0)
            for (int q = 1; q < R; ++q) v[q] = times_conj(w[q - 1], v[q]);
          fourier<R, 1, T>(v);
          for (int q = 0; q < R; ++q) put(times(diagonal[j + q * m], v[q]), units, j + q * m);
        }
      }
    });
  }

  // The second reflection's dot product from its first part and the first one's.
  Scalar second_dot(Scalar part, Scalar s1) const { return reflect(part, cross, scaled(s1, T(2))); }

  // A = F^H R2' D2 Pi F R1' D1 h as far as the lanes go, from the F D1 h in P.
  __attribute__((noinline)) void middle(Scalar s1, Scalar s2) const {
    const Scalar twice1 = scaled(s1, T(2)), twice2 = scaled(s2, T(2));
    adjoint_begin(A, [&](Index k, C* a) URNN_INLINE {
      for (int g = 0; g < GROUP; ++g) {
        const C moved = times(t.d2[k + g], picked<T, L>(P, &t.source[(k + g) * L]));
        a[g] = reflect(reflect(moved, t.f1[k + g], twice1), t.u2[k + g], twice2);
      }
    });
  }

  // h = modReLU(U + V x; b), V x = weights x for m inputs, or already in h for none; returns u1^H D1 h.
  __attribute__((noinline)) Scalar activate(const T* x, Index m, const T* weights, T* h) const {
    C sums[GROUP] = {};
    for (Index k = 0; k < rows; k += GROUP) {
      C z[GROUP] = {};
      V scale[GROUP];
      const T* w = weights;
      for (Index c = 0; c < m; ++c, w += 2 * n)
        for (int g = 0; g < GROUP; ++g) {
          const C column = unit(w, k + g);
          z[g].re += column.re * x[c], z[g].im += column.im * x[c];
        }
      if (!m)
        for (int g = 0; g < GROUP; ++g) z[g] = unit(h, k + g);
      for (int g = 0; g < GROUP; ++g) z[g] = z[g] + unit(U, k + g);
      for (int g = 0; g < GROUP; ++g) scale[g] = z[g].re * z[g].re + z[g].im * z[g].im;
      modrelu_scales<T, L, GROUP>(scale, [&](int g) URNN_INLINE { return t.bias[k + g]; }, epsilon);
      if (__builtin_expect(large_bias, 0))
        for (int g = 0; g < GROUP; ++g) scale[g] = rescaled<T, L>(z[g], t.bias[k + g], epsilon, scale[g]);
      for (int g = 0; g < GROUP; ++g) {
        const C a{z[g].re * scale[g], z[g].im * scale[g]};
        put(a, h, k + g);
        accumulate(sums[g], t.w1[k + g], a);
      }
    }
    return sum_of(sums);
  }

  // As `Block::forward`, but `weights` are V transposed, (m, 2n).
  void forward(const T* h_0, Index h_0_stride, const T* x, Index m, const T* weights, T* states,
               Index steps) const {
    const T* h = h_0 + first * h_0_stride;
    Scalar s1 = dot(t.w1.data(), h);
    for (Index i = 0; i < steps; ++i) {
      begin(t.d1.data(), h, A);
      middle(s1, second_dot(finish_pairs(A, t.w2.data()), s1));
      adjoint_finish(t.d3.data(), A, U);
      T* next = states + (i * batch + first) * 2 * n;
      s1 = activate(x ? x + (i * batch + first) * m : nullptr, x ? m : 0, weights, next);
      h = next;
    }
  }
};
}  // namespace
