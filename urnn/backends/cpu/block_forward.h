// A block of up to L samples on its way through a whole sequence.
//
// The state of a block lies as [n][L]: one vector register holds one unit of L samples, so every butterfly,
// twiddle and dot product is a full-width operation and the permutation is a row index. A step ends in the stage
// of the transform in which the next one begins, so that the units of a butterfly go through both, and through all
// that is done unit by unit between them, in registers (`turn`), or at least a chunk of units in the first cache.
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
      : t(tables), n(tables.n), batch(batch), first(first), samples(samples), H(work), A(H + rows_for(span_of(n))),
        G(A + rows_for(span_of(n))), U(G + rows_for(span_of(n))) {}
  static constexpr Index planes(Index n) { return 3 * rows_for(span_of(n)) + Chunk::MOST; }

  static C zero() { return {V{}, V{}}; }

  // Rows [Re; Im] of samples, of step `rows`, between memory and lanes.
  void load(const T* rows, Index stride, C* x) const {
    const T* own = rows + first * stride;
    V re[L], im[L];
    Index k = 0;
    with_samples([&](auto full) URNN_INLINE {
      for (; k + L <= n; k += L) {
        load_units<T, L, full>(own + k, stride, samples, re);
        load_units<T, L, full>(own + n + k, stride, samples, im);
        for (int e = 0; e < L; ++e) x[at(k + e)] = {re[e], im[e]};
      }
    });
    if (k == n) return;
    load_few_units<T, L>(own + k, stride, samples, n - k, re);
    load_few_units<T, L>(own + n + k, stride, samples, n - k, im);
    for (Index e = 0; k + e < n; ++e) x[at(k + e)] = {re[e], im[e]};
  }
  // A tile is a run of up to TILE_WIDTH units; the first is k and is in U[i]: U += rows.
  __attribute__((noinline)) void add_tile(Index k, Index i, Index count, const T* rows) const {
    const Index stride = 2 * n, end = i + count;
    const T* own = rows + first * stride + k;
    V tile[L];
    with_samples([&](auto full) URNN_INLINE {
      for (; i + L <= end; i += L, own += L) {
        load_units<T, L, full>(own, stride, samples, tile);
        for (int e = 0; e < L; ++e) U[i + e].re += tile[e];
        load_units<T, L, full>(own + n, stride, samples, tile);
        for (int e = 0; e < L; ++e) U[i + e].im += tile[e];
      }
    });
    if (i == end) return;
    load_few_units<T, L>(own, stride, samples, end - i, tile);
    for (Index e = 0; i + e < end; ++e) U[i + e].re += tile[e];
    load_few_units<T, L>(own + n, stride, samples, end - i, tile);
    for (Index e = 0; i + e < end; ++e) U[i + e].im += tile[e];
  }
  // The same, rows = U; `own` is where the block's first row has the real part of unit k, `apart` further the
  // imaginary one.
  template <bool streams = false>
  __attribute__((noinline)) void store_tile(Index i, Index count, T* own, Index stride, Index apart) const {
    const Index end = i + count;
    V tile[L];
    with_samples([&](auto full) URNN_INLINE {
      for (; i + L <= end; i += L, own += L) {
        for (int e = 0; e < L; ++e) tile[e] = U[i + e].re;
        store_units<T, L, full, streams>(tile, own, stride, samples);
        for (int e = 0; e < L; ++e) tile[e] = U[i + e].im;
        store_units<T, L, full, streams>(tile, own + apart, stride, samples);
      }
    });
    if (i == end) return;
    for (Index e = 0; i + e < end; ++e) tile[e] = U[i + e].re;
    store_few_units<T, L>(tile, own, stride, samples, end - i);
    for (Index e = 0; i + e < end; ++e) tile[e] = U[i + e].im;
    store_few_units<T, L>(tile, own + apart, stride, samples, end - i);
  }
  template <bool streams = false>
  void store_tile(Index k, Index i, Index count, T* rows) const {
    store_tile<streams>(i, count, rows + first * 2 * n + k, 2 * n, n);
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

  void load_first(const T* h_0, Index stride) const {  // the state before step 0; stride 0: one for all samples
    if (stride) return load(h_0, stride, H);
    for (Index k = 0; k < n; ++k) H[at(k)] = {V{} + h_0[k], V{} + h_0[n + k]};
  }

  // The first stage of F D1 H into A.
  __attribute__((noinline)) void enter() const {
    stage<-1, T, V, true>(
        t, 0, n, 0, n, A, [&](Index k) URNN_INLINE { return times(t.d1[k], H[at(k)]); },
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
  __attribute__((noinline)) void middle() const {
    const Dots s = dots();
    const C twice1 = scaled(s.s1, T(2)), twice2 = scaled(s.s2, T(2));
    adjoint_begin<T, V>(t, H, [&](Index p) URNN_INLINE {
      return reflect(reflect(times(t.d2[p], A[t.source_row[p]]), t.f1[p], twice1), t.u2[p], twice2);
    });
  }

  // What the input adds in a step: V as `InputWeights` lays it out, and the m features in lanes.
  struct Input {
    Index m;
    const T* weights;
    V lanes[WIDEST_INPUT];
  };

  // z becomes h = modReLU(z + V x; b) for `some` units that are `apart`, from unit k on.
  template <int some>
  URNN_INLINE void activate(C* z, Index k, Index apart, const Input& x) const {
    const Index unit = 2 * x.m, step = unit * apart;
    const T* w = x.weights + unit * k;
    for (Index c = 0; c < x.m; ++c, w += 2) {
      const V value = x.lanes[c];
      repeat<some>([&](auto i) URNN_INLINE {
        z[i].re += w[i * step] * value;
        z[i].im += w[i * step + 1] * value;
      });
    }
    V scale[some];
    for (int i = 0; i < some; ++i) scale[i] = z[i].re * z[i].re + z[i].im * z[i].im;
    modrelu_scales<T, L, some>(
        scale, [&](int i) URNN_INLINE { return every<T, L>(t.bias[k + i * apart]); }, t.epsilon);
    for (int i = 0; i < some; ++i) z[i] = {z[i].re * scale[i], z[i].im * scale[i]};
  }

  // From the last stage of one step to the first of the next, for a chunk: H holds all but the last stage of W h,
  // the next h is left in U, and A receives the first stage of F D1 h.
  void turn(const Chunk& c, const Input& x, const T* rows) const {
    with_radix_of<8, 4, 5, 6, 3>(x.m && !t.large_bias ? t.radices[0] : 0, [&](auto radix) URNN_INLINE {
      // Compiled for full blocks alone, which time counts in.
      if constexpr (radix.value > 0 && L == widest<T>()) turn_together<radix.value>(c, x);
      else turn_apart(c, x, rows);
    });
  }
  // Units stay in registers all the way.
  template <int R>
  __attribute__((noinline)) void turn_together(const Chunk& c, const Input& x) const {
    const Index apart = c.stride;
    const Complex<T>* w = t.twiddles[0].data() + c.first * (R - 1);
    for (Index j = 0; j < c.legs; ++j, w += R - 1) {
      const Index k = c.first + j;
      C v[R];
      for (int q = 0; q < R; ++q) v[q] = H[at(k + q * apart)];
      for (int q = 1; q < R; ++q) v[q] = times_conj(w[q - 1], v[q]);
      fourier<R, 1, T>(v);
      for (int q = 0; q < R; ++q) v[q] = times(t.d3[k + q * apart], v[q]);
      activate<R>(v, k, apart, x);
      for (int q = 0; q < R; ++q) U[q * c.legs + j] = v[q];
      for (int q = 0; q < R; ++q) v[q] = times(t.d1[k + q * apart], v[q]);
      asm("" : "+r"(w));  // else the twiddles are kept in registers, which the units need
      fourier<R, -1, T>(v);
      for (int q = 1; q < R; ++q) v[q] = times(w[q - 1], v[q]);
      for (int q = 0; q < R; ++q) A[at(k + q * apart)] = v[q];
    }
  }
  // The same in passes over the chunk; without input, `rows` hold V x.
  __attribute__((noinline)) void turn_apart(const Chunk& c, const Input& x, const T* rows) const {
    last_stage<T, V>(t, c, t.d3.data(), H, U);
    c.for_each_run(TILE_WIDTH, [&](Index k, Index u, Index count) {
      if (!x.m) add_tile(k, u, count, rows);
      activate_tile(k, u, count, x);
    });
    first_stage<T, V>(t, c, t.d1.data(), U, A);
  }
  __attribute__((noinline)) void activate_tile(Index tile, Index place, Index count, const Input& x) const {
    Index e = 0;
    for (; e + GROUP <= count && !t.large_bias; e += GROUP) activate_some<GROUP>(tile + e, place + e, x);
    for (; e < count; ++e) {
      if (__builtin_expect(t.large_bias, 0)) activate_large(U[place + e], tile + e, x);
      else activate_some<1>(tile + e, place + e, x);
    }
  }
  template <int some>
  URNN_INLINE void activate_some(Index k, Index place, const Input& x) const {
    C z[some];
    for (int i = 0; i < some; ++i) z[i] = U[place + i];
    activate<some>(z, k, 1, x);
    for (int i = 0; i < some; ++i) U[place + i] = z[i];
  }
  // `activate` for a unit whose b may be `is_large`.
  __attribute__((noinline, cold)) void activate_large(C& z, Index k, const Input& x) const {
    const T* w = x.weights + 2 * x.m * k;
    for (Index c = 0; c < x.m; ++c, w += 2) {
      z.re += w[0] * x.lanes[c];
      z.im += w[1] * x.lanes[c];
    }
    const V b = every<T, L>(t.bias[k]);
    V scale = z.re * z.re + z.im * z.im;
    modrelu_scales<T, L, 1>(&scale, [&](int) { return b; }, t.epsilon);
    scale = rescaled<T, L>(z, b, t.epsilon, scale);
    z = {z.re * scale, z.im * scale};
  }

  // z = W h + V x, h = modReLU(z; b) for every step; states receives each h as rows [Re; Im] of a sample.
  // x has at most WIDEST_INPUT features and `weights` holds V as `InputWeights` lays it out; where x is null,
  // states holds V x on entry.
  void forward(const T* h_0, Index h_0_stride, const T* x, Index m, const T* weights, T* states,
               Index steps) const {
    // States that no cache can hold till they are read need not push out what is worked on. Where tiles are no
    // whole lines of the cache, the rows of a step are put together first, in the plane that only the backward
    // pass needs.
    constexpr Index LARGE = 8 << 20, LINE = 64 / sizeof(T);
    const bool past_caches =
        L == widest<T>() && STREAMS && steps * batch * 2 * n * static_cast<Index>(sizeof(T)) > LARGE;
    const bool in_lines =
        n % LINE == 0 && n / t.radices[0] % LINE == 0 && reinterpret_cast<std::uintptr_t>(states) % 64 == 0;
    T* const together = past_caches && !in_lines ? reinterpret_cast<T*>(G) : nullptr;
    Input input{x ? m : 0, weights, {}};
    load_first(h_0, h_0_stride);
    enter();
    for (Index i = 0; i < steps; ++i) {
      middle();
      T* rows = states + i * batch * 2 * n;
      if (x) load_input(x + (i * batch + first) * m, input);
      for_each_chunk(t, [&](const Chunk& c) {
        turn(c, input, rows);
        c.for_each_run(TILE_WIDTH, [&](Index k, Index u, Index count) {
          if (together) store_tile(u, count, together + k, 2 * n, n);
          else if (past_caches) store_tile<true>(k, u, count, rows);
          else store_tile(k, u, count, rows);
        });
      });
      if (together) copy_past_caches(together, samples * 2 * n, rows + first * 2 * n);
    }
  }

  void load_input(const T* rows, Input& x) const {
    for (Index c = 0; c < x.m; ++c) {
      T values[L] = {};
      for (Index l = 0; l < samples; ++l) values[l] = rows[l * x.m + c];
      std::memcpy(&x.lanes[c], values, sizeof(V));
    }
  }
};
}  // namespace
