// Rows [Re; Im] of a block's samples on their way from the device's memory to shared memory, while the threads
// compute. That memory answers later than a step of few units takes, and a load into registers would hold up
// whatever waits for a table.
#pragma once

#include "arguments.h"
#include "packed_tables.h"

namespace {

// Whether rows of states begin at a multiple of 16 bytes, as a copy must: not those of an odd N in float.
constexpr bool COPYABLE = 2 * N * sizeof(Stored) % 16 == 0;

// STAGES places, each for ROWS rows of each sample, `OFFSET` bytes into shared memory. A thread brings 16 bytes at
// a time, whichever threads will read them: its copies are there for all after `wait_for_copies` and a barrier,
// and may begin once a barrier lies behind the last reading of the same stage.
template <int OFFSET, int ROWS, int STAGES>
class RowsAhead {
 public:
  // So samples of a warp begin some banks apart, at a multiple of 16 bytes.
  static constexpr int LEAST = STORED_IN_HALF ? 8 : 4;
  static constexpr int ROW = 2 * N + (Sample::SPAN >= WARP ? 0 : Sample::SPAN < LEAST ? LEAST : Sample::SPAN);
  static constexpr int BYTES = STAGES * ROWS * Sample::SAMPLES * ROW * int(sizeof(Stored));

  // A sample that is not `within` the batch has rows of 0.
  __device__ __forceinline__ RowsAhead(bool within, const Sample& group)
      : lane_(group.lane), seat_(group.seat), member_(group.member * ROW), within_(within) {}

  // Begins to copy the sample's row that begins at `from`, at a multiple of 16 bytes.
  __device__ __forceinline__ void fetch(int stage, int row, const Stored* from) const {
    const int place = start(stage, row) + seat_ * PER_COPY;
    from += seat_ * PER_COPY;
#pragma unroll
    for (int i = 0; i < COPIES; ++i) {
      const bool has = (i + 1) * APART <= 2 * N || seat_ * PER_COPY + i * APART < 2 * N;
      if (has) copy_later(rows_, place + i * APART, from + i * APART, within_);
    }
  }
  __device__ __forceinline__ void read(int stage, int row, Units& x) const {
    const int place = start(stage, row) + lane_;
#pragma unroll
    for (int e = 0; e < ELEMENTS; ++e) {
      x[e].re = real_of(rows_.load(place + e * Sample::LANES));
      x[e].im = real_of(rows_.load(place + e * Sample::LANES + N));
    }
  }

 private:
  static constexpr int PER_COPY = 16 / int(sizeof(Stored)), APART = Sample::SPAN * PER_COPY;
  static constexpr int COPIES = (2 * N + APART - 1) / APART;

  __device__ __forceinline__ int start(int stage, int row) const {
    return (stage * ROWS + row) * (Sample::SAMPLES * ROW) + member_;
  }

  const Shared<Stored> rows_ = shared_at<Stored>(OFFSET);
  const int lane_, seat_, member_;
  const bool within_;
};

// The same for the inputs of each sample where there are at most FEW: a thread brings one number, or all if it is
// the sample's only one.
template <int OFFSET, int STAGES>
class InputsAhead {
  static_assert(FEW <= Sample::SPAN || Sample::SPAN == 1);

 public:
  static constexpr int BYTES = STAGES * Sample::SAMPLES * FEW * int(sizeof(Real));

  // `x` is (T, B, inputs); a `sample` past the batch has inputs of 0, and so has an input past the last.
  __device__ __forceinline__ InputsAhead(const Real* x, long long inputs, long long batch, long long sample,
                                         const Sample& group)
      : next_(x + sample * inputs + group.seat), apart_(batch * inputs), seat_(group.seat),
        member_(group.member * FEW), left_(sample < batch ? int(inputs) - group.seat : 0) {}

  __device__ __forceinline__ void fetch(int stage, long long t) const {
#pragma unroll
    for (int i = 0; i < FEW; i += Sample::SPAN)
      if (seat_ + i < FEW) copy_one_later(numbers_, start(stage) + seat_ + i, next_ + t * apart_ + i, i < left_);
  }
  __device__ __forceinline__ void read(int stage, Real (&x)[FEW]) const {
#pragma unroll
    for (int i = 0; i < FEW; ++i) x[i] = numbers_.load(start(stage) + i);
  }

 private:
  __device__ __forceinline__ int start(int stage) const { return stage * (Sample::SAMPLES * FEW) + member_; }

  const Shared<Real> numbers_ = shared_at<Real>(OFFSET);
  const Real* const next_;
  const long long apart_;
  const int seat_, member_, left_;
};

}  // namespace
