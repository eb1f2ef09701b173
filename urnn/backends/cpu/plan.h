// How a transform of any length is cut into stages.
//
// A length whose prime factors are small has a butterfly for each stage. A larger prime up to LARGEST_PRIME is a
// stage by the definition (long_odd.h). A length with a still larger one becomes a cyclic convolution of a length
// of the first kind (`convolution`, by Bluestein: x_j and X_k turned by chirps, as 2 j k = j^2 + k^2 - (k - j)^2).
#pragma once

#include <array>

#include "vectors.h"

namespace {

constexpr Index LARGEST = 1 << 14;                   // units; cpu/__init__.py has the same number
constexpr int LARGEST_PRIME = 100;                   // beyond, the convolution is faster
constexpr std::array<int, 4> PRIMES = {2, 3, 5, 7};  // of the radices written out
constexpr std::array<int, 8> RADICES = {10, 8, 7, 6, 5, 4, 3, 2};
constexpr Index TILE_WIDTH = 16;

inline bool is_fused(int radix) { return radix == 3 || radix == 4 || radix == 5 || radix == 8; }

// What is left of n without the primes of the radices.
inline Index without_small_primes(Index n) {
  for (const int p : PRIMES)
    while (n % p == 0) n /= p;
  return n;
}

inline std::vector<int> large_primes(Index n) {  // ascending
  std::vector<int> found;
  n = without_small_primes(n);
  for (Index p = 11; n > 1; p += 2) {
    if (p * p > n) p = n;
    while (n % p == 0) found.push_back(static_cast<int>(p)), n /= p;
  }
  return found;
}

// The length of the convolution for n units, or 0 if none is needed.
inline Index convolution_length(Index n) {
  const auto primes = large_primes(n);
  if (primes.empty() || primes.back() <= LARGEST_PRIME) return 0;
  Index best = 0;
  for (const Index odd : {1, 3, 5, 9, 15, 25, 27}) {
    Index length = 8 * odd;
    while (length < 2 * n - 1) length *= 2;
    if (!best || length < best) best = length;
  }
  return best;
}

// Rows that a transform of n units works on.
inline Index span_of(Index n) { return std::max(n, convolution_length(n)); }

// Arithmetic and memory of one stage in place per unit, in cycles as measured on a half-width AVX-512 machine.
inline double cost_of(int radix) {
  switch (radix) {
    case 2:
      return 8;
    case 3:
    case 4:
      return 9.5;
    case 5:
      return 12;
    case 6:
      return 13.5;
    case 7:
      return 16;
    case 8:
      return 12;
    default:
      return 19;
  }
}

// Units of whole tiles that a first stage of this radix makes of n: fewer are better. A short transform's chunk is
// all of it.
inline Index padded_units(Index n, int radix) {
  const Index stride = n / radix, run = n <= TILE_WIDTH * RADICES[0] ? n : stride;
  return n / run * ((run + TILE_WIDTH - 1) / TILE_WIDTH * TILE_WIDTH);
}

// The same for a transform of n units in these stages; its first and last stage do more than others.
inline double cost_of(Index n, const std::vector<int>& radices) {
  constexpr double APART = 6, NOT_FUSED = 8, TILES = 30;
  const int first = radices.front();
  double cost = 0;
  for (const int radix : radices) cost += cost_of(radix);
  if (!is_fused(first)) cost += APART;
  if (!is_fused(radices.back())) cost += NOT_FUSED;
  return cost + TILES * (static_cast<double>(padded_units(n, first)) / static_cast<double>(n) - 1);
}

// Calls f with every product of radices that makes n, in descending order.
template <class F>
void for_each_product(Index n, std::vector<int>& radices, F&& f) {
  if (n == 1) return f();
  for (const int radix : RADICES) {
    if (n % radix || (!radices.empty() && radix > radices.back())) continue;
    radices.push_back(radix);
    for_each_product(n / radix, radices, f);
    radices.pop_back();
  }
}

// The cheapest stages for n units, of which `small` is the part of small primes.
inline std::vector<int> cheapest(Index n, Index small) {
  std::vector<int> product, best;
  double least = 0;
  for_each_product(small, product, [&] {
    for (std::size_t first = 0; first < product.size(); ++first) {
      std::vector<int> order = product;
      std::rotate(order.begin(), order.begin() + first, order.begin() + first + 1);
      for (std::size_t last = 1; last < std::max<std::size_t>(order.size(), 2); ++last) {
        std::vector<int> stages = order;
        if (last < stages.size()) std::rotate(stages.begin() + last, stages.begin() + last + 1, stages.end());
        const double cost = cost_of(n, stages);
        if (best.empty() || cost < least) least = cost, best = stages;
      }
    }
  });
  return best;
}

inline std::vector<int> radices_of_power(Index n, bool two_stages) {  // of two
  int e = 0;
  while ((Index{1} << e) < n) ++e;
  if (two_stages && e == 2) return {2, 2};
  if (two_stages && e == 3) return {2, 4};
  std::vector<int> radices;
  while (e > 4 || e == 3) radices.push_back(8), e -= 3;
  while (e > 1) radices.push_back(4), e -= 2;
  if (e) radices.push_back(2);
  return radices;
}

// The stages of a length that needs no convolution, first stage first, in no fewer than asked for. The first is at
// most 10, as a chunk's stage has to be.
inline std::vector<int> radices_of(Index n, std::size_t fewest) {
  const std::vector<int> primes = large_primes(n);
  Index small = n;
  for (const int p : primes) small /= p;
  std::vector<int> radices;
  if ((small & (small - 1)) == 0) radices = radices_of_power(small, fewest > 1 && primes.empty());
  else radices = cheapest(n, small);
  radices.insert(radices.end(), primes.begin(), primes.end());
  while (radices.size() < fewest || radices[0] > RADICES[0]) radices.insert(radices.begin(), 1);
  return radices;
}
}  // namespace
