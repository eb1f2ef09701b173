// A block of up to L samples on its way through a whole sequence.
//
// The state of a block lies as [n][L]: one vector register holds one unit of L samples, so every butterfly,
// twiddle and dot product is a full-width operation and the permutation is a row index. A step ends in the stage
// of the transform in which the next one begins, so that the units of a butterfly go through both, and through all
// that is done unit by unit between them, in registers.
#pragma once

#include "tables.h"

namespace {

template <typename T, int L>
struct Block {
  using V = Vector<T, L>;
  using C = Complex<V>;
  // Units computed together: each alone is one long chain of dependent operations.
  static constexpr int GROUP = 4;

  const Tables<T>& t;
  Index n, batch, first, samples;  // samples <= L, from row `first` of `batch`
  C *H, *A, *G, *U;                // three states and a chunk

  Block(const Tables<T>& tables, Index batch, Index first, Index samples, C* work)
      : t(tables), n(tables.n), batch(batch), first(first), samples(samples), H(work), A(H + rows_for(n)),
        G(A + rows_for(n)), U(G + rows_for(n)) {}
  static constexpr Index planes(Index n) { return 3 * rows_for(n) + Chunk::MOST; }

  static C zero() { return {V{}, V{}}; }

  // Rows [Re; Im] of samples, of step `rows`, between memory and lanes.
  void load(const T* rows, Index stride, C* x) const {
    const T* own = rows + first * stride;
    if (n < L) {
      for (Index k = 0; k < n; ++k) x[at(k)] = gather(own + k, stride);
      return;
    }
    with_samples([&](auto full) URNN_INLINE {
      for (Index k = 0; k < n; k += L) {
        V re[L], im[L];
        load_units<T, L, full>(own + k, stride, samples, re);
        load_units<T, L, full>(own + n + k, stride, samples, im);
        for (int e = 0; e < L; ++e) x[at(k + e)] = {re[e], im[e]};
      }
    });
  }
  // A tile is a run of 16 units, n if there are fewer; the first is k and is in U[i]: U += rows, or U = rows.
  Index tile_width() const { return std::min<Index>(16, n); }
  template <bool adds = true>
  __attribute__((noinline)) void add_tile(Index k, Index i, const T* rows) const {
    const Index stride = 2 * n;
    const T* own = rows + first * stride + k;
    if (n < L)
      for (Index e = 0; e < n; ++e) U[i + e] = adds ? U[i + e] + gather(own + e, stride) : gather(own + e, stride);
    else
      with_samples([&](auto full) URNN_INLINE {
        for (Index end = i + tile_width(); i < end; i += L, own += L) {
          V tile[L];
          load_units<T, L, full>(own, stride, samples, tile);
          for (int e = 0; e < L; ++e) U[i + e].re = adds ? U[i + e].re + tile[e] : tile[e];
          load_units<T, L, full>(own + n, stride, samples, tile);
          for (int e = 0; e < L; ++e) U[i + e].im = adds ? U[i + e].im + tile[e] : tile[e];
        }
      });
  }
  // The same, rows = U; `own` is where the block's first row has the real part of unit k, `apart` further the
  // imaginary one.
  template <bool streams = false>
  __attribute__((noinline)) void store_tile(Index i, T* own, Index stride, Index apart) const {
    if (n < L)
      for (Index e = 0; e < n; ++e) scatter(U[i + e], own + e, stride, apart);
    else
      with_samples([&](auto full) URNN_INLINE {
        for (Index end = i + tile_width(); i < end; i += L, own += L) {
          V tile[L];
          for (int e = 0; e < L; ++e) tile[e] = U[i + e].re;
          store_units<T, L, full, streams>(tile, own, stride, samples);
          for (int e = 0; e < L; ++e) tile[e] = U[i + e].im;
          store_units<T, L, full, streams>(tile, own + apart, stride, samples);
        }
      });
  }
  template <bool streams = false>
  void store_tile(Index k, Index i, T* rows) const {
    store_tile<streams>(i, rows + first * 2 * n + k, 2 * n, n);
  }
  // Prefetches a tile of rows that will be read a step later: the hardware does not see the order of chunks.
  URNN_INLINE void expect_tile(Index k, const T* rows) const {
    const T* row = rows + first * 2 * n + k;
    for (Index l = 0; l < samples; ++l, row += 2 * n)
      __builtin_prefetch(row, 0, 2), __builtin_prefetch(row + n, 0, 2);
  }
  // Calls f with a constant: whether every lane has a sample.
  template <class F>
  URNN_INLINE void with_samples(F f) const {
    if (samples == L) f(std::true_type{});
    else f(std::false_type{});
  }
  // One unit, if there are fewer units than samples: there is no square to transpose.
  C gather(const T* rows, Index stride) const {
    T re[L] = {}, im[L] = {};
    for (Index l = 0; l < samples; ++l) re[l] = rows[l * stride], im[l] = rows[l * stride + n];
    C value;
    std::memcpy(&value.re, re, sizeof(V));
    std::memcpy(&value.im, im, sizeof(V));
    return value;
  }
  void scatter(C value, T* rows, Index stride, Index apart) const {
    T re[L], im[L];
    std::memcpy(re, &value.re, sizeof(V));
    std::memcpy(im, &value.im, sizeof(V));
    for (Index l = 0; l < samples; ++l) rows[l * stride] = re[l], rows[l * stride + apart] = im[l];
  }

  void load_first(const T* h_0, Index stride) const {  // the state before step 0; stride 0: one for all samples
    if (stride) return load(h_0, stride, H);
    for (Index k = 0; k < n; ++k) H[at(k)] = {V{} + h_0[k], V{} + h_0[n + k]};
  }

  // The first stage of F D1 H into A.
  __attribute__((noinline)) void enter() const {
    stage<-1, T, V, true>(
        t, 0, n, 0, n, [&](Index k) URNN_INLINE { return times(t.d1[k], H[at(k)]); },
        [&](Index k, C a) URNN_INLINE { A[at(k)] = a; });
  }

  // The rest of A = F D1 h. The products of the reflections are taken where butterflies are mostly additions,
  // which leave the multipliers free: s1 = u1^H D1 h and s2 = u2^H D2 Pi F R1' D1 h.
  struct Dots {
    C s1, s2;
  };
  __attribute__((noinline)) Dots dots() const {
    C s1 = zero(), part = zero();
    transform_rest<T, V>(t, A, [&](Index q, C a) URNN_INLINE {
      A[at(q)] = a;
      accumulate(s1, t.w1_source[q], a);
      accumulate(part, t.w2[q], a);
    });
    return {s1, reflect(part, t.cross, scaled(s1, T(2)))};
  }

  // The rest of A = F D1 h, and W h in H up to the last stage and D3.
  URNN_INLINE void middle() const {
    const Dots s = dots();
    const C twice1 = scaled(s.s1, T(2)), twice2 = scaled(s.s2, T(2));
    adjoint_begin<T, V>(t, H, [&](Index p) URNN_INLINE {
      return reflect(reflect(times(t.d2[p], A[t.source_row[p]]), t.f1[p], twice1), t.u2[p], twice2);
    });
  }

  // z becomes h = modReLU(z + V x; b) for R units that are `apart`, from unit k on.
  template <int M, int R>
  URNN_INLINE void activate(C* z, Index k, Index apart, const T* weights, const V* lanes) const {
    const T* w = weights + 2 * M * k;
    repeat<M>([&](auto m) URNN_INLINE {
      for (int q = 0; q < R; ++q) {
        z[q].re += w[2 * M * q * apart + m] * lanes[m];
        z[q].im += w[2 * M * q * apart + M + m] * lanes[m];
      }
    });
    V scale[R];
    for (int q = 0; q < R; ++q) scale[q] = z[q].re * z[q].re + z[q].im * z[q].im;
    modrelu_scales<T, L, R>(
        scale, [&](int q) URNN_INLINE { return every<T, L>(t.bias[k + q * apart]); }, t.epsilon);
    for (int q = 0; q < R; ++q) z[q] = {z[q].re * scale[q], z[q].im * scale[q]};
  }

  // From the last stage of one step to the first of the next, for a chunk whose V x is in U unless M > 0: H
  // becomes z - V x, h is left in U, and A receives the first stage of F D1 h. Units stay in registers all the
  // way.
  template <int M>
  __attribute__((noinline)) void turn(const Chunk& c, const T* weights, const V* lanes) const {
    if (__builtin_expect(t.large_bias, 0)) return turn_large(c, weights, M, lanes);
    with_radix(t.radices[0], [&](auto radix) URNN_INLINE {
      constexpr int R = radix.value;
      const Index apart = c.stride;
      const Complex<T>* w = t.twiddles[0].data() + c.first * (R - 1);
      for (Index j = 0; j < c.legs; ++j, w += R - 1) {
        const Index k = c.first + j;
        asm("" : "+r"(lanes));  // else they are kept in registers, which the units need
        C v[R];
        for (int q = 0; q < R; ++q) v[q] = H[at(k + q * apart)];
        for (int q = 1; q < R; ++q) v[q] = times_conj(w[q - 1], v[q]);
        fourier<R, 1, T>(v);
        for (int q = 0; q < R; ++q) v[q] = times(t.d3[k + q * apart], v[q]);
        if constexpr (M == 0)
          for (int q = 0; q < R; ++q) v[q] = v[q] + U[q * c.legs + j];
        activate<M, R>(v, k, apart, weights, lanes);
        for (int q = 0; q < R; ++q) U[q * c.legs + j] = v[q];
        for (int q = 0; q < R; ++q) v[q] = times(t.d1[k + q * apart], v[q]);
        asm("" : "+r"(w));  // the same for the twiddles
        fourier<R, -1, T>(v);
        for (int q = 1; q < R; ++q) v[q] = times(w[q - 1], v[q]);
        for (int q = 0; q < R; ++q) A[at(k + q * apart)] = v[q];
      }
    });
  }
  // The same where a b is `is_large`.
  __attribute__((noinline, cold)) void turn_large(const Chunk& c, const T* weights, Index M,
                                                  const V* lanes) const {
    C z[Chunk::MOST];
    last_stage<T, V>(t, c, t.d3.data(), H, z);
    c.for_each_run(1, [&](Index k, Index u) {
      C sum = M ? z[u] : z[u] + U[u];
      for (Index m = 0; m < M; ++m) {
        sum.re += weights[2 * M * k + m] * lanes[m];
        sum.im += weights[2 * M * k + M + m] * lanes[m];
      }
      const V b = every<T, L>(t.bias[k]);
      V scale = sum.re * sum.re + sum.im * sum.im;
      modrelu_scales<T, L, 1>(&scale, [&](int) { return b; }, t.epsilon);
      scale = rescaled<T, L>(sum, b, t.epsilon, scale);
      U[u] = {sum.re * scale, sum.im * scale};
    });
    first_stage<T, V>(t, c, t.d1.data(), U, A);
  }

  // z = W h + V x, h = modReLU(z; b) for every step; states receives each h as rows [Re; Im] of a sample.
  // x has at most 16 features and `weights` holds V as `input_weights` lays it out; where x is null, states holds
  // V x on entry.
  void forward(const T* h_0, Index h_0_stride, const T* x, Index m, const T* weights, T* states,
               Index steps) const {
    // States that no cache can hold till they are read need not push out what is worked on.
    constexpr Index LARGE = 8 << 20;
    const bool past_caches = steps * batch * 2 * n * static_cast<Index>(sizeof(T)) > LARGE &&
                             static_cast<std::size_t>(n) >= 64 / sizeof(T) &&
                             reinterpret_cast<std::uintptr_t>(states) % 64 == 0;
    load_first(h_0, h_0_stride);
    enter();
    for (Index i = 0; i < steps; ++i) {
      middle();
      T* rows = states + i * batch * 2 * n;
      with_input<0, 2, 10, 16>(x ? x + (i * batch + first) * m : nullptr, x ? m : 0, [&](auto M, const V* lanes) {
        for_each_chunk(t, [&](const Chunk& c) {
          if (M == 0) c.for_each_run(tile_width(), [&](Index k, Index u) { add_tile<false>(k, u, rows); });
          turn<M>(c, weights, lanes);
          c.for_each_run(tile_width(), [&](Index k, Index u) {
            if (past_caches) store_tile<true>(k, u, rows);
            else store_tile(k, u, rows);
          });
        });
      });
    }
  }

  // Calls f with the input of a step in a constant number of registers.
  template <int M, int... wider, class F>
  URNN_INLINE void with_input(const T* rows, Index m, F f) const {
    if (m <= M) {
      V lanes[std::max(M, 1)] = {};
      load_input(rows, m, lanes);
      f(std::integral_constant<int, M>{}, lanes);
    } else if constexpr (sizeof...(wider) > 0) {
      with_input<wider...>(rows, m, f);
    }
  }
  void load_input(const T* rows, Index m, V* lanes) const {
    for (Index c = 0; c < m; ++c) {
      T values[L] = {};
      for (Index l = 0; l < samples; ++l) values[l] = rows[l * m + c];
      std::memcpy(&lanes[c], values, sizeof(V));
    }
  }
};
}  // namespace
