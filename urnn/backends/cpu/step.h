// One step of a loop over the cell, and its gradients, as operators of torch: see `operator.h`. The states are
// real, [Re; Im]. Included by kernel.cpp behind the passes, all of which it calls.
#pragma once

namespace {

// x (B, m) or (m), h (B, 2n), or (2n) for all samples, theta, v, permutation, V, b, epsilon, whether v is
// conjugated.
template <typename T>
struct StepArguments {
  static constexpr Index SIZE = sizeof(T);
  const View<2> x, h, theta, v;
  const View<1> permutation;
  const View<2> V;
  const View<1> b;
  const Index batch = x.size[0], m = x.size[1], n = b.size[0], width = 2 * n;
  double epsilon;
  bool conjugate;
  std::vector<T> turned, copied_x, copied_h;
  std::shared_ptr<const Prepared<T>> tables;

  StepArguments(const Owner* given, const Stacked* numbers)
      : x(given[0].handle, codes.real, SIZE, 1), h(given[1].handle, codes.real, SIZE, 1),
        theta(given[2].handle, codes.real, SIZE), v(given[3].handle, codes.real, SIZE),
        permutation(given[4].handle, codes.index, sizeof(Index)), V(given[5].handle, codes.real, SIZE),
        b(given[6].handle, codes.real, SIZE), conjugate(numbers[1] & 0xff) {
    std::memcpy(&epsilon, &numbers[0], sizeof epsilon);
    require(n <= LARGEST && (h.size[0] == batch || h.dimensions == 1) && h.size[1] == width &&
            theta.size[0] == 3 && theta.size[1] == n && v.size[0] == 2 && v.size[1] == width &&
            permutation.size[0] == n && V.size[0] == width && V.size[1] == m && theta.contiguous && v.contiguous &&
            permutation.contiguous && V.contiguous && b.contiguous);
    if (conjugate) turned = conjugated(static_cast<const T*>(v.data), n);
    tables = remembered_tables<T>(n, static_cast<const T*>(theta.data), vectors(),
                                  static_cast<const Index*>(permutation.data), static_cast<const T*>(b.data),
                                  static_cast<T>(epsilon));
    require(tables != nullptr);
    if (!x.contiguous) copied_x = dense(x);
    if (h.stride[1] != 1) copied_h = dense(h);
  }
  const T* vectors() const { return conjugate ? turned.data() : static_cast<const T*>(v.data); }
  Index inside() const { return m <= WIDEST_INPUT ? m : 0; }  // inputs that the passes multiply by V themselves
  const T* inputs() const { return x.contiguous ? static_cast<const T*>(x.data) : copied_x.data(); }
  const T* states() const { return h.stride[1] == 1 ? static_cast<const T*>(h.data) : copied_h.data(); }
  Index state_stride() const { return h.stride[1] == 1 || h.size[0] == 1 ? h.stride[0] : width; }
  Index threads() const { return batch > 1 ? std::min<Index>(torch.threads(), batch) : 1; }

  static std::vector<T> dense(const View<2>& of) {
    std::vector<T> rows(of.size[0] * of.size[1]);
    copy(of, rows.data());
    return rows;
  }
  static void copy(const View<2>& of, T* to) {
    for (Index i = 0; i < of.size[0]; ++i)
      for (Index k = 0; k < of.size[1]; ++k)
        *to++ = static_cast<const T*>(of.data)[i * of.stride[0] + k * of.stride[1]];
  }
};

template <int D>
Handle empty_like(const View<D>& of) {
  std::int64_t sizes[D];
  std::copy_n(of.size + D - of.dimensions, of.dimensions, sizes);
  return empty(sizes, of.dimensions, codes.real);
}

// out = a b, or out += a b.
template <typename T>
void product(Matrix<const T> a, Matrix<const T> b, Matrix<T> out, bool adds = false) {
  const Product<T> of = product_of<T>(a, b, out, adds);
  if (of.is_thin()) return multiply<T>(torch.threads(), of, nullptr);
  const Index threads = torch.threads(), bytes = multiply_workspace(threads, of);
  const Owner work(empty(&bytes, 1, codes.bytes));
  multiply(threads, of, data_of<T>(work));
}

// -> the next state (B, 2n), or (2n) if x has no batch.
template <typename T>
void step(Stacked* stack) {
  Owner given[7];
  take(given, stack);
  const StepArguments<T> a(given, stack + 7);
  const std::int64_t sizes[] = {a.batch, a.width};
  Owner next(empty(sizes + 2 - a.x.dimensions, a.x.dimensions, codes.real));
  const Index bytes = a.threads() * forward_workspace<T>(a.n);
  alignas(64) char small[16384];
  const Owner large(bytes > static_cast<Index>(sizeof small) ? empty(&bytes, 1, codes.bytes) : nullptr);
  const T* V = static_cast<const T*>(a.V.data);
  if (!a.inside())
    product<T>({a.inputs(), a.batch, a.m, a.m, 1}, {V, a.m, a.width, 1, a.m},
               {data_of<T>(next), a.batch, a.width, a.width, 1});
  forward<T>(*a.tables, 1, a.batch, a.m, a.threads(), a.states(), a.state_stride(),
             a.inside() ? a.inputs() : nullptr, V, data_of<T>(next),
             large.handle ? data_of<T>(large) : reinterpret_cast<T*>(small));
  stack[0] = reinterpret_cast<Stacked>(next.give());
}

// The gradient of the next state, the next state, the arguments of `step`, whether x needs a gradient ->
// the gradients of x (empty if it needs none), h, theta, v, V, b.
template <typename T>
void step_gradients(Stacked* stack) {
  Owner given[9];
  take(given, stack);
  const View<2> gradient(given[0].handle, codes.real, sizeof(T), 1),
      next(given[1].handle, codes.real, sizeof(T), 1);
  const StepArguments<T> a(given + 2, stack + 9);
  const bool with_x = stack[11] & 0xff;
  const Index n = a.n, m = a.m, batch = a.batch, width = a.width, threads = a.threads();
  require(gradient.size[0] == batch && gradient.size[1] == width && next.size[0] == batch &&
          next.size[1] == width && next.contiguous);
  const std::int64_t none = 0;
  Owner of_x(with_x ? empty_like(a.x) : empty(&none, 1, codes.real)), of_h(empty_like(a.h)),
      of_theta(empty_like(a.theta)), of_v(empty_like(a.v)), of_V(empty_like(a.V)), of_b(empty_like(a.b));

  const Index slices = slices_of<T>(n, batch).size(), inside = a.inside();
  const bool with_z = with_x || !inside;
  const bool shared = a.h.size[0] < batch;
  // In bytes: planes, dL/dz, dL/dh where the samples share h, V's gradient transposed; doubles in `partial`.
  const Index planes = threads * workspace<T>(n, inside), rows = batch * width;
  const Index bytes = planes + ((with_z ? rows : 0) + (shared ? rows : 0) + inside * width) * Index{sizeof(T)};
  const Owner large(empty(&bytes, 1, codes.bytes));
  char* work = data_of<char>(large);
  T* transposed = reinterpret_cast<T*>(work + planes);
  T* z_gradient = with_z ? transposed + inside * width : nullptr;
  T* carry = shared ? transposed + inside * width + (with_z ? rows : 0) : data_of<T>(of_h);
  std::vector<double> partial(slices * (8 + 2 * inside) * n, 0);
  StepArguments<T>::copy(gradient, carry);

  const T* V = static_cast<const T*>(a.V.data);
  const Sequence<T> past{a.states(), a.state_stride(), a.inputs(), V, m, static_cast<const T*>(next.data)};
  backward<T>(*a.tables, past, batch, inside, threads, nullptr, 0, 1, carry, z_gradient, partial.data(),
              reinterpret_cast<T*>(work));
  T *theta = data_of<T>(of_theta), *v = data_of<T>(of_v), *to_V = data_of<T>(of_V);
  finish<T>(*a.tables, inside, slices, partial.data(), a.vectors(), theta, v, data_of<T>(of_b), transposed);
  for (Index k = 0; k < width; ++k)
    for (Index c = 0; c < inside; ++c) to_V[k * m + c] = transposed[c * width + k];
  if (!inside)
    product<T>({z_gradient, width, batch, 1, width}, {a.inputs(), batch, m, m, 1}, {to_V, width, m, m, 1});
  for (Index k = 0; k < n; ++k) {  // what V x contributed to theta3's gradient
    double input = 0;
    for (Index c = 0, re = k * m, im = (n + k) * m; c < m; ++c)
      input += static_cast<double>(V[re + c]) * to_V[im + c] - static_cast<double>(V[im + c]) * to_V[re + c];
    theta[2 * n + k] -= static_cast<T>(input);
  }
  if (a.conjugate) turn(v, n);
  if (shared) {
    T* sum = data_of<T>(of_h);
    std::copy_n(carry, width, sum);
    for (Index i = 1; i < batch; ++i)
      for (Index k = 0; k < width; ++k) sum[k] += carry[i * width + k];
  }
  if (with_x)
    product<T>({z_gradient, batch, width, width, 1}, {V, width, m, m, 1}, {data_of<T>(of_x), batch, m, m, 1});
  Owner* made[] = {&of_x, &of_h, &of_theta, &of_v, &of_V, &of_b};
  for (int i = 0; i < 6; ++i) stack[i] = reinterpret_cast<Stacked>(made[i]->give());
}
}  // namespace
