// Rows [Re; Im] of a block's samples on their way from the device's memory to shared memory, while the threads
// compute. That memory answers later than a step of few units takes, and a load into registers would hold up
// whatever waits for a table.
#pragma once

#include "arguments.h"
#include "packed_tables.h"

namespace {

// STAGES places, each for ROWS rows of each sample, `OFFSET` bytes into shared memory. A thread brings 16 bytes at
// a time, whichever threads will read them: its copies are there for all after `wait_for_copies` and a barrier,
// and may begin once a barrier lies behind the last reading of the same stage.
template <int OFFSET, int ROWS, int STAGES>
class RowsAhead {
 public:
  // So samples of a warp begin some banks apart, at a multiple of 16 bytes.
  static constexpr int LEAST = STORED_IN_HALF ? 8 : 4;
  static constexpr int ROW = 2 * N + (Sample::LANES >= WARP ? 0 : Sample::LANES < LEAST ? LEAST : Sample::LANES);
  static constexpr int BYTES = STAGES * ROWS * Sample::SAMPLES * ROW * int(sizeof(Stored));

  // A sample that is not `within` the batch has rows of 0.
  __device__ __forceinline__ RowsAhead(bool within, const Sample& group)
      : lane_(group.lane), member_(group.member * ROW), within_(within) {}

  // Begins to copy the sample's row that begins at `from`, at a multiple of 16 bytes.
  __device__ __forceinline__ void fetch(int stage, int row, const Stored* from) const {
    const int place = start(stage, row) + lane_ * PER_COPY;
    from += lane_ * PER_COPY;
    if (COPIES == 0 && lane_ >= 2 * N / PER_COPY) return;  // fewer copies than lanes
#pragma unroll
    for (int i = 0; i < (COPIES > 0 ? COPIES : 1); ++i)
      copy_later(rows_, place + i * APART, from + i * APART, within_);
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
  static constexpr int PER_COPY = 16 / int(sizeof(Stored)), COPIES = 2 * ELEMENTS / PER_COPY;
  static constexpr int APART = Sample::LANES * PER_COPY;

  __device__ __forceinline__ int start(int stage, int row) const {
    return (stage * ROWS + row) * (Sample::SAMPLES * ROW) + member_;
  }

  const Shared<Stored> rows_ = shared_at<Stored>(OFFSET);
  const int lane_, member_;
  const bool within_;
};

// The same for the inputs of each sample where there are at most FEW: a lane brings one number.
template <int OFFSET, int STAGES>
class InputsAhead {
  static_assert(FEW <= Sample::LANES);

 public:
  static constexpr int BYTES = STAGES * Sample::SAMPLES * FEW * int(sizeof(Real));

  // `x` is (T, B, inputs); a `sample` past the batch has inputs of 0, and so has an input past the last.
  __device__ __forceinline__ InputsAhead(const Real* x, long long inputs, long long batch, long long sample,
                                         const Sample& group)
      : next_(x + sample * inputs + group.lane), apart_(batch * inputs), lane_(group.lane),
        member_(group.member * FEW), within_(sample < batch && group.lane < inputs) {}

  __device__ __forceinline__ void fetch(int stage, long long t) const {
    if (lane_ < FEW) copy_one_later(numbers_, start(stage) + lane_, next_ + t * apart_, within_);
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
  const int lane_, member_;
  const bool within_;
};

}  // namespace
