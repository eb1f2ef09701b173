// One sample's rows [Re; Im] of the coming steps, on their way from the device's memory to shared memory. That memory
// answers later than a step of few units takes, and a load into registers holds up whatever waits for a table.
#pragma once

#include "packed_tables.h"

namespace {

class RowsAhead {
 public:
  static constexpr int AHEAD = N >= 1024 ? 1 : 2;  // steps; a long step hides the memory's answer by itself
  // A row is overwritten two steps after it was read: there are barriers in between.
  static constexpr int STAGES = AHEAD + 2;
  // So samples of a warp begin LANES banks apart, at a multiple of 16 bytes.
  static constexpr int ROW = 2 * N + (Sample::LANES >= WARP ? 0 : Sample::LANES < 4 ? 4 : Sample::LANES);
  static constexpr int BYTES = STAGES * Sample::SAMPLES * ROW * int(sizeof(Real));

  // `first` is the sample's row of the first step, `apart` the way from a step's to the next's; a sample that is not
  // `within` the batch has rows of 0.
  __device__ __forceinline__ RowsAhead(const Real* first, long long apart, long long steps, bool within,
                                       const Sample& group)
      : next_(first + group.lane * PER_COPY), apart_(apart), left_(steps), within_(within),
        member_(group.member * ROW), lane_(group.lane) {
#pragma unroll
    for (int step = 0; step < AHEAD; ++step) fetch();
  }
  // To be called at the beginning of a step, before a barrier; then `read` once after it.
  __device__ __forceinline__ void begin_step() {
    fetch();
    wait_for_copies<AHEAD>();
  }
  __device__ __forceinline__ void read(Units& x) {
    const int place = read_from_ * (Sample::SAMPLES * ROW) + member_ + lane_;
#pragma unroll
    for (int e = 0; e < ELEMENTS; ++e) {
      x[e].re = rows_.load(place + e * Sample::LANES);
      x[e].im = rows_.load(place + e * Sample::LANES + N);
    }
    read_from_ = following(read_from_);
  }

 private:
  static constexpr int PER_COPY = 16 / int(sizeof(Real)), COPIES = 2 * ELEMENTS / PER_COPY;

  static __device__ __forceinline__ int following(int stage) { return stage + 1 < STAGES ? stage + 1 : 0; }
  __device__ __forceinline__ void fetch() {
    if (left_ > 0) {
      const int place = write_to_ * (Sample::SAMPLES * ROW) + member_ + lane_ * PER_COPY;
#pragma unroll
      for (int i = 0; i < COPIES; ++i) {
        const int unit = i * Sample::LANES * PER_COPY;
        copy_later(rows_, place + unit, next_ + unit, within_);
      }
    }
    end_copies();
    write_to_ = following(write_to_);
    next_ += apart_;
    --left_;
  }

  const Shared<Real> rows_ = shared_at<Real>(Sample::BYTES);
  const Real* next_;
  const long long apart_;
  long long left_;
  const bool within_;
  const int member_, lane_;
  int write_to_ = 0, read_from_ = 0;
};

}  // namespace
