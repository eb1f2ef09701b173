// A team of threads for a program without OpenMP.
#pragma once

#include <thread>
#include <vector>

// Like GOMP_parallel.
inline void start_threads(void (*f)(void*), void* argument, unsigned threads, unsigned) {
  std::vector<std::thread> team;
  for (unsigned i = 1; i < threads; ++i) team.emplace_back(f, argument);
  f(argument);
  for (std::thread& thread : team) thread.join();
}
