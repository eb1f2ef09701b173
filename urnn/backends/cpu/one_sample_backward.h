// The backward pass of one sample alone, from the states alone. cpu/__init__.py holds the algebra; all
// that is linear is done in front of the diagonals D1 and D2, which the sums of u1 and u2 get back at the end.
#pragma once

#include "one_sample_forward.h"

namespace {

template <typename T>
struct SingleBackward : Single<T> {
  using S = Single<T>;
  using V = typename S::V;
  using C = typename S::C;
  using Scalar = typename S::Scalar;
  using S::A, S::batch, S::epsilon, S::first, S::G, S::GROUP, S::L, S::n, S::P, S::rows, S::t, S::U;
  // Steps whose part of V's gradient is added together, so that it passes through the registers less often.
  static constexpr Index TOGETHER = 8;

  const Sequence<T>& past;
  S again;                   // in which W h of a step is computed again
  mutable Index known = -1;  // the step whose W h is in again.U

  V *theta1, *theta2, *theta3, *bias;  // sums over steps that the gradients are made of
  C *u1, *u2;                          // u1 without D1, u2 without D2
  T *carried, *Z;                      // D1^H times a state's gradient before R1'; dL/dz of some steps

  SingleBackward(const Tables<T>& tables, const SingleTables<T>& t, Index batch, Index first,
                 const Sequence<T>& past, C* work)
      : S(tables, t, batch, first, work), past(past), again(tables, t, batch, first, work + S::planes(tables.n)) {
    V* sums = reinterpret_cast<V*>(work + 2 * S::planes(n));
    theta1 = sums, theta2 = theta1 + rows, theta3 = theta2 + rows, bias = theta3 + rows;
    u1 = reinterpret_cast<C*>(bias + rows), u2 = u1 + rows;
    carried = U, Z = reinterpret_cast<T*>(u2 + rows);
    std::memset(static_cast<void*>(sums), 0, 8 * n * sizeof(T));
  }
  static constexpr Index planes(Index n) { return 2 * S::planes(n) + (4 + TOGETHER) * n / L; }

  // z = D1^H R1' D1 applied to what is carried, for the state h; adds to the sums of u1 and theta1.
  __attribute__((noinline)) void undo_first(const T* h, Scalar s1, Scalar c1, T* z) const {
    const Scalar twice = scaled(c1, T(2));
    for (Index k = 0; k < rows; ++k) {
      const C a = S::unit(h, k);
      C g = S::unit(carried, k);
      accumulate(u1[k], s1, g);
      accumulate(u1[k], c1, a);
      g = reflect(g, t.w1[k], twice);
      theta1[k] += g.im * a.re - g.re * a.im;
      S::put(g, z, k);
    }
  }

  const T* state(Index i) const {  // the one before step i
    return i > 0 ? past.states + ((i - 1) * batch + first) * 2 * n : past.h_0 + first * past.h_0_stride;
  }

  void find_product(Index i) const {  // again.U = W h of step i
    if (known == i) return;
    known = i;
    const T* h = state(i);
    const Scalar s1 = again.dot(t.w1.data(), h);
    again.begin(t.d1.data(), h, again.A);
    again.middle(s1, again.second_dot(again.finish_pairs(again.A, t.w2.data()), s1));
    again.adjoint_finish(t.d3.data(), again.A, again.U);
  }

  // `through_modrelu` of row k at step i in the lanes that are set in `lanes`, by z itself.
  __attribute__((noinline, cold)) void undo_modrelu_at(Index i, Index k, unsigned lanes, C given, C& g, V& bias,
                                                       V& theta3) const {
    find_product(i);
    const C states = S::unit(state(i + 1), k), product = again.unit(again.U, k);
    for (Index l = 0; l < L; ++l) {
      if (!(lanes >> l & 1)) continue;
      const Scalar h = lane(states, l), Wh = lane(product, l);
      const Complex<double> z = past.add_input(Wh, past.x + (i * batch + first) * past.m, n, k * L + l);
      Scalar own = lane(given, l);
      T own_bias, own_theta3;
      through_modrelu_at<T>(z, {h.re, h.im}, lane(t.bias[k], l), epsilon, own, own_bias, own_theta3);
      set_lane(g.re, l, own.re), set_lane(g.im, l, own.im);
      set_lane(bias, l, own_bias), set_lane(theta3, l, own_theta3);
    }
  }

  // z = dL/dh of step i, to which `gradient` is added unless it is null, becomes dL/dz; adds to the sums of b and
  // theta3.
  __attribute__((noinline)) void undo_modrelu(Index step, const T* h, const T* gradient, T* z) const {
    for (Index k = 0; k < rows; k += GROUP) {
      C g[GROUP];
      V b[GROUP], turn[GROUP];
      unsigned unsure[GROUP], any = 0;
      for (int i = 0; i < GROUP; ++i) {
        g[i] = S::unit(z, k + i);
        if (gradient) g[i] = g[i] + S::unit(gradient, k + i);
        unsure[i] =
            through_modrelu<T, L>(S::unit(h, k + i), t.bias[k + i], t.unsure[k + i], epsilon, g[i], b[i], turn[i]);
        any |= unsure[i];
      }
      if (__builtin_expect(any != 0, 0))
        for (int i = 0; i < GROUP; ++i) {
          C given = S::unit(z, k + i), found = g[i];  // copies: what has an address stays out of registers
          if (gradient) given = given + S::unit(gradient, k + i);
          V found_b = b[i], found_turn = turn[i];
          undo_modrelu_at(step, k + i, unsure[i], given, found, found_b, found_turn);
          g[i] = found, b[i] = found_b, turn[i] = found_turn;
        }
      for (int i = 0; i < GROUP; ++i) {
        S::put(g[i], z, k + i);
        bias[k + i] += b[i];
        theta3[k + i] += turn[i];
      }
    }
  }

  // From A = F D1 h and the F D3^H dL/dz in P to G = F^H times the gradient of F R1' D1 h, as far as the lanes go;
  // adds to the sums of u2 and theta2.
  __attribute__((noinline)) void undo_middle(Scalar s1, Scalar s2, Scalar c2) const {
    const Scalar twice1 = scaled(s1, T(2)), twice2 = scaled(c2, T(2));
    const Scalar grown = scaled(s2, static_cast<T>(n) * static_cast<T>(n));  // D2 has length 1/n, so D2 D2^H 1/n^2
    S::adjoint_begin(G, [&](Index k, C* g) URNN_INLINE {
      for (int i = 0; i < GROUP; ++i) {
        const Index q = k + i;
        const C a = reflect(A[at(q)], t.f1_source[q], twice1);
        g[i] = times(t.d2_source_conj[q], picked<T, L>(P, &t.target[q * L]));
        accumulate(u2[q], grown, g[i]);
        accumulate(u2[q], c2, a);
        g[i] = reflect(g[i], t.w2[q], twice2);
        theta2[q] += g[i].im * a.re - g[i].re * a.im;
      }
    });
  }

  // product (m, 2n) += x^T z for `steps` steps, whose x are `stride` apart.
  __attribute__((noinline)) void add_input_product(const T* x, Index stride, Index m, const T* z, Index steps,
                                                   T* product) const {
    for (Index c = 0; c < m; ++c, product += 2 * n)
      for (Index k = 0; k < 2 * n; k += GROUP * L) {
        V sum[GROUP];
        for (int g = 0; g < GROUP; ++g) sum[g] = load_row<T, L>(product + k + g * L);
        for (Index i = 0; i < steps; ++i)
          for (int g = 0; g < GROUP; ++g) sum[g] += x[i * stride + c] * load_row<T, L>(z + i * 2 * n + k + g * L);
        for (int g = 0; g < GROUP; ++g) std::memcpy(product + k + g * L, &sum[g], sizeof(V));
      }
  }

  // As `Backward::run`.
  void run(const T* gradient, Index begin, Index end, T* carry, T* z_gradient, T* product) const {
    const Index step = batch * 2 * n, own = first * 2 * n;
    const std::size_t bytes = 2 * n * sizeof(T);
    const T* h = state(end);
    Scalar s1{}, c1{};
    for (Index i = end; i-- > begin;) {
      const Index place = i % TOGETHER;
      T* z = Z + place * 2 * n;
      if (i + 1 < end) undo_first(h, s1, c1, z);
      else std::memcpy(z, carry + own, bytes);
      undo_modrelu(i, h, gradient ? gradient + i * step + own : nullptr, z);
      if (z_gradient) std::memcpy(z_gradient + (i - begin) * step + own, z, bytes);
      S::begin(t.d3_conj.data(), z, G);
      const Scalar c2 = S::finish_pairs(G, t.u2.data());
      h = state(i);
      s1 = S::dot(t.w1.data(), h);
      S::begin(t.d1.data(), h, A);
      const Scalar part = S::finish(A, t.w2.data(), [this](Index k, C a) URNN_INLINE { A[at(k)] = a; });
      undo_middle(s1, S::second_dot(part, s1), c2);
      S::adjoint_finish(t.d1_conj.data(), G, carried);
      c1 = S::dot(t.w1.data(), carried);
      if (product && (place == 0 || i == begin)) {
        const Index last = std::min(end - 1, i + TOGETHER - 1 - place);
        const T* x = past.x + (i * batch + first) * past.m;
        add_input_product(x, batch * past.m, past.m, z, last - i + 1, product);
      }
    }
    undo_first(h, s1, c1, carry + own);
  }

  // Adds the sums to theta1, theta2, theta3, b, u1 and u2 (8n), in the order of the block's tables.
  void add_sums(double* out) const {
    for (Index k = 0; k < n; ++k) {
      const Index row = k / L, lane = k % L, place = t.place[k];
      auto add = [lane](double* to, C d, C sum) {
        const double re = sum.re[lane], im = sum.im[lane];
        to[0] += d.re[lane] * re - d.im[lane] * im, to[1] += d.re[lane] * im + d.im[lane] * re;
      };
      out[k] += theta1[row][lane], out[n + place] += theta2[row][lane];
      out[2 * n + k] += theta3[row][lane], out[3 * n + k] += bias[row][lane];
      add(out + 4 * n + 2 * k, t.d1[row], u1[row]);
      add(out + 6 * n + 2 * place, t.d2_source[row], u2[row]);
    }
  }
};
}  // namespace
