// The backward pass of a block, from the states alone. cpu/__init__.py holds the algebra.
#pragma once

#include "block_forward.h"
#include "lanes.h"

namespace {

// Sums over steps and samples from which the parameters' gradients are computed, one lane per sample: theta1,
// theta3, b and u1 by units, theta2 and u2 by positions in F's output. What is linear is summed up in front of the
// diagonals D1 and D2, which the sums of u1 and u2 get back at the end.
template <typename T, int L>
struct Sums {
  using V = Vector<T, L>;
  using C = Complex<V>;
  V *theta1, *theta2, *theta3, *bias;
  C *u1, *u2;  // u1 without D1, u2 without D2
  Sums(V* memory, Index n)
      : theta1(memory), theta2(memory + n), theta3(memory + 2 * n), bias(memory + 3 * n),
        u1(reinterpret_cast<C*>(memory + 4 * n)), u2(reinterpret_cast<C*>(memory + 6 * n)) {}
  static constexpr Index size(Index n) { return 8 * n; }

  // Adds the sums over lanes to theta1, theta2, theta3, b, u1 and u2 (8n).
  void add_to(double* out, const Tables<T>& t) const {
    for (Index row = 0; row < 4 * t.n; ++row) out[row] += over_lanes(theta1[row]);
    auto add = [](double* to, Complex<T> d, C sum) {
      const double re = over_lanes(sum.re), im = over_lanes(sum.im);
      to[0] += d.re * re - d.im * im, to[1] += d.re * im + d.im * re;
    };
    for (Index k = 0; k < t.n; ++k) {
      add(out + 4 * t.n + 2 * k, t.d1[k], u1[k]);
      add(out + 6 * t.n + 2 * k, t.d2_source[k], u2[k]);
    }
  }
  static double over_lanes(V v) {
    if constexpr (L == 1) return v;
    else
      return [v]<int... i>(std::integer_sequence<int, i...>) URNN_INLINE {
        using Half = Vector<double, L / 2>;
        const Half lower = {static_cast<double>(v[i])...}, upper = {static_cast<double>(v[i + L / 2])...};
        return total<double, L / 2>(lower + upper);
      }(std::make_integer_sequence<int, L / 2>{});
  }
};

template <typename T, int L>
struct Backward : Block<T, L> {
  using B = Block<T, L>;
  using V = typename B::V;
  using C = typename B::C;
  using B::A, B::batch, B::first, B::G, B::GROUP, B::H, B::n, B::samples, B::t, B::U, B::zero;

  const Sequence<T>& past;
  Sums<T, L> sums;
  B again;                   // in which W h of a step is computed again
  mutable Index known = -1;  // the step whose W h is in again.G

  Backward(const Tables<T>& tables, Index batch, Index first, Index samples, const Sequence<T>& past, C* work,
           Sums<T, L> sums)
      : B(tables, batch, first, samples, work), past(past), sums(sums),
        again(tables, batch, first, samples, work + B::planes(tables.n)) {}
  static constexpr Index planes(Index n) { return 2 * B::planes(n); }

  void load_state(const B& block, Index i) const {  // the one before step i, into the block's H
    if (i > 0) block.load(past.states + (i - 1) * batch * 2 * n, 2 * n, block.H);
    else block.load_first(past.h_0, past.h_0_stride);
  }

  void find_product(Index i) const {  // again.G = W h of step i
    if (known == i) return;
    known = i;
    load_state(again, i);
    again.enter();
    again.middle();
    for_each_chunk(t, [&](const Chunk& c) {
      last_stage<T, V>(t, c, t.d3.data(), again.H, again.U);
      c.for_each_run(1, [&](Index k, Index u, Index) { again.G[at(k)] = again.U[u]; });
    });
  }

  // `through_modrelu` of unit k at step i in the lanes that are set in `lanes`, by z itself.
  __attribute__((noinline, cold)) void undo_modrelu_at(Index i, Index k, unsigned lanes, C given, C& g, V& bias,
                                                       V& theta3) const {
    find_product(i);
    const C state = H[at(k)], product = again.G[at(k)];
    for (Index l = 0; l < samples; ++l) {
      if (!(lanes >> l & 1)) continue;
      const Complex<T> h = lane(state, l), Wh = lane(product, l);
      const Complex<double> z = past.add_input(Wh, past.x + (i * batch + first + l) * past.m, n, k);
      Complex<T> own = lane(given, l);
      T own_bias, own_theta3;
      through_modrelu_at<T>(z, {h.re, h.im}, t.bias[k], t.epsilon, own, own_bias, own_theta3);
      set_lane(g.re, l, own.re), set_lane(g.im, l, own.im);
      set_lane(bias, l, own_bias), set_lane(theta3, l, own_theta3);
    }
  }

  // U = dL/dh of step i becomes dL/dz for a tile, by the states H; adds to the sums of b and theta3.
  __attribute__((noinline)) void undo_modrelu(Index step, Index tile, Index place, Index count) const {
    Index e = 0;
    for (; e + GROUP <= count; e += GROUP) undo_some<GROUP>(step, tile + e, place + e);
    for (; e < count; ++e) undo_some<1>(step, tile + e, place + e);
  }
  template <int some>
  URNN_INLINE void undo_some(Index step, Index k, Index place) const {
    C g[some];
    for (int i = 0; i < some; ++i) g[i] = U[place + i];
    undo_units<some, true>(step, k, 1, g);
    for (int i = 0; i < some; ++i) U[place + i] = g[i];
  }
  // g = dL/dh becomes dL/dz for `some` units that are `apart`, from unit k on.
  template <int some, bool with_theta3>
  URNN_INLINE void undo_units(Index step, Index k, Index apart, C* g) const {
    for (int i = 0; i < some; ++i) {
      const Index unit = k + i * apart;
      const C given = g[i];
      V bias, theta3;
      const unsigned unsure = through_modrelu<T, L>(H[at(unit)], V{} + t.bias[unit], V{} + t.unsure[unit],
                                                    t.epsilon, g[i], bias, theta3);
      if (__builtin_expect(unsure != 0, 0)) {
        C found = g[i];  // copies: what has an address stays out of registers
        V found_bias = bias, found_theta3 = theta3;
        undo_modrelu_at(step, unit, unsure, given, found, found_bias, found_theta3);
        g[i] = found, bias = found_bias, theta3 = found_theta3;
      }
      sums.bias[unit] += bias;
      if constexpr (with_theta3) sums.theta3[unit] += theta3;
    }
  }

  // g becomes D1^H R1' D1 g for unit k, the gradient of the state H; adds to the sums of u1 and theta1.
  URNN_INLINE C undo_first_at(Index k, C g, C s1, C c1, C twice) const {
    const C h = H[at(k)];
    accumulate(sums.u1[k], s1, g);
    accumulate(sums.u1[k], c1, h);
    g = reflect(g, t.w1[k], twice);
    sums.theta1[k] += g.im * h.re - g.re * h.im;
    return g;
  }
  // The gradient of the state in U for a chunk, from A, which holds all but the last stage of g.
  __attribute__((noinline)) void undo_first(const Chunk& c, C s1, C c1) const {
    const C twice = scaled(c1, T(2));
    last_stage<T, V>(t, c, t.d1_conj.data(), A, U);
    c.for_each_run(c.legs, [&](Index k, Index place, Index count) URNN_INLINE {
      for (Index j = 0; j < count; ++j) U[place + j] = undo_first_at(k + j, U[place + j], s1, c1, twice);
    });
  }

  // From the last stage of one step's F^H to the first of the step before, for a chunk: A holds all but the last
  // stage of g, dL/dz is left in U, and G receives the first stage of F D3^H dL/dz. Units stay in registers all
  // the way. Leaves out theta3: where the state has no gradient of its own, theta1's sum adds the same.
  template <int R>
  __attribute__((noinline)) void undo_together(const Chunk& c, Index step, C s1, C c1) const {
    const C twice = scaled(c1, T(2));
    const Index apart = c.stride;
    const Complex<T>* w = t.twiddles[0].data() + c.first * (R - 1);
    for (Index j = 0; j < c.legs; ++j, w += R - 1) {
      const Index k = c.first + j;
      C v[R];
      for (int q = 0; q < R; ++q) v[q] = A[at(k + q * apart)];
      for (int q = 1; q < R; ++q) v[q] = times_conj(w[q - 1], v[q]);
      fourier<R, 1, T>(v);
      for (int q = 0; q < R; ++q)
        v[q] = undo_first_at(k + q * apart, times_conj(t.d1[k + q * apart], v[q]), s1, c1, twice);
      undo_units<R, false>(step, k, apart, v);
      for (int q = 0; q < R; ++q) U[q * c.legs + j] = v[q];
      for (int q = 0; q < R; ++q) v[q] = times_conj(t.d3[k + q * apart], v[q]);
      asm("" : "+r"(w));  // else the twiddles are kept in registers, which the units need
      fourier<R, -1, T>(v);
      for (int q = 1; q < R; ++q) v[q] = times(w[q - 1], v[q]);
      for (int q = 0; q < R; ++q) G[at(k + q * apart)] = v[q];
    }
  }

  // A = F D1 h and G = F D3^H dL/dz become the gradient g of R1' D1 h in A, up to the last stage of F^H; returns
  // its product with u1. D2 has length 1/n, so that D2 D2^H has 1/n^2.
  __attribute__((noinline)) C undo_middle(C s1, C s2) const {
    C c2 = zero(), c1 = zero();
    transform_rest<T, V>(t, G, [&](Index p, C g) URNN_INLINE {
      G[at(p)] = g;
      accumulate(c2, t.u2[p], g);
    });
    const C twice1 = scaled(s1, T(2)), twice2 = scaled(c2, T(2));
    const C grown = scaled(s2, static_cast<T>(n) * static_cast<T>(n));
    adjoint_begin<T, V>(t, A, [&](Index q) URNN_INLINE {
      const C a = reflect(A[at(q)], t.f1_source[q], twice1);
      C g = times_conj(t.d2_source[q], G[t.target_row[q]]);
      accumulate(sums.u2[q], grown, g);
      accumulate(sums.u2[q], c2, a);
      g = reflect(g, t.w2[q], twice2);
      sums.theta2[q] += g.im * a.re - g.re * a.im;
      accumulate(c1, t.f1_source[q], g);
      return g;
    });
    return c1;
  }

  // Adds x^T z of one step and the tile from unit k on to `product` (m rows of 2n): the gradient of V, transposed.
  // `z` has rows [Re; Im] of TILE units each. Written over units, since samples may be few: each register of units
  // takes every sample while the sums of some inputs stay in registers.
  static constexpr Index TILE = TILE_WIDTH;
  __attribute__((noinline)) void add_input_product(const T* x, Index m, Index k, Index width, const T* z,
                                                   T* product) const {
    constexpr int lanes = 64 / sizeof(T);
    for (Index part = 0; part < 2; ++part, z += TILE, k += n) {
      if (width % lanes) {
        for (Index c = 0; c < m; ++c)
          for (Index l = 0; l < samples; ++l)
            for (Index e = 0; e < width; ++e) product[c * 2 * n + k + e] += x[l * m + c] * z[l * 2 * TILE + e];
        continue;
      }
      auto sum_up = [&](auto M, Index c, Index e) URNN_INLINE {
        using W = Vector<T, lanes>;
        T* out = product + c * 2 * n + k + e;
        W sum[M];
        for (int i = 0; i < M; ++i) sum[i] = load_row<T, lanes>(out + i * 2 * n);
        for (Index l = 0; l < samples; ++l) {
          const W row = load_row<T, lanes>(z + l * 2 * TILE + e);
          for (int i = 0; i < M; ++i) sum[i] += x[l * m + c + i] * row;
        }
        for (int i = 0; i < M; ++i) std::memcpy(out + i * 2 * n, &sum[i], sizeof(W));
      };
      for (Index e = 0; e < width; e += lanes) {
        Index c = 0;
        for (; c + 5 <= m; c += 5) sum_up(std::integral_constant<int, 5>{}, c, e);
        for (; c < m; ++c) sum_up(std::integral_constant<int, 1>{}, c, e);
      }
    }
  }

  // Steps end-1 ... begin. `carry` holds dL/dh_{end-1} from later steps as rows, and leaves with dL/dh_{begin-1}.
  // Unless they are null, `z_gradient` takes dL/dz of these steps and `product` is added x^T dL/dz. `gradient`
  // (null if there is none) starts at step 0.
  void run(const T* gradient, Index begin, Index end, T* carry, T* z_gradient, T* product) const {
    const Index step = batch * 2 * n;
    alignas(64) T z[L * 2 * TILE];
    C s1 = zero(), c1 = zero();
    B::load(carry, 2 * n, G);
    load_state(*this, end);
    // Compiled for full blocks alone, which time counts in.
    const bool fused = !gradient && L == widest<T>() && (t.radices[0] == 8 || t.radices[0] == 4);
    for (Index i = end; i-- > begin;) {
      const bool together = fused && i + 1 < end;
      for_each_chunk(t, [&](const Chunk& c) {
        if constexpr (L == widest<T>()) {
          if (together && t.radices[0] == 8) undo_together<8>(c, i, s1, c1);
          if (together && t.radices[0] == 4) undo_together<4>(c, i, s1, c1);
        }
        if (!together && i + 1 < end) undo_first(c, s1, c1);
        if (i + 1 == end) c.for_each_run(1, [&](Index k, Index u, Index) { U[u] = G[at(k)]; });
        c.for_each_run(TILE, [&](Index k, Index u, Index count) {
          if (gradient) B::add_tile(k, u, count, gradient + i * step);
          if (gradient && i > 0) B::expect_tile(k, gradient + (i - 1) * step);
          if (i > 0) B::expect_tile(k, past.states + (i - 1) * step);
          if (!together) undo_modrelu(i, k, u, count);
          if (z_gradient) B::store_tile(k, u, count, z_gradient + (i - begin) * step);
          if (product) {
            B::template store_tile<false>(u, count, z, 2 * TILE, TILE);
            add_input_product(past.x + (i * batch + first) * past.m, past.m, k, count, z, product);
          }
        });
        if (!together) first_stage<T, V>(t, c, t.d3_conj.data(), U, G);
      });
      load_state(*this, i);
      B::enter();
      const typename B::Dots s = B::dots();
      s1 = s.s1;
      c1 = undo_middle(s1, s.s2);
    }
    if (fused)  // so far theta1 has every state but that of the last step, of which theta3 has the sum
      for (Index k = 0; k < n; ++k) sums.theta3[k] += sums.theta1[k];
    for_each_chunk(t, [&](const Chunk& c) {
      undo_first(c, s1, c1);
      c.for_each_run(TILE, [&](Index k, Index u, Index count) { B::store_tile(k, u, count, carry); });
    });
  }
};
}  // namespace
