// The threads of a block as fibers that run in turn from barrier to barrier. Every access to shared memory is
// watched: one outside the block's bytes, one of what nobody has written, and one that no barrier orders behind
// another thread's, ends the run with a message. Not seen: races in global memory, and constant loads of what the
// same kernel writes, which a test looks for in the compiled code.
#include "host_device.h"

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <ucontext.h>
#include <vector>

namespace {

constexpr std::size_t STACK = 256 * 1024, WORD = 4;

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// When an access happened, in barriers of the block and of the thread's warp.
struct Access {
  int thread = -1;
  long block_barriers = 0, warp_barriers = 0;
};

enum class State { RUNS, AT_WARP_BARRIER, AT_BLOCK_BARRIER, DONE };

struct Copy {
  std::size_t byte, size;
  unsigned char content[16];
};

struct Fiber {
  std::vector<std::vector<Copy>> copies{1};  // in groups; the last is not ended yet
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[STACK]};
  State state = State::DONE;
  long warp_barriers = 0;
};

struct Cell {
  Access writer;
  int copies = 0;               // on their way here, for which nobody has waited
  std::vector<Access> readers;  // since it was written, or since the last barrier that orders all before it
};

// One block at a time.
struct Block {
  ucontext_t scheduler;
  std::vector<Fiber> fibers;
  std::vector<Cell> cells;  // one a word of shared memory
  std::vector<unsigned char> shared;
  std::vector<double> shuffle;  // a place a thread
  void (*thread)(const void*) = nullptr;
  const void* arguments = nullptr;
  std::string failure;
  long index = 0, block_barriers = 0;
  int current = 0;
  // By a thread that waits at a barrier; and whether one was, at the barrier that all have passed.
  bool raising = false, raised = false;

  static void enter();
  void run(int threads, std::size_t shared_bytes);
  void release();
  void wait(State at) {
    fibers[current].state = at;
    swapcontext(&fibers[current].context, &scheduler);
    if (!failure.empty()) throw Failure(failure);
  }
  Access now() const { return {current, block_barriers, fibers[current].warp_barriers}; }
  bool ordered(const Access& before) const {
    const Access here = now();
    return before.thread < 0 || before.thread == here.thread || before.block_barriers < here.block_barriers ||
           (before.thread / WARP == here.thread / WARP && before.warp_barriers < here.warp_barriers);
  }
  void read(std::size_t byte, std::size_t size) {
    require(byte, size);
    for (std::size_t word = byte / WORD; word < (byte + size + WORD - 1) / WORD; ++word) read(cells[word]);
  }
  void write(std::size_t byte, std::size_t size) {
    require(byte, size);
    for (std::size_t word = byte / WORD; word < (byte + size + WORD - 1) / WORD; ++word) write(cells[word]);
  }
  void count_copies(const Copy& copy, int more) {
    for (std::size_t word = copy.byte / WORD; word < (copy.byte + copy.size) / WORD; ++word)
      cells[word].copies += more;
  }

 private:
  void require(std::size_t byte, std::size_t size) const {
    if (byte + size > shared.size()) throw Failure("an access behind the block's shared memory");
    if (byte % size && byte % 16) throw Failure("an access across the bounds of a word");
  }
  void read(Cell& place) {
    if (place.writer.thread < 0) throw Failure("a read of shared memory that nobody has written");
    if (place.copies > 0) throw Failure("a read of what is still being copied");
    if (!ordered(place.writer)) throw Failure("a read that no barrier orders behind another thread's write");
    if (!place.readers.empty() && place.readers.back().block_barriers < block_barriers) place.readers.clear();
    place.readers.push_back(now());
  }
  void write(Cell& place) {
    if (!ordered(place.writer)) throw Failure("a write that no barrier orders behind another thread's write");
    for (const Access& reader : place.readers)
      if (!ordered(reader)) throw Failure("a write that no barrier orders behind another thread's read");
    place.readers.clear();
    place.writer = now();
  }
};

Block block;

void Block::enter() {
  try {
    block.thread(block.arguments);
  } catch (const std::exception& error) {
    if (block.failure.empty()) block.failure = error.what();
  }
  block.fibers[block.current].state = State::DONE;
  swapcontext(&block.fibers[block.current].context, &block.scheduler);
}

// Lets go on whoever waits at a barrier that all have reached.
void Block::release() {
  const int threads = fibers.size();
  bool all = true, any = false;
  for (const Fiber& fiber : fibers) all = all && fiber.state == State::AT_BLOCK_BARRIER;
  if (all) {
    ++block_barriers;
    raised = raising, raising = false;
    for (Fiber& fiber : fibers) fiber.state = State::RUNS;
    return;
  }
  for (int first = 0; first < threads; first += WARP) {
    const int end = std::min(threads, first + WARP);
    bool here = true;
    for (int i = first; i < end; ++i) here = here && fibers[i].state == State::AT_WARP_BARRIER;
    for (int i = first; here && i < end; ++i) fibers[i].state = State::RUNS, ++fibers[i].warp_barriers;
    any = any || here;
  }
  if (!any && failure.empty()) failure = "a barrier that not all threads reach";
  if (!failure.empty())  // so that every fiber unwinds
    for (Fiber& fiber : fibers)
      if (fiber.state != State::DONE) fiber.state = State::RUNS;
}

void Block::run(int threads, std::size_t shared_bytes) {
  fibers.resize(threads);
  cells.assign(shared_bytes / WORD, Cell{});
  shared.assign(shared_bytes, 0);
  shuffle.assign(threads, 0);
  block_barriers = 0, raising = false;
  for (Fiber& fiber : fibers) {
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = STACK;
    fiber.context.uc_link = nullptr;
    fiber.state = State::RUNS;
    fiber.warp_barriers = 0;
    fiber.copies.assign(1, {});
    makecontext(&fiber.context, &Block::enter, 0);
  }
  for (bool left = true; left;) {
    left = false;
    bool ran = false;
    for (current = 0; current < threads; ++current) {
      if (fibers[current].state != State::RUNS) continue;
      swapcontext(&scheduler, &fibers[current].context);
      ran = true;
    }
    for (const Fiber& fiber : fibers) left = left || fiber.state != State::DONE;
    if (left) release();
    if (!ran && !failure.empty()) break;
  }
}

}  // namespace

void read_shared(std::size_t byte, std::size_t size, void* value) {
  block.read(byte, size);
  std::memcpy(value, &block.shared[byte], size);
}
void write_shared(std::size_t byte, std::size_t size, const void* value) {
  block.write(byte, size);
  std::memcpy(&block.shared[byte], value, size);
}

// A copy writes at any time from here until the thread waits for it, so it must be in order with others' accesses
// at both ends.
void copy_bytes_later(std::size_t byte, std::size_t size, const void* from, bool within) {
  if (reinterpret_cast<std::size_t>(from) % size || byte % size)
    throw Failure("a copy from or to no multiple of its size");
  Copy copy{byte, size, {}};
  if (within) std::memcpy(copy.content, from, size);
  write_shared(byte, size, copy.content);
  block.count_copies(copy, 1);
  block.fibers[block.current].copies.back().push_back(copy);
}
void end_copies() { block.fibers[block.current].copies.emplace_back(); }
void wait_for_all_copies_but(std::size_t latest) {
  auto& copies = block.fibers[block.current].copies;
  while (copies.size() > latest + 1) {
    for (const Copy& copy : copies.front()) {
      block.count_copies(copy, -1);
      write_shared(copy.byte, copy.size, copy.content);
    }
    copies.erase(copies.begin());
  }
}

int thread_index() { return block.current; }
long long block_index() { return block.index; }
void block_barrier() { block.wait(State::AT_BLOCK_BARRIER); }
void warp_barrier() { block.wait(State::AT_WARP_BARRIER); }

// A GPU's shuffle waits for the warp, but orders no memory: neither do these two barriers in what they count.
double exchanged(double value, int bits) {
  const int mine = block.current;
  block.shuffle[mine] = value;
  warp_barrier();
  const double other = block.shuffle[mine ^ bits];
  warp_barrier();
  block.fibers[mine].warp_barriers -= 2;
  return other;
}

// Nobody passes the next barrier before all have read this one's answer.
bool block_barrier_any(bool raised) {
  block.raising = block.raising || raised;
  block_barrier();
  return block.raised;
}
bool warp_barrier_any(bool raised) {
  double any = raised;
  for (int bits = 1; bits < WARP; bits *= 2) any += exchanged(any, bits);
  warp_barrier();
  return any > 0;
}

void sincospi(double x, double* sine, double* cosine) {
  const long double angle = x * 3.14159265358979323846264338327950288L;
  *sine = sinl(angle), *cosine = cosl(angle);
}

const char* run_blocks(void (*thread)(const void*), const void* arguments, long blocks, int threads,
                       long shared_bytes) {
  static std::string message;
  block.failure.clear();
  block.thread = thread, block.arguments = arguments;
  for (block.index = 0; block.index < blocks && block.failure.empty(); ++block.index)
    block.run(threads, shared_bytes);
  message = block.failure;
  return message.empty() ? nullptr : message.c_str();
}
