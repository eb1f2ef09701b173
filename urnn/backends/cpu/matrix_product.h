// Products of matrices, for inputs too wide to be multiplied inside the kernel. A library cuts a product by the
// number of threads, and with the cut changes the order of its sums; these are cut by the matrices' sizes alone.
#pragma once

#include "lanes.h"
#include "team.h"

namespace {

template <typename T>
struct Matrix {
  T* data;
  Index rows, columns, row_stride, column_stride;
  T& at(Index i, Index j) const { return data[i * row_stride + j * column_stride]; }
};

template <typename T>
struct Product {
  static constexpr int L = widest<T>(), VECTORS = L * sizeof(T) == 64 ? 4 : 2, ROWS = 6;
  static constexpr Index COLUMNS = VECTORS * L;
  // Of a block, packed so that the innermost loop reads both in order: A in runs of ROWS, B in runs of COLUMNS.
  static constexpr Index BLOCK_ROWS = 16 * ROWS, BLOCK_COLUMNS = 4 * COLUMNS, DEPTH = 256;
  using V = Vector<T, L>;

  Matrix<const T> a, b;
  Matrix<T> out;
  bool adds;  // to what is in `out`

  static constexpr Index workspace() {  // bytes for one thread
    return (BLOCK_ROWS + BLOCK_COLUMNS) * DEPTH * static_cast<Index>(sizeof(T));
  }
  static Index parts(Index size, Index part) { return (size + part - 1) / part; }
  // Blocks of about the same rows, so that threads have about the same to do.
  Index block_rows() const { return parts(parts(out.rows, parts(out.rows, BLOCK_ROWS)), ROWS) * ROWS; }
  Index blocks() const { return out.rows ? parts(out.rows, block_rows()) * parts(out.columns, BLOCK_COLUMNS) : 0; }

  // Rows i... and `depth` columns from k on, in runs of `width` rows: [run][column][row]. What lies outside is
  // zero.
  template <Index width>
  static void pack(Matrix<const T> from, Index i, Index rows, Index k, Index depth, T* to) {
    for (Index run = 0; run < rows; run += width, to += depth * width) {
      const Index inside = std::min(width, from.rows - (i + run));
      const T* source = &from.at(i + run, k);
      if (inside < width) std::fill_n(to, depth * width, T(0));
      if (from.row_stride == 1)
        for (Index d = 0; d < depth; ++d) {
          const T* column = source + d * from.column_stride;
          if (inside == width) std::memcpy(to + d * width, column, width * sizeof(T));
          else std::copy_n(column, inside, to + d * width);
        }
      else if (width % L == 0 && inside == width && from.column_stride == 1)
        transpose_rows<width>(source, from.row_stride, depth, to);
      else
        for (Index r = 0; r < inside; ++r)
          for (Index d = 0; d < depth; ++d)
            to[d * width + r] = source[r * from.row_stride + d * from.column_stride];
    }
  }
  // `width` rows whose elements lie side by side, by squares of L x L.
  template <Index width>
  static void transpose_rows(const T* source, Index stride, Index depth, T* to) {
    Index d = 0;
    for (; d + L <= depth; d += L)
      for (Index r = 0; r < width; r += L) {
        V square[L];
        for (int l = 0; l < L; ++l) square[l] = load_row<T, L>(source + (r + l) * stride + d);
        exchange<T, L>(square);
        for (int l = 0; l < L; ++l) std::memcpy(to + (d + l) * width + r, &square[l], sizeof(V));
      }
    for (; d < depth; ++d)
      for (Index r = 0; r < width; ++r) to[d * width + r] = source[r * stride + d];
  }

  // A tile of ROWS x COLUMNS of the result.
  __attribute__((noinline)) void tile(Index i, Index j, bool first, Index depth, const T* rows,
                                      const T* columns) const {
    const Index height = std::min<Index>(ROWS, out.rows - i), width = std::min<Index>(COLUMNS, out.columns - j);
    const bool whole = height == ROWS && width == COLUMNS && out.column_stride == 1;
    alignas(64) T edge[ROWS * COLUMNS];
    if (!whole) std::fill_n(edge, ROWS * COLUMNS, T(0));
    T* const to = whole ? &out.at(i, j) : edge;
    const Index stride = whole ? out.row_stride : COLUMNS;
    const bool fresh = first && !adds;
    if (!whole && !fresh)
      for (Index r = 0; r < height; ++r)
        for (Index c = 0; c < width; ++c) edge[r * COLUMNS + c] = out.at(i + r, j + c);
    V sum[ROWS][VECTORS];
    for (int r = 0; r < ROWS; ++r)
      for (int v = 0; v < VECTORS; ++v) sum[r][v] = fresh ? V{} : load_row<T, L>(to + r * stride + v * L);
    for (Index d = 0; d < depth; ++d, rows += ROWS, columns += COLUMNS) {
      V column[VECTORS];
      for (int v = 0; v < VECTORS; ++v) column[v] = load_row<T, L>(columns + v * L);
      for (int r = 0; r < ROWS; ++r)
        for (int v = 0; v < VECTORS; ++v) sum[r][v] += rows[r] * column[v];
    }
    for (int r = 0; r < ROWS; ++r)
      for (int v = 0; v < VECTORS; ++v) std::memcpy(to + r * stride + v * L, &sum[r][v], sizeof(V));
    if (!whole)
      for (Index r = 0; r < height; ++r)
        for (Index c = 0; c < width; ++c) out.at(i + r, j + c) = edge[r * COLUMNS + c];
  }

  // Too few rows to pay for packing, and both matrices lie along the sum: one number of the result after the
  // other.
  bool is_thin() const { return out.rows < ROWS && a.column_stride == 1 && b.row_stride == 1; }
  static T dot(const T* x, const T* y, Index size) {
    constexpr int GROUP = 4;
    V sum[GROUP] = {};
    Index k = 0;
    for (; k + GROUP * L <= size; k += GROUP * L)
      for (int g = 0; g < GROUP; ++g) sum[g] += load_row<T, L>(x + k + g * L) * load_row<T, L>(y + k + g * L);
    T rest = 0;
    for (; k < size; ++k) rest += x[k] * y[k];
    return total<T, L>((sum[0] + sum[1]) + (sum[2] + sum[3])) + rest;
  }
  void run_thin(Index i, Index j, Index rows, Index columns) const {
    for (Index c = j; c < j + columns; ++c)
      for (Index r = i; r < i + rows; ++r) {
        const T value = dot(&a.at(r, 0), &b.at(0, c), a.columns);
        out.at(r, c) = adds ? out.at(r, c) + value : value;
      }
  }

  // Block `number` of the result, with a thread's own workspace.
  void run(Index number, T* work) const {
    const Index across = parts(out.columns, BLOCK_COLUMNS);
    const Index i = number / across * block_rows(), j = number % across * BLOCK_COLUMNS;
    const Index rows = std::min(block_rows(), out.rows - i), columns = std::min(BLOCK_COLUMNS, out.columns - j);
    if (is_thin()) return run_thin(i, j, rows, columns);
    T *const packed_a = work, *const packed_b = work + BLOCK_ROWS * DEPTH;
    const Matrix<const T> b_rows{b.data, b.columns, b.rows, b.column_stride, b.row_stride};
    for (Index k = 0; k < a.columns; k += DEPTH) {
      const Index depth = std::min(DEPTH, a.columns - k);
      pack<ROWS>(a, i, rows, k, depth, packed_a);
      pack<COLUMNS>(b_rows, j, columns, k, depth, packed_b);
      for (Index c = 0; c < columns; c += COLUMNS)
        for (Index r = 0; r < rows; r += ROWS)
          tile(i + r, j + c, k == 0, depth, packed_a + r * depth, packed_b + c * depth);
    }
  }
};

// out = a b, or out += a b, with vectors along the columns, of which there should be many.
template <typename T>
Product<T> product_of(Matrix<const T> a, Matrix<const T> b, Matrix<T> out, bool adds = false) {
  auto turned = [](auto of) {
    return decltype(of){of.data, of.columns, of.rows, of.column_stride, of.row_stride};
  };
  if (out.columns >= std::min<Index>(64, out.rows)) return {a, b, out, adds};
  return {turned(b), turned(a), turned(out), adds};
}
template <typename T>
Index multiply_workspace(Index threads, const Product<T>& product) {
  return std::min(threads, product.blocks()) * Product<T>::workspace();
}
template <typename T>
void multiply(Index threads, const Product<T>& product, T* work) {
  for_each_slice(product.blocks(), threads, [&](Index number, Index thread) {
    const Index own = thread * (Product<T>::workspace() / static_cast<Index>(sizeof(T)));
    product.run(number, product.is_thin() ? nullptr : work + own);
  });
}
}  // namespace
