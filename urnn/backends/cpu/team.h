// Threads for the slices of a call.
#pragma once

#include <atomic>

#include "vectors.h"

namespace {

// Runs a function on a team of threads: GOMP_parallel, which the OpenMP libraries of GCC, LLVM and Intel all have.
// By its address, so that any compiler will do, and the threads are those of the library that torch has loaded.
// Null: one thread.
using StartTeam = void (*)(void (*)(void*), void* argument, unsigned threads, unsigned flags);
StartTeam start_team = nullptr;

template <class F>
__attribute__((noinline)) void call(void* f) {
  (*static_cast<F*>(f))();
}

// Calls f(slice, thread) for each slice, on threads that take the next one when they are done with theirs.
template <class F>
void for_each_slice(Index count, Index threads, F f) {
  std::atomic<Index> next_slice{0}, next_thread{0};
  auto work = [&] {
    const Index thread = next_thread++;
    for (Index i; (i = next_slice++) < count;) f(i, thread);
  };
  threads = std::min(threads, count);
  if (threads > 1 && start_team) start_team(call<decltype(work)>, &work, static_cast<unsigned>(threads), 0);
  else call<decltype(work)>(&work);
}
}  // namespace
