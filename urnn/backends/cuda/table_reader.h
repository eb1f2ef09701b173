// How a step reads the tables: from shared memory where the kernel is compiled so, or else through the cache.
// Where a block keeps them, each thread holds in registers what it needs of as many as leave none spilled: what it
// would read from shared memory delays the exchanges, which bound a step of many units.
#pragma once

#include "arguments.h"
#include "fourier.h"
#include "packed_tables.h"

namespace {

// Whether a block keeps the tables in shared memory. It has to where they, and what passes through, do not fit
// into the cache beside each other: then a step waits for the next level of memory between most of its barriers.
constexpr bool SHARED_TABLES = URNN_SHARED_TABLES;
// Rows that are in registers, the first of `ForwardTables` and of `BackwardTables`.
constexpr int HELD_FORWARD = URNN_HELD_FORWARD, HELD_BACKWARD = URNN_HELD_BACKWARD;

template <typename T>
struct SharedRoots {
  Shared<Complex<T>> row;
  int first;
  __device__ __forceinline__ Complex<T> operator[](int i) const { return row.load(first + i); }
  __device__ __forceinline__ SharedRoots operator+(int i) const { return {row, first + i}; }
};

// `KEPT` are the rows that a block may keep in shared memory; a kernel that runs one step keeps none. Where a
// block keeps them, a thread that HOLDS has registers for its biases and places, and for the first HELD rows,
// which begin with the roots.
template <bool HOLDS, int HELD, Row... KEPT>
class TableReader {
  static constexpr int COUNT = sizeof...(KEPT);
  static constexpr bool KEEPS = SHARED_TABLES && COUNT > 0;
  static constexpr int BIASES_AT = Sample::BYTES + (COUNT - HELD) * ROW_LENGTH * int(sizeof(Complex<Real>));
  static constexpr int PLACES_AT = BIASES_AT + ROW_LENGTH * int(sizeof(Real));
  static constexpr int END = HOLDS ? BIASES_AT : PLACES_AT + ROW_LENGTH * int(sizeof(int));

 public:
  static constexpr int BYTES = KEEPS ? END - Sample::BYTES : 0;

  // All threads of the block together.
  __device__ __forceinline__ TableReader(const Complex<Real>* tables, const Real* biases, const int* places,
                                         const Sample& group)
      : roots_(tables + ROOTS * ROW_LENGTH), rows_(tables + 2 * group.lane), biases_(biases + 2 * group.lane),
        places_(places + 2 * group.lane), lane_(group.lane), seat_(group.seat) {
    if constexpr (KEEPS) {
      constexpr Row kept[] = {KEPT...};
#pragma unroll
      for (int i = HELD; i < COUNT; ++i) keep(kept_rows_, start(i), tables + kept[i] * ROW_LENGTH);
      if constexpr (HELD > 0) {
        static_assert(kept[0] == ROOTS);
        hold_roots(group, roots_, held_roots_);
#pragma unroll
        for (int i = 1; i < HELD; ++i) {
          read_packed(rows_, kept[i] * ROW_LENGTH, lane_, held_rows_[i - 1]);
#pragma unroll
          for (int e = 0; e < ELEMENTS; ++e) held_rows_[i - 1][e] = in_registers(held_rows_[i - 1][e]);
        }
      }
      if constexpr (HOLDS) {
        read_packed(biases_, 0, lane_, held_biases_);
        read_packed(places_, 0, lane_, held_places_);
      } else {
        keep(kept_biases_, 0, biases);
        keep(kept_places_, 0, places);
      }
      end_copies();
      wait_for_copies<0>();
      block_barrier();
    }
  }
  __device__ __forceinline__ void next_step() {
    if (KEEPS) return;  // no load passes a barrier there
    roots_ = hidden(roots_), rows_ = hidden(rows_), biases_ = hidden(biases_), places_ = hidden(places_);
  }
  __device__ __forceinline__ auto roots() const {
    if constexpr (KEEPS && HELD > 0) return HeldRoots<Real>{held_roots_};
    else if constexpr (KEEPS) return SharedRoots<Real>{kept_rows_, start(index_of(ROOTS))};
    else return ConstantRoots<Real>{roots_};
  }
  template <Row ROW>
  __device__ __forceinline__ void read(Units& x) const {
    constexpr int INDEX = index_of(ROW);
    if constexpr (KEEPS && INDEX < HELD) copy(held_rows_[INDEX - 1], x);
    else if constexpr (KEEPS && INDEX < COUNT) read_packed_shared(kept_rows_, start(INDEX), x);
    else read_packed(rows_, ROW * ROW_LENGTH, lane_, x);
  }
  __device__ __forceinline__ void read_biases(Real (&b)[ELEMENTS]) const {
    if constexpr (KEEPS && HOLDS) copy(held_biases_, b);
    else if constexpr (KEEPS) read_packed_shared(kept_biases_, 0, b);
    else read_packed(biases_, 0, lane_, b);
  }
  __device__ __forceinline__ void read_places(int (&places)[ELEMENTS]) const {
    if constexpr (KEEPS && HOLDS) copy(held_places_, places);
    else if constexpr (KEEPS) read_packed_shared(kept_places_, 0, places);
    else read_packed(places_, 0, lane_, places);
  }

 private:
  static __device__ constexpr int start(int kept) { return (kept - HELD) * ROW_LENGTH; }
  // COUNT if the row is not among them.
  static __device__ constexpr int index_of(Row row) {
    const Row kept[] = {KEPT..., ROWS};
    int i = 0;
    while (i < COUNT && kept[i] != row) ++i;
    return i;
  }
  template <typename T>
  __device__ __forceinline__ void keep(Shared<T> to, int at, const T* from) const {
    constexpr int PER_COPY = 16 / int(sizeof(T));
    for (int i = seat_ * PER_COPY; i < ROW_LENGTH; i += Sample::SPAN * PER_COPY)
      copy_later(to, at + i, from + i, true);
  }
  template <typename T>
  static __device__ __forceinline__ void copy(const T (&from)[ELEMENTS], T (&to)[ELEMENTS]) {
#pragma unroll
    for (int e = 0; e < ELEMENTS; ++e) to[e] = from[e];
  }
  template <typename T>
  __device__ __forceinline__ void read_packed_shared(Shared<T> row, int offset, T (&x)[ELEMENTS]) const {
    const Shared<Two<T>> pairs = row.template as<Two<T>>();
#pragma unroll
    for (int e = 0; e < PAIRED; e += 2) {
      const Two<T> two = pairs.load((offset + e * Sample::LANES) / 2 + lane_);
      x[e] = two.first, x[e + 1] = two.second;
    }
    if constexpr (PAIRED < ELEMENTS) x[PAIRED] = row.load(offset + PAIRED * Sample::LANES + lane_);
  }

  const Complex<Real>*roots_, *rows_;
  const Real* biases_;
  const int* places_;
  const int lane_, seat_;
  Real held_biases_[ELEMENTS];
  int held_places_[ELEMENTS];
  Complex<Real> held_roots_[HELD > 0 ? number_of_own_roots<Sample>() : 1];
  Units held_rows_[HELD > 1 ? HELD - 1 : 1];
  const Shared<Complex<Real>> kept_rows_ = shared_at<Complex<Real>>(Sample::BYTES);
  const Shared<Real> kept_biases_ = shared_at<Real>(BIASES_AT);
  const Shared<int> kept_places_ = shared_at<int>(PLACES_AT);
};

}  // namespace
