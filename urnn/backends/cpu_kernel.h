// The uRNN over a whole sequence for a block of up to L samples, forward and backward.
//
// The state of a block lies as [n][L]: one vector register holds one unit of L samples, so every butterfly,
// twiddle and dot product is a full-width operation and the permutation is a row index. cpu.py holds the algebra.
#pragma once

#include "cpu_fourier.h"

namespace {

template <typename T>
Tables<T> make_tables(Index n, const T* theta, const T* v, const Index* permutation, const T* bias, T epsilon) {
  // In double whatever T is: once a sequence, and every step would repeat its error.
  const Tables<double> exact = transform_tables<double>(n);
  const std::vector<Index>& frequency = exact.frequency;
  std::vector<Index> position(n);
  for (Index p = 0; p < n; ++p) position[frequency[p]] = p;
  using C = Complex<double>;
  const double root = std::sqrt(static_cast<double>(n));
  auto unit = [&](const T* pair) {
    std::vector<C> u(n);
    double scale = 0, square = 0;
    for (Index k = 0; k < 2 * n; ++k) scale = std::max(scale, std::abs(static_cast<double>(pair[k])));
    for (Index k = 0; k < n; ++k) {
      u[k] = {pair[k] / scale, pair[k + n] / scale};
      square += u[k].re * u[k].re + u[k].im * u[k].im;
    }
    for (C& c : u) c = {c.re / std::sqrt(square), c.im / std::sqrt(square)};
    return u;
  };
  std::vector<C> v1 = unit(v), v2 = unit(v + 2 * n), u1(n), u2(n), work(rows_for(n));
  adjoint<double, double>(
      exact, work.data(), [&](Index p) URNN_INLINE { return v1[frequency[p]]; },
      [&](Index k, C c) URNN_INLINE { u1[k] = {c.re / root, c.im / root}; });
  transform<double, double>(
      exact, work.data(), [&](Index k) URNN_INLINE { return v2[k]; },
      [&](Index p, C c) URNN_INLINE { u2[p] = {c.re / root, c.im / root}; });

  Tables<T> t = transform_tables<T>(n);
  t.epsilon = epsilon, t.bias.assign(bias, bias + n);
  auto cast = [](C c) URNN_INLINE { return Complex<T>{static_cast<T>(c.re), static_cast<T>(c.im)}; };
  auto phase = [&](int row, Index k) {
    const double angle = theta[row * n + k];
    return C{std::cos(angle), std::sin(angle)};
  };
  t.d1.resize(n), t.u1.resize(n), t.w1.resize(n), t.d2.resize(n), t.u2.resize(n), t.w2.resize(n), t.d3.resize(n);
  t.source.resize(n);
  for (Index k = 0; k < n; ++k) {
    const C d1 = phase(0, k);
    t.d1[k] = cast(d1), t.d3[k] = cast(phase(2, k)), t.u1[k] = cast(u1[k]);
    t.w1[k] = cast(times_conj(d1, u1[k]));
  }
  for (Index p = 0; p < n; ++p) {
    const Index k = frequency[p];
    const C d2 = phase(1, k), scaled{d2.re / n, d2.im / n};  // 1/n: the scale of F^-1 after an unscaled F
    t.source[p] = at(position[permutation[k]]);
    t.d2[p] = cast(scaled), t.u2[p] = cast(u2[p]);
    t.w2[position[permutation[k]]] = cast(times_conj(scaled, u2[p]));
  }
  return t;
}

template <typename T, int L>
struct Block {
  using V = Vector<T, L>;
  using C = Complex<V>;

  const Tables<T>& t;
  Index n, batch, first, samples;  // samples <= L, from row `first` of `batch`

  static C zero() { return {V{}, V{}}; }
  URNN_INLINE static C scaled(C a, T s) { return {a.re * s, a.im * s}; }
  URNN_INLINE static void accumulate(C& sum, Complex<T> w, C a) {  // sum += conj(w) a
    sum.re += a.re * w.re + a.im * w.im;
    sum.im += a.im * w.re - a.re * w.im;
  }
  // a - 2 u s for lanes s, the reflection once its dot product s = u^H a is known; `twice` is 2 s.
  URNN_INLINE static C reflect(C a, Complex<T> u, C twice) {
    return {a.re - (twice.re * u.re - twice.im * u.im), a.im - (twice.im * u.re + twice.re * u.im)};
  }

  void load(const T* pairs, Index stride, C* x) const {
    const T* base = pairs + first * stride;
    if (n >= L) {
      for (Index k = 0; k < n; k += L) {
        V re[L], im[L];
        load_units<T, L>(base + k, stride, samples, re);
        load_units<T, L>(base + n + k, stride, samples, im);
        for (int c = 0; c < L; ++c) x[at(k + c)] = {re[c], im[c]};
      }
      return;
    }
    for (Index k = 0; k < n; ++k) {
      T re[L] = {}, im[L] = {};
      for (Index l = 0; l < samples; ++l) re[l] = base[l * stride + k], im[l] = base[l * stride + n + k];
      std::memcpy(&x[at(k)].re, re, sizeof(V));
      std::memcpy(&x[at(k)].im, im, sizeof(V));
    }
  }
  void store(const C* x, T* pairs, Index stride) const {
    T* base = pairs + first * stride;
    if (n >= L) {
      for (Index k = 0; k < n; k += L) {
        V re[L], im[L];
        for (int c = 0; c < L; ++c) re[c] = x[at(k + c)].re, im[c] = x[at(k + c)].im;
        store_units<T, L>(re, base + k, stride, samples);
        store_units<T, L>(im, base + n + k, stride, samples);
      }
      return;
    }
    for (Index k = 0; k < n; ++k) {
      T re[L], im[L];
      std::memcpy(re, &x[at(k)].re, sizeof(V));
      std::memcpy(im, &x[at(k)].im, sizeof(V));
      for (Index l = 0; l < samples; ++l) base[l * stride + k] = re[l], base[l * stride + n + k] = im[l];
    }
  }

  C dot_first(const C* h) const {  // u1^H D1 h
    C sum = zero();
    for (Index k = 0; k < n; ++k) accumulate(sum, t.w1[k], h[at(k)]);
    return sum;
  }

  // A = F R1' D1 h in positions; returns u2^H a5.
  URNN_INLINE C first_half(const C* h, C s1, C* A) const {
    const C twice = scaled(s1, 2);
    C s2 = zero();
    transform<T, V>(
        t, A, [&](Index k) URNN_INLINE { return reflect(times(t.d1[k], h[at(k)]), t.u1[k], twice); },
        [&](Index q, C a) URNN_INLINE {
          A[at(q)] = a;
          accumulate(s2, t.w2[q], a);
        });
    return s2;
  }

  // (|z| + b) / (|z| + epsilon) where that is positive, else 0; comparisons that are false for NaN keep it alive.
  URNN_INLINE static V modrelu_scale(V square, V b, T epsilon) {
    const V tiny = V{} + tiniest(), one = V{} + T(1);
    const V inverse = inverse_root<T, L>(square);
    V scale;
    if (epsilon == 0) scale = one + b * inverse;
    else scale = (square * inverse + b) / (square * inverse + epsilon);
    return (square <= tiny) | (scale <= V{}) ? V{} : scale;
  }
  static T tiniest() { return sizeof(T) == 4 ? static_cast<T>(1.17549435e-38) : static_cast<T>(2.2250738585072014e-308); }

  // z = W h + V x, h = modReLU(z; b) for every step; states receives each h as rows [Re; Im] of a sample.
  // x has at most 16 features and `weights` holds V as `input_weights` lays it out; where x is null, states holds
  // V x on entry.
  void forward(const T* h_0, Index h_0_stride, const T* x, Index m, const T* weights, T* states, Index steps,
               C* work) const {
    C *H = work, *A = work + rows_for(n);
    load_first(h_0, h_0_stride, H);
    C s1 = dot_first(H);
    // States that no cache can hold till they are read need not push out what is worked on.
    constexpr Index LARGE = 8 << 20;
    const bool past_caches = steps * batch * 2 * n * static_cast<Index>(sizeof(T)) > LARGE && n >= 64 / sizeof(T) &&
                             reinterpret_cast<std::uintptr_t>(states) % 64 == 0;
    for (Index i = 0; i < steps; ++i) {
      const C s2 = first_half(H, s1, A);
      const C twice = scaled(s2, 2);
      adjoint<T, V>(
          t, H, [&](Index p) URNN_INLINE { return reflect(times(t.d2[p], A[t.source[p]]), t.u2[p], twice); },
          [&](Index k, C a) URNN_INLINE { H[at(k)] = times(t.d3[k], a); });
      s1 = zero();
      auto activate = [&](Index k, C z) URNN_INLINE {
        const V scale = modrelu_scale(z.re * z.re + z.im * z.im, V{} + t.bias[k], t.epsilon);
        z.re *= scale, z.im *= scale;
        H[at(k)] = z;
        accumulate(s1, t.w1[k], z);
        return z;
      };
      T* rows = states + i * batch * 2 * n;
      if (!x)
        for_each_tile<true>(rows, rows, [&](Index k, C& h) URNN_INLINE { h = activate(k, H[at(k)] + h); });
      else
        with_input<2, 10, 16>(x + (i * batch + first) * m, m, [&](auto M, const V* lanes) URNN_INLINE {
          auto step_of = [&](Index k, C& h) URNN_INLINE {
            C z = H[at(k)];
            const T* w = weights + 2 * M * k;
            for (int c = 0; c < M; ++c) z.re += w[c] * lanes[c], z.im += w[M + c] * lanes[c];
            h = activate(k, z);
          };
          if (past_caches) for_each_tile<false, true>(rows, rows, step_of);
          else for_each_tile<false>(rows, rows, step_of);
        });
    }
  }

  // Calls f with the input of a step in registers, their number a constant.
  template <int M, int... wider, class F>
  URNN_INLINE void with_input(const T* rows, Index m, F f) const {
    if (m <= M) {
      V lanes[M] = {};
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

  void load_first(const T* h_0, Index stride, C* H) const {
    if (stride) return load(h_0, stride, H);
    for (Index k = 0; k < n; ++k) H[at(k)] = {V{} + h_0[k], V{} + h_0[n + k]};
  }

  // f(k, value) for each unit k of rows [Re; Im]: takes the value from `from` if it reads, leaves one for `to`.
  template <bool reads, bool streams = false, class F>
  URNN_INLINE void for_each_tile(const T* from, T* to, F f) const {
    const Index stride = 2 * n, offset = first * stride;
    if (n >= L) {
      for (Index k = 0; k < n; k += L) {
        V re[L], im[L];
        if constexpr (reads) {
          load_units<T, L>(from + offset + k, stride, samples, re);
          load_units<T, L>(from + offset + n + k, stride, samples, im);
        }
        for (int c = 0; c < L; ++c) {
          C value = zero();
          if constexpr (reads) value = {re[c], im[c]};
          f(k + c, value);
          re[c] = value.re, im[c] = value.im;
        }
        if constexpr (streams) {
          stream_units<T, L>(re, to + offset + k, stride, samples);
          stream_units<T, L>(im, to + offset + n + k, stride, samples);
        } else {
          store_units<T, L>(re, to + offset + k, stride, samples);
          store_units<T, L>(im, to + offset + n + k, stride, samples);
        }
      }
      return;
    }
    for (Index k = 0; k < n; ++k) {  // fewer units than samples: no square to transpose
      T re[L] = {}, im[L] = {};
      if constexpr (reads)
        for (Index l = 0; l < samples; ++l)
          re[l] = from[offset + l * stride + k], im[l] = from[offset + l * stride + n + k];
      C value;
      std::memcpy(&value.re, re, sizeof(V));
      std::memcpy(&value.im, im, sizeof(V));
      f(k, value);
      std::memcpy(re, &value.re, sizeof(V));
      std::memcpy(im, &value.im, sizeof(V));
      for (Index l = 0; l < samples; ++l)
        to[offset + l * stride + k] = re[l], to[offset + l * stride + n + k] = im[l];
    }
  }

  // Sums over steps and samples that the parameters' gradients are made of, a lane a sample.
  struct Sums {
    V *theta1, *theta2, *theta3, *bias;
    C *u1, *u2;
    Sums(V* memory, Index n)
        : theta1(memory), theta2(memory + n), theta3(memory + 2 * n), bias(memory + 3 * n),
          u1(reinterpret_cast<C*>(memory + 4 * n)), u2(reinterpret_cast<C*>(memory + 6 * n)) {}
  };
  static Index sums_size(Index n) { return 8 * n; }

  // From dL/dh to dL/dz, in place, by the state alone; adds to the sums of b and theta3.
  URNN_INLINE static void undo_modrelu(C h, V b, T epsilon, C& g, V& bias_sum, V& theta3_sum) {
    const V square = h.re * h.re + h.im * h.im, inverse = inverse_root<T, L>(square), norm = square * inverse;
    const C e{h.re * inverse, h.im * inverse};
    V radial = e.re * g.re + e.im * g.im;
    V tangential = e.re * g.im - e.im * g.re;
    V bias, scale;
    if (epsilon == 0) {  // |h| = |z| + b
      bias = radial;
      scale = norm / (norm - b);
    } else {  // |h| = (|z| + b) |z| / (|z| + epsilon)
      const V shifted = norm - b, four = V{} + 4 * epsilon;
      const V modulus = (shifted + square_root<T, L>(shifted * shifted + four * norm)) * T(0.5);
      const V divisor = T(1) / (modulus + epsilon);
      bias = radial * modulus * divisor;
      radial = radial * (T(1) + epsilon * (b - epsilon) * divisor * divisor);
      scale = norm / modulus;
    }
    const V zero{};
    const auto dead = square <= zero;
    const V turn = tangential * scale;
    g.re = dead ? zero : e.re * radial - e.im * turn;
    g.im = dead ? zero : e.re * turn + e.im * radial;
    bias_sum += dead ? zero : bias;
    theta3_sum += dead ? zero : norm * tangential;
  }

  URNN_INLINE static void accumulate_product(C& sum, C s, C a) {  // sum += conj(s) a
    sum.re += s.re * a.re + s.im * a.im;
    sum.im += s.re * a.im - s.im * a.re;
  }

  // Adds x^T z of one step to `product` (m rows of 2n): the gradient of V, transposed. Written over units, since
  // samples are few: each register of units takes every sample while the sums of all inputs stay in registers.
  void add_input_product(const T* x, Index m, const T* z, T* product) const {
    constexpr int width = 64 / sizeof(T);
    const Index features = 2 * n;
    if (features % width) {
      for (Index c = 0; c < m; ++c)
        for (Index l = 0; l < samples; ++l)
          for (Index k = 0; k < features; ++k) product[c * features + k] += x[l * m + c] * z[l * features + k];
      return;
    }
    auto tile = [&](auto M, Index c, Index k) URNN_INLINE {
      using W = Vector<T, width>;
      W sum[M];
      for (int i = 0; i < M; ++i) sum[i] = load_row<T, width>(product + (c + i) * features + k);
      for (Index l = 0; l < samples; ++l) {
        const W row = load_row<T, width>(z + l * features + k);
        for (int i = 0; i < M; ++i) sum[i] += x[l * m + c + i] * row;
      }
      for (int i = 0; i < M; ++i) std::memcpy(product + (c + i) * features + k, &sum[i], sizeof(W));
    };
    for (Index k = 0; k < features; k += width) {
      Index c = 0;
      for (; c + 5 <= m; c += 5) tile(std::integral_constant<int, 5>{}, c, k);
      for (; c < m; ++c) tile(std::integral_constant<int, 1>{}, c, k);
    }
  }

  // Steps end-1 ... begin. `carry` holds dL/dh_{end-1} from later steps as rows, and leaves with dL/dh_{begin-1};
  // `z_gradient` takes dL/dz of these steps, and `product` is added x^T dL/dz unless it is null. `states`, `x` and
  // `gradient` (null if there is none) start at step 0.
  void backward(const T* h_0, Index h_0_stride, const T* x, Index m, const T* states, const T* gradient, Index begin,
                Index end, T* carry, T* z_gradient, T* product, Sums sums, C* work) const {
    C *H = work, *A = work + rows_for(n), *G = work + 2 * rows_for(n);
    const Index step = batch * 2 * n;
    load(carry, 2 * n, G);
    load(states + (end - 1) * step, 2 * n, H);
    for (Index i = end; i-- > begin;) {
      T* z_rows = z_gradient + (i - begin) * step;
      auto through = [&](Index k, C g) URNN_INLINE {
        g = g + G[at(k)];
        undo_modrelu(H[at(k)], V{} + t.bias[k], t.epsilon, g, sums.bias[k], sums.theta3[k]);
        G[at(k)] = times_conj(t.d3[k], g);
        return g;
      };
      if (gradient)
        for_each_tile<true>(gradient + i * step, z_rows, [&](Index k, C& g) URNN_INLINE { g = through(k, g); });
      else
        for_each_tile<false>(z_rows, z_rows, [&](Index k, C& g) URNN_INLINE { g = through(k, zero()); });
      if (product) add_input_product(x + (i * batch + first) * m, m, z_rows + first * 2 * n, product);
      if (i > 0) load(states + (i - 1) * step, 2 * n, H);
      else load_first(h_0, h_0_stride, H);

      const C s1 = dot_first(H), s2 = first_half(H, s1, A);
      C c2 = zero(), c1 = zero();
      transform<T, V>(
          t, G, [&](Index k) URNN_INLINE { return G[at(k)]; },
          [&](Index p, C g) URNN_INLINE {
            G[at(p)] = g;
            accumulate(c2, t.u2[p], g);
          });
      const C twice2 = scaled(c2, 2);
      for (Index p = 0; p < n; ++p) {
        const C a = times(t.d2[p], A[t.source[p]]);
        C g = G[at(p)];
        accumulate_product(sums.u2[p], s2, g);
        accumulate_product(sums.u2[p], c2, a);
        g = reflect(g, t.u2[p], twice2);
        sums.theta2[p] += g.im * a.re - g.re * a.im;
        A[t.source[p]] = times_conj(t.d2[p], g);
      }
      adjoint<T, V>(
          t, A, [&](Index p) URNN_INLINE { return A[at(p)]; },
          [&](Index k, C g) URNN_INLINE {
            G[at(k)] = g;
            accumulate(c1, t.u1[k], g);
          });
      const C twice1 = scaled(c1, 2);
      for (Index k = 0; k < n; ++k) {
        const C a = times(t.d1[k], H[at(k)]);
        C g = G[at(k)];
        accumulate_product(sums.u1[k], s1, g);
        accumulate_product(sums.u1[k], c1, a);
        g = reflect(g, t.u1[k], twice1);
        sums.theta1[k] += g.im * a.re - g.re * a.im;
        G[at(k)] = times_conj(t.d1[k], g);
      }
    }
    store(G, carry, 2 * n);
  }
};
}  // namespace
