// Whole sequences of h_t = modReLU(W h_{t-1} + V x_t; b) with a dense W, all real, and their way back. A step is a
// product of some samples' states with a packed matrix, by tiles whose sums stay in registers until they are the
// next states. An entry is one sum in the order of its terms, however the batch is cut, so that neither threads
// nor the other samples change its bits.
#pragma once

#include "matrix_product.h"

namespace {

template <typename T>
struct Dense {
  static constexpr int L = widest<T>();
#ifdef __AVX512F__
  static constexpr int ROWS = 12;
#else
  static constexpr int ROWS = 6;
#endif
  static constexpr int VECTORS = 2;
  static constexpr Index COLUMNS = VECTORS * L;
  using V = Vector<T, L>;

  // Samples' rows, and what they are multiplied by: (depth, n) in panels of COLUMNS units, [panel][depth][unit].
  struct Factor {
    const T* rows;
    Index stride;
    const T* packed;
    Index depth;
  };

  static Index panels(Index n) { return (n + COLUMNS - 1) / COLUMNS; }
  static Index packed_size(Index n, Index depth) { return panels(n) * depth * COLUMNS; }
  static void pack(Matrix<const T> of, Index threads, T* to) {
    for_each_slice(panels(of.rows), threads, [&](Index panel, Index) {
      Product<T>::template pack<COLUMNS>(of, panel * COLUMNS, std::min(COLUMNS, of.rows - panel * COLUMNS), 0,
                                         of.columns, to + panel * of.columns * COLUMNS);
    });
  }

  // The batch in tiles of samples, as even as they can be.
  static Index tiles(Index batch) { return (batch + ROWS - 1) / ROWS; }
  static Index first_of(Index tile, Index batch) { return batch * tile / tiles(batch); }

  // Calls f(samples as a constant).
  template <class F>
  static void with_rows(Index samples, F f) {
    repeat<ROWS>([&](auto i) {
      if (samples == i + 1) f(std::integral_constant<int, i + 1>{});
    });
  }
  // Calls f(tile, first sample, samples, panel) for a group's share of the tiles, panel by panel: each is read
  // from memory once.
  template <class F>
  static void for_each_tile(Index n, Index batch, Index group, Index groups, F f) {
    const Index all = tiles(batch);
    for (Index panel = 0; panel < panels(n); ++panel)
      for (Index tile = all * group / groups; tile < all * (group + 1) / groups; ++tile) {
        const Index first = first_of(tile, batch);
        f(tile, first, first_of(tile + 1, batch) - first, panel);
      }
  }

  // sum = the product of `rows` samples, from the first on, with a panel.
  template <int rows>
  URNN_INLINE static void multiply(const Factor* factors, int count, Index first, Index panel,
                                   V (&sum)[rows][VECTORS]) {
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < VECTORS; ++v) sum[r][v] = V{};
    for (int i = 0; i < count; ++i) {
      const Factor f = factors[i];
      const T *row = f.rows + first * f.stride, *column = f.packed + panel * f.depth * COLUMNS;
      for (Index d = 0; d < f.depth; ++d, ++row, column += COLUMNS) {
        V columns[VECTORS];
        for (int v = 0; v < VECTORS; ++v) columns[v] = load_row<T, L>(column + v * L);
        for (int r = 0; r < rows; ++r)
          for (int v = 0; v < VECTORS; ++v) sum[r][v] += row[r * f.stride] * columns[v];
      }
    }
  }

  // Calls f(vector, first unit, load, store) for each register of a panel that has units.
  template <class F>
  URNN_INLINE static void for_each_register(Index n, Index panel, F f) {
    repeat<VECTORS>([&](auto v) URNN_INLINE {
      const Index unit = panel * COLUMNS + v * L, units = std::min<Index>(L, n - unit);
      if (units == L)
        f(v, unit, load_row<T, L>, [](V value, T* to) URNN_INLINE { std::memcpy(to, &value, sizeof value); });
      else if (units > 0)
        f(
            v, unit, [units](const T* from) URNN_INLINE { return load_part<T, L>(from, units); },
            [units](V value, T* to) URNN_INLINE { store_part<T, L>(value, to, units); });
    });
  }

  // A tile of the next states (batch, n).
  template <int rows>
  __attribute__((noinline)) static void step(const Factor* factors, Index first, Index panel, Index n,
                                             const T* bias, T* next) {
    V sum[rows][VECTORS];
    multiply<rows>(factors, 2, first, panel, sum);
    for_each_register(n, panel, [&](auto v, Index unit, auto load, auto store) URNN_INLINE {
      const V b = load(bias + unit), zero{};
      for (int r = 0; r < rows; ++r) {
        const V z = sum[r][v], modulus = z < zero ? -z : z, raised = modulus + b;
        const V h = z < zero ? -raised : raised;
        store(((modulus == zero) | (raised <= zero)) ? zero : h, next + (first + r) * n + unit);  // NaN stays
      }
    });
  }
  static void forward(Index threads, Index steps, Index batch, Index n, Index m, const T* W, const T* weights,
                      const T* bias, const T* h_0, const T* x, T* states) {
    const Index groups = std::min(threads, tiles(batch));
    for_each_slice(groups, threads, [&](Index group, Index) {
      for (Index t = 0; t < steps; ++t) {
        const Factor factors[] = {{x + t * batch * m, m, weights, m},
                                  {t ? states + (t - 1) * batch * n : h_0, n, W, n}};
        T* next = states + t * batch * n;
        for_each_tile(n, batch, group, groups, [&](Index, Index first, Index samples, Index panel) {
          with_rows(samples, [&](auto rows) { step<rows.value>(factors, first, panel, n, bias, next); });
        });
      }
    });
  }

  // A step's gradients on their way back: dL/dh is what the output's gradient (null: zero) and the carry add up
  // to.
  struct Back {
    const T *states, *gradient;  // of the step, (batch, n)
    T* of_z;                     // receives dL/dz
    T* of_bias;                  // (tiles, n): receives what a tile adds to b's gradient
  };
  // dL/dz of a register's units, from their carries.
  template <int rows, class Load, class Store>
  URNN_INLINE static void through(const Back& back, const V* carry, Index tile, Index first, Index n, Index unit,
                                  Load load, Store store) {
    const V zero{};
    T* const of_bias = back.of_bias + tile * n + unit;
    V bias = load(of_bias);
    for (int r = 0; r < rows; ++r) {
      const Index at = (first + r) * n + unit;
      const V h = load(back.states + at);
      const V g = back.gradient ? carry[r * VECTORS] + load(back.gradient + at) : carry[r * VECTORS];
      const V z = h == zero ? zero : g;
      bias += h < zero ? -z : z;
      store(z, back.of_z + at);
    }
    store(bias, of_bias);
  }
  // A tile of the carry, which is dL/dz times W; it goes through the step before, or to `carry` if there is none.
  template <int rows>
  __attribute__((noinline)) static void step_back(const Factor& factor, const Back& before, T* carry, Index tile,
                                                  Index first, Index panel, Index n) {
    V sum[rows][VECTORS];
    multiply<rows>(&factor, 1, first, panel, sum);
    for_each_register(n, panel, [&](auto v, Index unit, auto load, auto store) URNN_INLINE {
      if (before.states) through<rows>(before, &sum[0][v], tile, first, n, unit, load, store);
      else
        for (int r = 0; r < rows; ++r) store(sum[r][v], carry + (first + r) * n + unit);
    });
  }
  // Steps end - 1 ... begin. `carry` (batch, n) is dL/dh of step end - 1 but for the output's gradient, and
  // becomes that of step begin - 1. of_z (end - begin, batch, n) receives dL/dz; `of_bias` (tiles, n) is added to.
  static void sweep_back(Index threads, Index begin, Index end, Index batch, Index n, const T* W, const T* states,
                         const T* gradient, T* carry, T* of_z, T* of_bias) {
    const Index groups = std::min(threads, tiles(batch)), size = batch * n;
    auto back = [&](Index t) {
      return Back{states + t * size, gradient ? gradient + t * size : nullptr, of_z + (t - begin) * size, of_bias};
    };
    for_each_slice(groups, threads, [&](Index group, Index) {
      const Back last = back(end - 1);
      for_each_tile(n, batch, group, groups, [&](Index tile, Index first, Index samples, Index panel) {
        for_each_register(n, panel, [&](auto, Index unit, auto load, auto store) {
          for (Index i = first; i < first + samples; ++i) {
            const V from = load(carry + i * n + unit);
            through<1>(last, &from, tile, i, n, unit, load, store);
          }
        });
      });
      for (Index t = end - 1; t >= begin; --t) {
        const Back before = t > begin ? back(t - 1) : Back{};
        const Factor factor{of_z + (t - begin) * size, n, W, n};
        for_each_tile(n, batch, group, groups, [&](Index tile, Index first, Index samples, Index panel) {
          with_rows(samples,
                    [&](auto rows) { step_back<rows.value>(factor, before, carry, tile, first, panel, n); });
        });
      }
    });
  }
};

// A sequence's arguments, and what its backward pass fills: gradients shaped like their arguments (of_x: null if
// it is not needed), and `carry`, dL/dh_T but for the output's part, which becomes dL/dh_0.
template <typename T>
struct DenseSequence {
  using D = Dense<T>;
  Index threads, steps, batch, n, m;
  const T *x, *h_0, *W, *V;

  // Threads for so many multiplications: few are done before a team has met.
  Index team(Index multiplications) const { return multiplications < 1 << 19 ? 1 : threads; }

  Index workspace() const { return D::packed_size(n, n + m); }
  void forward(const T* bias, T* states, T* work) const {
    T *const packed = work, *const weights = work + D::packed_size(n, n);
    D::pack({W, n, n, n, 1}, team(n * n), packed);
    D::pack({V, n, m, m, 1}, team(n * m), weights);
    D::forward(team(steps * batch * n * (n + m)), steps, batch, n, m, packed, weights, bias, h_0, x, states);
  }

  // Of the backward pass; `held`: steps whose dL/dz is in memory at a time.
  Index workspace_back(Index held) const {
    return D::packed_size(n, n) + (held * batch + D::tiles(batch)) * n +
           threads * Product<T>::workspace() / static_cast<Index>(sizeof(T));
  }
  void backward(Index held, const T* states, const T* gradient, T* carry, T* of_x, T* of_W, T* of_V, T* of_bias,
                T* work) const {
    T *const packed = work, *const of_z = packed + D::packed_size(n, n), *const of_tiles = of_z + held * batch * n,
             *const product = of_tiles + D::tiles(batch) * n;
    std::vector<double> bias(n, 0);
    D::pack({W, n, n, 1, n}, team(n * n), packed);
    for (Index end = steps; end > 0; end -= std::min(held, end)) {
      const Index begin = std::max<Index>(0, end - held), rows = (end - begin) * batch;
      std::fill_n(of_tiles, D::tiles(batch) * n, T(0));
      D::sweep_back(team(rows * n * n), begin, end, batch, n, packed, states, gradient, carry, of_z, of_tiles);
      for (Index tile = 0; tile < D::tiles(batch); ++tile)
        for (Index k = 0; k < n; ++k) bias[k] += of_tiles[tile * n + k];
      // out = or += z^T of `count` samples, from the first on, times their rows (count, columns).
      auto add = [&](T* out, Index first, Index count, const T* with, Index columns, bool adds) {
        if (count > 0)
          multiply(team(count * n * columns),
                   product_of<T>({of_z + first * n, n, count, 1, n}, {with, count, columns, columns, 1},
                                 {out, n, columns, columns, 1}, adds),
                   product);
      };
      const bool adds = end < steps;
      add(of_V, 0, rows, x + begin * batch * m, m, adds);
      if (begin > 0) add(of_W, 0, rows, states + (begin - 1) * batch * n, n, adds);
      else {
        add(of_W, 0, batch, h_0, n, adds);
        add(of_W, batch, rows - batch, states, n, true);
      }
      if (of_x)
        multiply(team(rows * n * m),
                 product_of<T>({of_z, rows, n, n, 1}, {V, n, m, m, 1}, {of_x + begin * batch * m, rows, m, m, 1}),
                 product);
    }
    for (Index k = 0; k < n; ++k) of_bias[k] = static_cast<T>(bias[k]);
  }
};
}  // namespace
