// The C interface of the kernel: the batch cut into slices, the slices given to threads. URNN_REAL is float or
// double; the compiler's flags choose the instruction set.
#include "block_backward.h"
#include "dense.h"
#include "one_sample_backward.h"
#include "operator.h"
#include "team.h"

namespace {

struct Slice {
  Index first, samples;
  int lanes;
};

// The batch as blocks of lanes: full ones, and one of half as many lanes if that holds the rest, or of one lane
// for a single sample; widths between are no faster. Where there are units enough, half a block or less is as fast
// sample by sample, and more threads can share it. The cut does not depend on the number of threads, so neither do
// the results.
template <typename T>
std::vector<Slice> slices_of(Index n, Index batch) {
  constexpr int full = widest<T>(), half = full / 2;
  const Index alone = SingleTables<T>::apply(n) ? half : 1;
  std::vector<Slice> slices;
  for (Index first = 0; first < batch;) {
    const Index rest = batch - first;
    const int lanes = rest <= alone ? 1 : rest <= half ? half : full;
    slices.push_back({first, std::min<Index>(rest, lanes), lanes});
    first += lanes;
  }
  return slices;
}

// Calls f<L>() for the width of a block, which is known only at run time.
template <typename T, class F>
void with_lanes(int lanes, F f) {
  if (lanes == widest<T>()) f(std::integral_constant<int, widest<T>()>{});
  else if (lanes == 1) f(std::integral_constant<int, 1>{});
  else f(std::integral_constant<int, widest<T>() / 2>{});
}

// Bytes for one thread, whatever the slice; `inside` inputs whose part of V's gradient is summed up.
template <typename T>
Index workspace(Index n, Index inside) {
  using B = Backward<T, widest<T>()>;
  using S = SingleBackward<T>;
  const Index block = B::planes(n) * static_cast<Index>(sizeof(typename B::C)) +
                      Sums<T, widest<T>()>::size(n) * static_cast<Index>(sizeof(typename B::V));
  const Index single = S::planes(n) * static_cast<Index>(sizeof(typename S::C));
  return std::max(block, single) + (inside * 2 * n * static_cast<Index>(sizeof(T)) + 63) / 64 * 64;
}

template <typename T>
Index forward_workspace(Index n) {  // the same for a pass forward alone
  using B = Block<T, widest<T>()>;
  using S = Single<T>;
  return std::max(B::planes(n) * static_cast<Index>(sizeof(typename B::C)),
                  S::planes(n) * static_cast<Index>(sizeof(typename S::C)));
}

// The tables for samples alone; null if there are none, or too few units.
template <typename T>
const SingleTables<T>* tables_alone(const Prepared<T>& t, const std::vector<Slice>& slices) {
  return slices.back().lanes == 1 ? t.single() : nullptr;
}

template <typename T>
void forward(const Prepared<T>& t, Index steps, Index batch, Index m, Index threads, const T* h_0,
             Index h_0_stride, const T* x, const T* V, T* states, T* work) {
  const auto slices = slices_of<T>(t.n, batch);
  const SingleTables<T>* alone = tables_alone(t, slices);
  const auto weights = x ? t.inputs(m, V) : nullptr;
  for_each_slice(slices.size(), threads, [&](Index i, Index thread) {
    const Slice s = slices[i];
    char* own = reinterpret_cast<char*>(work) + thread * forward_workspace<T>(t.n);
    if (s.lanes == 1 && alone) {
      using S = Single<T>;
      S(t, *alone, batch, s.first, reinterpret_cast<typename S::C*>(own))
          .forward(h_0, h_0_stride, x, m, weights ? weights->alone.data() : nullptr, states, steps);
      return;
    }
    with_lanes<T>(s.lanes, [&](auto lanes) {
      using B = Block<T, lanes.value>;
      B(t, batch, s.first, s.samples, reinterpret_cast<typename B::C*>(own))
          .forward(h_0, h_0_stride, x, m, weights ? weights->blocks.data() : nullptr, states, steps);
    });
  });
}

// Adds each slice's sums to its own row of `partial`: theta1, theta2, theta3, b, u1, u2 (8n doubles) and, for
// `inside` inputs (all or none), the gradient of V transposed (2n each). Each slice in its own row and the rows in
// order: bits do not depend on threads.
template <typename T>
void backward(const Prepared<T>& t, const Sequence<T>& past, Index batch, Index inside, Index threads,
              const T* gradient, Index begin, Index end, T* carry, T* z_gradient, double* partial, T* work) {
  const auto slices = slices_of<T>(t.n, batch);
  const SingleTables<T>* alone = tables_alone(t, slices);
  const Index n = t.n;
  for_each_slice(slices.size(), threads, [&](Index i, Index thread) {
    const Slice s = slices[i];
    char* own = reinterpret_cast<char*>(work) + thread * workspace<T>(n, inside);
    T* product = reinterpret_cast<T*>(own + workspace<T>(n, 0));
    std::fill_n(product, inside * 2 * n, T(0));
    double* out = partial + i * (8 + 2 * inside) * n;
    if (s.lanes == 1 && alone) {
      using S = SingleBackward<T>;
      const S single(t, *alone, batch, s.first, past, reinterpret_cast<typename S::C*>(own));
      single.run(gradient, begin, end, carry, z_gradient, inside ? product : nullptr);
      single.add_sums(out);
    } else {
      with_lanes<T>(s.lanes, [&](auto lanes) {
        constexpr int L = lanes.value;
        using B = Backward<T, L>;
        using S = Sums<T, L>;
        auto* planes = reinterpret_cast<typename B::C*>(own);
        auto* sums = reinterpret_cast<typename S::V*>(planes + B::planes(n));
        std::memset(static_cast<void*>(sums), 0, S::size(n) * sizeof(typename S::V));
        const S totals(sums, n);
        B(t, batch, s.first, s.samples, past, planes, totals)
            .run(gradient, begin, end, carry, z_gradient, inside ? product : nullptr);
        totals.add_to(out, t);
      });
    }
    for (Index k = 0; k < 2 * n * inside; ++k) out[8 * n + k] += product[k];
  });
}

// From the slices' sums to the gradients of theta (3, n), v (2, 2n), b (n) and, for m > 0, V transposed (m, 2n);
// theta3 lacks the part of V x.
template <typename T>
void finish(const Prepared<T>& t, Index m, Index slices, const double* partial, const T* v, T* theta_gradient,
            T* v_gradient, T* bias_gradient, T* product) {
  using C = Complex<double>;
  const Index n = t.n;
  const Index width = (8 + 2 * m) * n;
  std::vector<double> total(width, 0);
  for (Index i = 0; i < slices; ++i)
    for (Index k = 0; k < width; ++k) total[k] += partial[i * width + k];
  for (Index k = 0; k < 2 * n * m; ++k) product[k] = total[8 * n + k];
  for (Index k = 0; k < n; ++k) {
    theta_gradient[k] = total[k];
    theta_gradient[n + t.frequency[t.target[k]]] = total[n + k];
    theta_gradient[2 * n + k] = total[2 * n + k];
    bias_gradient[k] = total[3 * n + k];
  }
  const Stages<double>& exact = t.exact();
  const double scale = -2 / std::sqrt(static_cast<double>(n));
  std::vector<C> work(rows_for(span_of(n))), e(n), u2(n);
  const C *u1 = reinterpret_cast<const C*>(&total[4 * n]), *u2_source = reinterpret_cast<const C*>(&total[6 * n]);
  for (Index q = 0; q < n; ++q) u2[t.target[q]] = u2_source[q];
  auto through_length = [&](const T* pair, T* gradient) {  // e is dL/d(v/|v|); v/|v| does not see its length
    double largest = 0, square = 0, along = 0;
    for (Index k = 0; k < 2 * n; ++k) largest = std::max(largest, std::abs(static_cast<double>(pair[k])));
    for (Index k = 0; k < 2 * n; ++k) square += pair[k] / largest * (pair[k] / largest);
    const double length = std::sqrt(square) * largest;
    for (Index k = 0; k < n; ++k) along += (pair[k] / length) * e[k].re + (pair[n + k] / length) * e[k].im;
    for (Index k = 0; k < n; ++k) {
      gradient[k] = (e[k].re - pair[k] / length * along) / length;
      gradient[n + k] = (e[k].im - pair[n + k] / length * along) / length;
    }
  };
  auto put = [&](Index k, C c) { e[k] = {c.re * scale, c.im * scale}; };
  for (Index k = 0; k < n; ++k) work[at(k)] = u1[k];
  transform<-1>(exact, work.data());
  for (Index p = 0; p < n; ++p) put(t.frequency[p], work[at(p)]);
  through_length(v, v_gradient);
  for (Index p = 0; p < n; ++p) work[at(p)] = u2[p];
  transform<1>(exact, work.data());
  for (Index k = 0; k < n; ++k) put(k, work[at(k)]);
  through_length(v + 2 * n, v_gradient + 2 * n);
}
}  // namespace

#include "dense_stream.h"
#include "stream.h"

extern "C" {
using T = URNN_REAL;

static const Prepared<T>* tables_in(const void* handle) {
  return static_cast<const std::shared_ptr<const Prepared<T>>*>(handle)->get();
}

Index urnn_largest() { return LARGEST; }
void urnn_share_threads(StartTeam start) { start_team = start; }
// Null where the permutation is none.
void* urnn_tables(Index n, const T* theta, const T* v, const Index* permutation, const T* bias, double epsilon) {
  auto tables = remembered_tables<T>(n, theta, v, permutation, bias, static_cast<T>(epsilon));
  return tables ? new std::shared_ptr<const Prepared<T>>(std::move(tables)) : nullptr;
}
void urnn_release(void* tables) { delete static_cast<std::shared_ptr<const Prepared<T>>*>(tables); }
Index urnn_workspace(Index n, Index inside) { return workspace<T>(n, inside); }
Index urnn_forward_workspace(Index n) { return forward_workspace<T>(n); }
Index urnn_slices(Index n, Index batch) { return slices_of<T>(n, batch).size(); }
void urnn_forward(const void* tables, Index steps, Index batch, Index m, Index threads, const T* h_0,
                  Index h_0_stride, const T* x, const T* V, T* states, T* work) {
  forward<T>(*tables_in(tables), steps, batch, m, threads, h_0, h_0_stride, x, V, states, work);
}
void urnn_backward(const void* tables, Index batch, Index m, Index inside, Index threads, const T* h_0,
                   Index h_0_stride, const T* x, const T* V, const T* states, const T* gradient, Index begin,
                   Index end, T* carry, T* z_gradient, double* partial, T* work) {
  const Sequence<T> past{h_0, h_0_stride, x, V, m, states};
  backward<T>(*tables_in(tables), past, batch, inside, threads, gradient, begin, end, carry, z_gradient, partial,
              work);
}
Index urnn_multiply_workspace(Index threads, Index rows, Index columns) {
  return multiply_workspace(threads, product_of<T>({}, {}, {nullptr, rows, columns, columns, 1}));
}
// out = a b, or out += a b; strides count elements.
void urnn_multiply(Index threads, Index rows, Index columns, Index depth, const T* a, Index a_row, Index a_column,
                   const T* b, Index b_row, Index b_column, T* out, Index out_row, Index out_column, Index adds,
                   T* work) {
  multiply(threads,
           product_of<T>({a, rows, depth, a_row, a_column}, {b, depth, columns, b_row, b_column},
                         {out, rows, columns, out_row, out_column}, adds != 0),
           work);
}
void urnn_finish(const void* tables, Index m, Index slices, const double* partial, const T* v, T* theta_gradient,
                 T* v_gradient, T* bias_gradient, T* product) {
  finish<T>(*tables_in(tables), m, slices, partial, v, theta_gradient, v_gradient, bias_gradient, product);
}

Index urnn_dense_workspace(Index n, Index m) {
  return DenseSequence<T>{1, 1, 1, n, m, {}, {}, {}, {}}.workspace();
}
void urnn_dense_forward(Index threads, Index steps, Index batch, Index n, Index m, const T* x, const T* h_0,
                        const T* W, const T* V, const T* bias, T* states, T* work) {
  DenseSequence<T>{threads, steps, batch, n, m, x, h_0, W, V}.forward(bias, states, work);
}
Index urnn_dense_workspace_back(Index threads, Index batch, Index n, Index held) {
  return DenseSequence<T>{threads, 1, batch, n, 1, {}, {}, {}, {}}.workspace_back(held);
}
void urnn_dense_backward(Index threads, Index steps, Index batch, Index n, Index m, Index held, const T* x,
                         const T* h_0, const T* W, const T* V, const T* states, const T* gradient, T* carry,
                         T* of_x, T* of_W, T* of_V, T* of_bias, T* work) {
  DenseSequence<T>{threads, steps, batch, n, m, x, h_0, W, V}.backward(held, states, gradient, carry, of_x, of_W,
                                                                       of_V, of_bias, work);
}

static void stream_operator(Stacked* stack, std::uint64_t, std::uint64_t) { stream<T>(stack); }
static void step_operator(Stacked* stack, std::uint64_t, std::uint64_t) { step<T>(stack); }
static void step_gradients_operator(Stacked* stack, std::uint64_t, std::uint64_t) { step_gradients<T>(stack); }
static void dense_stream_operator(Stacked* stack, std::uint64_t, std::uint64_t) { dense_stream<T>(stack); }
// Makes the kernel torch's operators of these names on the CPU: a stream, a step, the gradients of a step, and a
// stream with a dense matrix. 0: it is.
Index urnn_register(const char* const* names, const Torch* functions, const Codes* numbers) {
  torch = *functions, codes = *numbers;
  Handle library = nullptr;
  Status failed = torch.library("urnn", "CPU", __FILE__, __LINE__, &library);
  void (*const operators[])(Stacked*, std::uint64_t, std::uint64_t) = {
      stream_operator, step_operator, step_gradients_operator, dense_stream_operator};
  for (int i = 0; i < 4 && !failed; ++i) failed = torch.implement(library, names[i], operators[i]);
  return failed;
}
}
