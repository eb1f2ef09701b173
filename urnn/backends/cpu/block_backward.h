// The backward pass of a block, from the states alone. cpu/__init__.py holds the algebra.
#pragma once

#include "block_forward.h"

namespace {

// Sums over steps and samples from which the parameters' gradients are computed, one lane per sample: theta1,
// theta3, b and u1 by units, theta2 and u2 by positions in F's output.
template <typename T, int L>
struct Sums {
  using V = Vector<T, L>;
  using C = Complex<V>;
  V *theta1, *theta2, *theta3, *bias;
  C *u1, *u2;
  Sums(V* memory, Index n)
      : theta1(memory), theta2(memory + n), theta3(memory + 2 * n), bias(memory + 3 * n),
        u1(reinterpret_cast<C*>(memory + 4 * n)), u2(reinterpret_cast<C*>(memory + 6 * n)) {}
  static constexpr Index size(Index n) { return 8 * n; }
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
    V bias[some], theta3[some];
    C g[some];
    unsigned unsure[some], any = 0;
    for (int i = 0; i < some; ++i) {
      g[i] = U[place + i];
      unsure[i] = through_modrelu<T, L>(H[at(k + i)], V{} + t.bias[k + i], V{} + t.unsure[k + i], t.epsilon, g[i],
                                        bias[i], theta3[i]);
      any |= unsure[i];
    }
    if (__builtin_expect(any != 0, 0))
      for (int i = 0; i < some; ++i) {
        C found = g[i];  // copies: what has an address stays out of registers
        V found_bias = bias[i], found_theta3 = theta3[i];
        undo_modrelu_at(step, k + i, unsure[i], U[place + i], found, found_bias, found_theta3);
        g[i] = found, bias[i] = found_bias, theta3[i] = found_theta3;
      }
    for (int i = 0; i < some; ++i) {
      U[place + i] = g[i];
      sums.bias[k + i] += bias[i];
      sums.theta3[k + i] += theta3[i];
    }
  }

  // U = D1^H R1' G for a chunk, G the gradient of R1' D1 H; adds to the sums of u1 and theta1.
  __attribute__((noinline)) void undo_first(const Chunk& c, C s1, C c1) const {
    const C twice = scaled(c1, T(2));
    c.for_each_run(c.legs, [&](Index base, Index place, Index count) URNN_INLINE {
      for (Index j = 0; j < count; ++j) {
        const Index k = base + j;
        const C a = times(t.d1[k], H[at(k)]);
        C g = G[at(k)];
        accumulate(sums.u1[k], s1, g);
        accumulate(sums.u1[k], c1, a);
        g = reflect(g, t.u1[k], twice);
        sums.theta1[k] += g.im * a.re - g.re * a.im;
        U[place + j] = times_conj(t.d1[k], g);
      }
    });
  }

  // A = F D1 H and G = F D3^H dL/dz become the gradient of R1' D1 H in G; returns its product with u1.
  __attribute__((noinline)) C undo_middle(C s1, C s2) const {
    C c2 = zero(), c1 = zero();
    transform_rest<T, V>(t, G, [&](Index p, C g) URNN_INLINE {
      G[at(p)] = g;
      accumulate(c2, t.u2[p], g);
    });
    const C twice1 = scaled(s1, T(2)), twice2 = scaled(c2, T(2));
    adjoint_begin<T, V>(t, A, [&](Index q) URNN_INLINE {
      const C a = times(t.d2_source[q], reflect(A[at(q)], t.f1_source[q], twice1));
      C g = G[t.target_row[q]];
      accumulate(sums.u2[q], s2, g);
      accumulate(sums.u2[q], c2, a);
      g = reflect(g, t.u2_source[q], twice2);
      sums.theta2[q] += g.im * a.re - g.re * a.im;
      return times_conj(t.d2_source[q], g);
    });
    stage<1, T, V, true>(
        t, 0, n, 0, n, A, [&](Index k) URNN_INLINE { return A[at(k)]; },
        [&](Index k, C g) URNN_INLINE {
          G[at(k)] = g;
          accumulate(c1, t.u1[k], g);
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
    for (Index i = end; i-- > begin;) {
      for_each_chunk(t, [&](const Chunk& c) {
        if (i + 1 < end) undo_first(c, s1, c1);
        else c.for_each_run(1, [&](Index k, Index u, Index) { U[u] = G[at(k)]; });
        c.for_each_run(TILE, [&](Index k, Index u, Index count) {
          if (gradient) B::add_tile(k, u, count, gradient + i * step);
          if (gradient && i > 0) B::expect_tile(k, gradient + (i - 1) * step);
          undo_modrelu(i, k, u, count);
          if (z_gradient) B::store_tile(k, u, count, z_gradient + (i - begin) * step);
          if (product) {
            B::template store_tile<false>(u, count, z, 2 * TILE, TILE);
            add_input_product(past.x + (i * batch + first) * past.m, past.m, k, count, z, product);
          }
        });
        first_stage<T, V>(t, c, t.d3_conj.data(), U, G);
      });
      load_state(*this, i);
      B::enter();
      const typename B::Dots s = B::dots();
      s1 = s.s1;
      c1 = undo_middle(s1, s.s2);
    }
    for_each_chunk(t, [&](const Chunk& c) {
      undo_first(c, s1, c1);
      c.for_each_run(TILE, [&](Index k, Index u, Index count) { B::store_tile(k, u, count, carry); });
    });
  }
};
}  // namespace
