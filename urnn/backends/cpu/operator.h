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
  if (!fits)
    throw std::runtime_error(
        "URNN: the operator of a stream cannot take these arguments; call URNN without "
        "torch.compile or torch.export, which says what is wrong");
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
  // torch hands over pointers as numbers. NOLINTNEXTLINE(performance-no-int-to-ptr)
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
}  // namespace
