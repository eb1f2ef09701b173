// The tables of one set of parameters for a sample alone: the same as for blocks, as registers of units and in the
// order that the transform across rows and lanes leaves.
//
// Unit L k + l is in row k, lane l. With n = L rows and a frequency f = s + rows r,
//
//     sum_j x_j w_n^(j f) = sum_l w_L^(l r) w_n^(l s) sum_k x_(L k + l) w_rows^(k s),    w_n = exp(-2 pi i / n):
//
// a transform over rows for all lanes at once, a turn of each element, and a transform across the lanes of each
// row.
#pragma once

#include "lanes.h"
#include "tables.h"

namespace {

template <typename T>
struct SingleTables {
  static constexpr int L = widest<T>();
  using V = Vector<T, L>;
  using C = Complex<V>;
  using Rows = std::vector<C>;
  static bool apply(Index n) { return n % (Lanes<T, L>::ROWS * L) == 0 && !convolution_length(n); }

  Stages<T> stages;  // over rows
  Lanes<T, L> lanes;
  std::vector<Index> place;  // of the block's tables, for each position here
  // Over units, as in `Tables`, and the turns between rows and lanes. u1 = D1 w1 is not needed.
  Rows d1, d1_conj, d3, d3_conj, w1, turns;
  std::vector<V> bias, unsure;
  // Over positions p of Pi F h, which are at position source[p] of F h.
  Rows d2, u2, f1;
  std::vector<std::int32_t> source;
  // Over positions q of F h, which go to position target[q].
  Rows d2_source, d2_source_conj, f1_source, w2;
  std::vector<std::int32_t> target;

  explicit SingleTables(const Tables<T>& t);

 private:
  static Rows rows_of(Index n, const auto& value) {  // value(k), a Complex<T>, for flat k
    Rows rows(n / L);
    for (Index k = 0; k < n; ++k) rows[k / L].re[k % L] = value(k).re, rows[k / L].im[k % L] = value(k).im;
    return rows;
  }
  std::vector<Index> places(const Tables<T>& t) const;
};

template <typename T>
std::vector<Index> SingleTables<T>::places(const Tables<T>& t) const {
  constexpr int SQUARE = Lanes<T, L>::ROWS * L;
  int origin[SQUARE];
  Lanes<T, L>::origins(origin);
  std::vector<Index> position(t.n), result(t.n);
  for (Index p = 0; p < t.n; ++p) position[t.frequency[p]] = p;
  for (Index p = 0; p < t.n; ++p) {
    const Index row = p / SQUARE * Lanes<T, L>::ROWS + origin[p % SQUARE] / L, lane = origin[p % SQUARE] % L;
    result[p] = position[stages.frequency[row] + stages.n * Lanes<T, L>::frequency(lane)];
  }
  return result;
}

template <typename T>
SingleTables<T>::SingleTables(const Tables<T>& t)
    : stages(t.n / L, 1), place(places(t)), source(t.n), target(t.n) {
  const Index n = t.n;
  auto conj = [](Complex<T> c) { return Complex<T>{c.re, -c.im}; };
  auto placed = [&](const auto& table) { return rows_of(n, [&](Index p) { return table[place[p]]; }); };
  d1 = rows_of(n, [&](Index k) { return t.d1[k]; }), d1_conj = rows_of(n, [&](Index k) { return conj(t.d1[k]); });
  d3 = rows_of(n, [&](Index k) { return t.d3[k]; }), d3_conj = rows_of(n, [&](Index k) { return t.d3_conj[k]; });
  w1 = rows_of(n, [&](Index k) { return t.w1[k]; });
  turns = rows_of(n, [&](Index k) {
    const double angle = -2 * M_PI * static_cast<double>(k % L * stages.frequency[k / L]) / static_cast<double>(n);
    return Complex<T>{static_cast<T>(std::cos(angle)), static_cast<T>(std::sin(angle))};
  });
  bias.resize(n / L), unsure.resize(n / L);
  std::memcpy(static_cast<void*>(bias.data()), t.bias.data(), n * sizeof(T));
  std::memcpy(static_cast<void*>(unsure.data()), t.unsure.data(), n * sizeof(T));
  d2 = placed(t.d2), u2 = placed(t.u2), f1 = placed(t.f1);
  d2_source = placed(t.d2_source), f1_source = placed(t.f1_source), w2 = placed(t.w2);
  d2_source_conj = rows_of(n, [&](Index q) { return conj(t.d2_source[place[q]]); });
  std::vector<Index> here(n);  // of a place of the block's tables
  for (Index p = 0; p < n; ++p) here[place[p]] = p;
  for (Index q = 0; q < n; ++q) {
    target[q] = static_cast<std::int32_t>(here[t.target[place[q]]]);
    source[target[q]] = static_cast<std::int32_t>(q);
  }
}
}  // namespace
