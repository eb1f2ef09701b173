// The tables of a set of parameters, kept from call to call. Made in double, they cost more than a step of a
// stream does. Parameters are compared by value: nothing else tells that they have not been written to, since
// writes through `.data` or numpy count no version.
#pragma once

#include "one_sample_tables.h"

#include <memory>
#include <mutex>
#include <optional>

namespace {

// V (2n, m) as the kernel reads it.
template <typename T>
struct InputWeights {
  std::vector<T> V;       // as it was given
  std::vector<T> blocks;  // [unit][input][Re, Im]
  std::vector<T> alone;   // for one sample alone: (m, 2n)

  InputWeights(Index n, Index m, const T* given)
      : V(given, given + 2 * n * m), blocks(2 * n * m), alone(2 * n * m) {
    for (Index k = 0; k < n; ++k)
      for (Index c = 0; c < m; ++c)
        for (Index part = 0; part < 2; ++part) blocks[2 * (k * m + c) + part] = given[(part * n + k) * m + c];
    for (Index k = 0; k < 2 * n; ++k)
      for (Index c = 0; c < m; ++c) alone[c * 2 * n + k] = given[k * m + c];
  }
  bool is_of(Index size, const T* given) const {
    return static_cast<Index>(V.size()) == size && !std::memcmp(V.data(), given, size * sizeof(T));
  }
};

// The tables of one set of parameters. Those for one sample alone are made when they are first needed.
template <typename T>
struct Prepared : Tables<T> {
  using Tables<T>::Tables;
  const SingleTables<T>* single() const {  // null if there are too few units
    if (!SingleTables<T>::apply(this->n)) return nullptr;
    std::call_once(once, [this] { made.emplace(*this); });
    return &*made;
  }
  const Stages<double>& exact() const {  // for the gradients of v, which are worked out in double
    std::call_once(exact_once, [this] { made_exact.emplace(this->n); });
    return *made_exact;
  }
  // V (2n, m) laid out, as it was the last time if it has not changed.
  std::shared_ptr<const InputWeights<T>> inputs(Index m, const T* V) const {
    std::shared_ptr<const InputWeights<T>> last;
    {
      const std::lock_guard<std::mutex> lock(guard);
      last = weights;
    }
    if (last && last->is_of(2 * this->n * m, V)) return last;
    last = std::make_shared<const InputWeights<T>>(this->n, m, V);
    const std::lock_guard<std::mutex> lock(guard);
    return weights = last;
  }

 private:
  mutable std::once_flag once, exact_once;
  mutable std::optional<Stages<double>> made_exact;
  mutable std::optional<SingleTables<T>> made;
  mutable std::mutex guard;
  mutable std::shared_ptr<const InputWeights<T>> weights;
};

// Whether these are 0..n - 1 in some order.
inline bool holds_each_once(const std::vector<Index>& entries) {
  const Index n = entries.size();
  std::vector<bool> seen(n, false);
  for (const Index entry : entries) {
    if (entry < 0 || entry >= n || seen[entry]) return false;
    seen[entry] = true;
  }
  return true;
}

// One set of parameters by its values, with its tables.
template <typename T>
struct Remembered {
  const T* theta;  // where it was: the set to compare first, and after a write the one to forget
  std::vector<T> values;
  std::vector<Index> permutation;
  std::shared_ptr<const Prepared<T>> tables;

  bool is_of(Index n, const T* theta_now, const T* v, const Index* order, const T* bias, T epsilon) const {
    const std::size_t bytes = n * sizeof(T);
    return tables->n == n && tables->epsilon == epsilon && !std::memcmp(values.data(), theta_now, 3 * bytes) &&
           !std::memcmp(&values[3 * n], v, 4 * bytes) && !std::memcmp(&values[7 * n], bias, bytes) &&
           !std::memcmp(permutation.data(), order, n * sizeof(Index));
  }
};

// The tables of these parameters. Null where the permutation is none.
template <typename T>
std::shared_ptr<const Prepared<T>> remembered_tables(Index n, const T* theta, const T* v, const Index* permutation,
                                                     const T* bias, T epsilon) {
  using Entry = std::shared_ptr<const Remembered<T>>;
  static std::mutex guard;
  static std::vector<Entry> entries;  // the last used first
  // Sets, and units in all of them: some 600 bytes of tables each in float32.
  constexpr std::size_t MOST_SETS = 64;
  constexpr Index MOST_UNITS = 1 << 17;
  auto first_with = [&](auto condition) { return std::find_if(entries.begin(), entries.end(), condition); };
  auto same = [&](const Entry& e) { return e->is_of(n, theta, v, permutation, bias, epsilon); };
  auto at_its_place = [&](const Entry& e) { return e->theta == theta; };
  {
    Entry likely;  // compared without the lock, which other threads want
    {
      const std::lock_guard<std::mutex> lock(guard);
      if (const auto found = first_with(at_its_place); found != entries.end()) {
        likely = *found;
        std::rotate(entries.begin(), found, found + 1);
      }
    }
    if (likely && same(likely)) return likely->tables;
  }
  {
    const std::lock_guard<std::mutex> lock(guard);
    if (const auto found = first_with(same); found != entries.end()) {
      std::rotate(entries.begin(), found, found + 1);
      return entries.front()->tables;
    }
  }
  Remembered<T> made{theta, {theta, theta + 3 * n}, {permutation, permutation + n}, nullptr};
  made.values.insert(made.values.end(), v, v + 4 * n);
  made.values.insert(made.values.end(), bias, bias + n);
  if (!holds_each_once(made.permutation)) return nullptr;
  const T* own = made.values.data();
  made.tables =
      std::make_shared<const Prepared<T>>(n, own, own + 3 * n, made.permutation.data(), own + 7 * n, epsilon);
  auto tables = made.tables;
  const std::lock_guard<std::mutex> lock(guard);
  if (const auto stale = first_with(at_its_place); stale != entries.end()) entries.erase(stale);
  entries.insert(entries.begin(), std::make_shared<const Remembered<T>>(std::move(made)));
  Index units = 0;
  std::size_t kept = 0;
  while (kept < entries.size() && kept < MOST_SETS && units + entries[kept]->tables->n <= MOST_UNITS)
    units += entries[kept++]->tables->n;
  entries.resize(std::max<std::size_t>(kept, 1));
  return tables;
}
}  // namespace
