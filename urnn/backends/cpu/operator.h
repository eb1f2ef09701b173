// A step of a stream as an operator of torch, without Python between the call and the kernel, and without torch's
// headers: what is called here is torch's stable C interface (torch/csrc/inductor/aoti_torch/c/shim.h), whose
// functions Python hands over. An argument that the kernel cannot read as it lies there raises one short error;
// the layer then takes the way through Python, which copes with it or says what is wrong.
#pragma once

#include <stdexcept>

#include "prepared.h"

namespace {

using Handle = void*;
using Status = std::int32_t;  // 0: it went well
using Stacked = std::uint64_t;

// In the order in which Python hands them over, see `cpu/operator.py`.
struct Torch {
  Status (*data)(Handle, void**);
  Status (*dimensions)(Handle, std::int64_t*);
  Status (*sizes)(Handle, std::int64_t**);
  Status (*strides)(Handle, std::int64_t**);
  Status (*dtype)(Handle, std::int32_t*);
  Status (*device)(Handle, std::int32_t*);
  Status (*layout)(Handle, std::int32_t*);
  Status (*storage_bytes)(Handle, std::int64_t*);
  Status (*storage_offset)(Handle, std::int64_t*);
  Status (*empty)(std::int64_t, const std::int64_t*, const std::int64_t*, std::int32_t, std::int32_t, std::int32_t,
                  Handle*);
  Status (*release)(Handle);
  Status (*library)(const char*, const char*, const char*, std::uint32_t, Handle*);
  Status (*implement)(Handle, const char*, void (*)(Stacked*, std::uint64_t, std::uint64_t));
  int (*threads)();
};
struct Codes {  // torch's numbers for what the kernel reads and writes
  std::int64_t real, complex, index, bytes, cpu, strided;
};

inline Torch torch{};
inline Codes codes{};

inline void require(bool fits) {
  if (!fits) throw std::runtime_error("URNN: the operator of a stream cannot take these arguments; call URNN");
}

struct Owner {  // of a tensor
  Handle handle = nullptr;
  Owner() = default;
  explicit Owner(Handle handle) : handle(handle) {}
  Owner(const Owner&) = delete;
  ~Owner() {
    if (handle) torch.release(handle);
  }
  Handle give() { return std::exchange(handle, nullptr); }
};

// Takes over the tensors on the stack.
template <int N>
void take(Owner (&given)[N], const Stacked* stack) {
  for (int i = 0; i < N; ++i) given[i].handle = reinterpret_cast<Handle>(stack[i]);
}

// A dense tensor on the CPU, all of it in memory, of D dimensions or from `fewest` on: sizes of 1 stand in front
// of those that it has. A stride of a single element counts as 0.
template <int D>
struct View {
  void* data = nullptr;
  std::int64_t size[D], stride[D];
  std::int64_t dimensions;
  bool contiguous = true;

  View(Handle tensor, std::int64_t expected_dtype, std::int64_t bytes, int fewest = D) {
    std::int64_t storage, offset, *sizes, *strides;
    std::int32_t dtype, device, layout;
    require(!torch.layout(tensor, &layout) && layout == codes.strided && !torch.dimensions(tensor, &dimensions) &&
            dimensions >= fewest && dimensions <= D && !torch.dtype(tensor, &dtype) && dtype == expected_dtype &&
            !torch.device(tensor, &device) && device == codes.cpu && !torch.sizes(tensor, &sizes) &&
            !torch.strides(tensor, &strides) && !torch.storage_bytes(tensor, &storage) &&
            !torch.storage_offset(tensor, &offset) && !torch.data(tensor, &data));
    std::int64_t last = 0, dense = 1;
    const Index missing = D - dimensions;
    for (Index d = D - 1; d >= 0; --d) {
      size[d] = d < missing ? 1 : sizes[d - missing];
      require(size[d] > 0);
      stride[d] = size[d] > 1 ? strides[d - missing] : 0;
      contiguous = contiguous && (size[d] == 1 || stride[d] == dense);
      last += (size[d] - 1) * stride[d], dense *= size[d];
    }
    require(storage >= (offset + last + 1) * bytes);
  }
};

inline Handle empty(const std::int64_t* sizes, Index dimensions, std::int64_t dtype) {  // at most 3 of them
  std::int64_t strides[3];
  std::int64_t dense = 1;
  for (Index d = dimensions - 1; d >= 0; --d) strides[d] = dense, dense *= sizes[d];
  Handle made = nullptr;
  if (torch.empty(dimensions, sizes, strides, static_cast<std::int32_t>(dtype),
                  static_cast<std::int32_t>(codes.cpu), 0, &made))
    throw std::runtime_error("URNN: there is no memory for the output");
  return made;
}
template <typename T>
T* data_of(const Owner& tensor) {
  void* data = nullptr;
  torch.data(tensor.handle, &data);
  return static_cast<T*>(data);
}

// A state (1, B, n) complex or (1, B, 2n) real as rows [Re; Im].
template <typename T>
void load_state(const View<3>& h, bool is_real, Index n, T* pairs) {
  for (Index i = 0; i < h.size[1]; ++i, pairs += 2 * n) {
    if (is_real) {
      const T* state = static_cast<const T*>(h.data) + i * h.stride[1];
      for (Index k = 0; k < 2 * n; ++k) pairs[k] = state[k * h.stride[2]];
    } else {
      const Complex<T>* state = static_cast<const Complex<T>*>(h.data) + i * h.stride[1];
      for (Index k = 0; k < n; ++k) pairs[k] = state[k * h.stride[2]].re, pairs[n + k] = state[k * h.stride[2]].im;
    }
  }
}

inline bool has_dtype(Handle tensor, std::int64_t expected) {
  std::int32_t dtype;
  return !torch.dtype(tensor, &dtype) && dtype == expected;
}

// Conjugates v (2, 2n).
template <typename T>
void turn(T* v, Index n) {
  for (Index row = 0; row < 2; ++row)
    for (Index k = n; k < 2 * n; ++k) v[row * 2 * n + k] = -v[row * 2 * n + k];
}
template <typename T>
std::vector<T> conjugated(const T* v, Index n) {
  std::vector<T> turned(v, v + 4 * n);
  turn(turned.data(), n);
  return turned;
}

// x (T, B, m), h (1, B, n) complex or (1, B, 2n) real, theta, v, permutation, V, b, epsilon, whether v is to be
// conjugated -> states (T, B, 2n), and the last state as h is.
template <typename T, class Forward>
void stream(Stacked* stack, Index inputs_at_most, bool (*runs)(Index), Index (*workspace)(Index),
            Forward forward) {
  constexpr Index SIZE = sizeof(T);
  Owner given[7];
  take(given, stack);
  double epsilon;
  std::memcpy(&epsilon, &stack[7], sizeof epsilon);
  const bool conjugate = stack[8] & 0xff;
  const bool is_real = has_dtype(given[1].handle, codes.real);
  const View<3> x(given[0].handle, codes.real, SIZE);
  const View<3> h(given[1].handle, is_real ? codes.real : codes.complex, is_real ? SIZE : 2 * SIZE);
  const View<2> theta(given[2].handle, codes.real, SIZE), v(given[3].handle, codes.real, SIZE);
  const View<1> permutation(given[4].handle, codes.index, sizeof(Index)), b(given[6].handle, codes.real, SIZE);
  const View<2> V(given[5].handle, codes.real, SIZE);
  const Index steps = x.size[0], batch = x.size[1], m = x.size[2], n = b.size[0], width = 2 * n;
  require(m <= inputs_at_most && runs(n) && h.size[0] == 1 && h.size[1] == batch &&
          h.size[2] == (is_real ? width : n) && theta.size[0] == 3 && theta.size[1] == n && v.size[0] == 2 &&
          v.size[1] == width && permutation.size[0] == n && V.size[0] == width && V.size[1] == m &&
          theta.contiguous && v.contiguous && permutation.contiguous && V.contiguous && b.contiguous);

  const T* vectors = static_cast<const T*>(v.data);
  std::vector<T> turned;
  if (conjugate) {
    turned = conjugated(vectors, n);
    vectors = turned.data();
  }
  const auto tables = remembered_tables<T>(n, static_cast<const T*>(theta.data), vectors,
                                           static_cast<const Index*>(permutation.data),
                                           static_cast<const T*>(b.data), static_cast<T>(epsilon));
  require(tables != nullptr);

  const std::int64_t sizes[] = {steps, batch, width};
  Owner states(empty(sizes, 3, codes.real)), last(empty(h.size, 3, is_real ? codes.real : codes.complex));
  const Index threads = batch > 1 ? std::min<Index>(torch.threads(), batch) : 1;
  const Index planes = threads * workspace(n), rows = batch * width, inputs = x.contiguous ? 0 : steps * batch * m;
  const Index bytes = planes + (rows + inputs) * SIZE;
  alignas(64) char small[16384];
  const Owner large(bytes > static_cast<Index>(sizeof small) ? empty(&bytes, 1, codes.bytes) : nullptr);
  char* work = large.handle ? data_of<char>(large) : small;
  T *pairs = reinterpret_cast<T*>(work + planes), *copied = pairs + rows;
  load_state(h, is_real, n, pairs);
  const T* input = static_cast<const T*>(x.data);
  if (!x.contiguous) {
    for (Index t = 0, at = 0; t < steps; ++t)
      for (Index i = 0; i < batch; ++i)
        for (Index c = 0; c < m; ++c) copied[at++] = input[t * x.stride[0] + i * x.stride[1] + c * x.stride[2]];
    input = copied;
  }
  T* out = data_of<T>(states);
  forward(*tables, steps, batch, m, threads, pairs, width, input, static_cast<const T*>(V.data), out,
          reinterpret_cast<T*>(work));
  const T* end = out + (steps - 1) * rows;
  Complex<T>* final_state = data_of<Complex<T>>(last);
  if (is_real) std::copy_n(end, rows, data_of<T>(last));
  else
    for (Index i = 0; i < batch; ++i)
      for (Index k = 0; k < n; ++k) final_state[i * n + k] = {end[i * width + k], end[i * width + n + k]};
  stack[0] = reinterpret_cast<Stacked>(states.give()), stack[1] = reinterpret_cast<Stacked>(last.give());
}
}  // namespace
