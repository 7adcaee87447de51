// Checks and small sums of the placement problem.
#include "place/problem.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace motley::place {

namespace {

// Larger numbers are mistakes: 52 days, 4 PB.
constexpr int64_t kMaxNumber = int64_t{1} << 52;

[[noreturn]] void wrong(const char* format, std::initializer_list<base::Piece> values) {
  base::fail(ErrorCode::invalid_argument, format, values);
}

bool in_range(int64_t value) { return value >= 0 && value <= kMaxNumber; }

void check_devices(const Problem& p) {
  if (p.devices.empty()) wrong("the placement problem has no devices: give it at least one", {});
  for (size_t d = 0; d < p.devices.size(); ++d) {
    if (p.devices[d].memory_bytes < 0)
      wrong("device \"%\" has a negative memory size (%)", {p.devices[d].name, p.devices[d].memory_bytes});
    for (size_t e = 0; e < d; ++e)
      if (p.devices[e].name == p.devices[d].name)
        wrong("two devices are called \"%\": give each its own name", {p.devices[d].name});
  }
  if (p.places.empty() || p.places.size() > kMaxPlaces)
    wrong("there are % places, pairs of device and format: 1 to % are possible", {p.places.size(), kMaxPlaces});
  for (size_t q = 0; q < p.places.size(); ++q)
    if (p.places[q].device >= p.devices.size())
      wrong("place % names device %, there are %", {q, p.places[q].device, p.devices.size()});
  if (p.moves.size() != p.places.size() * p.places.size())
    wrong("there are % moves for % places: one per pair is needed", {p.moves.size(), p.places.size()});
  for (size_t m = 0; m < p.moves.size(); ++m) {
    const Move& move = p.moves[m];
    if (move.alpha_ns != kForbidden && (!in_range(move.alpha_ns) || !in_range(move.beta_ps_per_byte)))
      wrong("the move from place % to % has a cost out of range (% ns + % ps per byte)",
            {m / p.places.size(), m % p.places.size(), move.alpha_ns, move.beta_ps_per_byte});
  }
}

// Which node makes each tensor; -1: none.
std::vector<int32_t> checked_producers(const Problem& p) {
  std::vector<int32_t> producer(p.tensors.size(), -1);
  for (size_t n = 0; n < p.nodes.size(); ++n) {
    for (uint32_t t : p.nodes[n].inputs)
      if (t >= p.tensors.size()) wrong("node % reads tensor %, there are %", {n, t, p.tensors.size()});
    for (uint32_t t : p.nodes[n].outputs) {
      if (t >= p.tensors.size()) wrong("node % makes tensor %, there are %", {n, t, p.tensors.size()});
      if (producer[t] >= 0) wrong("tensor % is made by nodes % and %", {t, producer[t], n});
      producer[t] = static_cast<int32_t>(n);
    }
  }
  const auto place_exists = [&](int32_t q) { return q == kNowhere || (q >= 0 && q < int64_t(p.places.size())); };
  for (size_t t = 0; t < p.tensors.size(); ++t) {
    if (!in_range(p.tensors[t].bytes)) wrong("tensor % has a size out of range (% bytes)", {t, p.tensors[t].bytes});
    if (!place_exists(p.tensors[t].home) || !place_exists(p.tensors[t].wanted))
      wrong("tensor % names a place that does not exist (home %, wanted %)",
            {t, p.tensors[t].home, p.tensors[t].wanted});
    if (producer[t] >= 0 && p.tensors[t].home != kNowhere)
      wrong("tensor % is made by node % and has a home too: a home is for inputs", {t, producer[t]});
  }
  return producer;
}

void check_acyclic(const Problem& p, const std::vector<int32_t>& producer) {
  std::vector<uint32_t> missing(p.nodes.size()), ready;
  std::vector<std::vector<uint32_t>> readers(p.nodes.size());
  for (size_t n = 0; n < p.nodes.size(); ++n) {
    for (uint32_t t : p.nodes[n].inputs) {
      if (producer[t] < 0) continue;
      ++missing[n];
      readers[static_cast<size_t>(producer[t])].push_back(static_cast<uint32_t>(n));
    }
    if (!missing[n]) ready.push_back(static_cast<uint32_t>(n));
  }
  for (size_t i = 0; i < ready.size(); ++i)
    for (uint32_t reader : readers[ready[i]])
      if (--missing[reader] == 0) ready.push_back(reader);
  if (ready.size() == p.nodes.size()) return;
  const size_t first = static_cast<size_t>(
      std::find_if(missing.begin(), missing.end(), [](uint32_t count) { return count != 0; }) - missing.begin());
  wrong("the nodes of the placement problem form a cycle: node % waits for itself or for such a node", {first});
}

void check_candidates(const Problem& p) {
  std::vector<bool> runs(p.nodes.size());
  for (size_t c = 0; c < p.candidates.size(); ++c) {
    const Candidate& candidate = p.candidates[c];
    if (candidate.nodes.empty()) wrong("candidate % covers no node", {c});
    for (size_t i = 0; i < candidate.nodes.size(); ++i)
      if (candidate.nodes[i] >= p.nodes.size() || (i && candidate.nodes[i] <= candidate.nodes[i - 1]))
        wrong("candidate % covers nodes that are not ascending or do not exist (%)", {c, candidate.nodes[i]});
    if (candidate.input_place >= p.places.size() || candidate.output_place >= p.places.size() ||
        p.places[candidate.input_place].device != p.places[candidate.output_place].device)
      wrong("candidate % reads at place % and writes at place %: both must exist, on one device",
            {c, candidate.input_place, candidate.output_place});
    if (candidate.helper >= 0 && (candidate.helper >= int64_t(p.devices.size()) ||
                                  static_cast<uint32_t>(candidate.helper) == p.device_of(candidate)))
      wrong("candidate % is helped by device %, which is its own or does not exist", {c, candidate.helper});
    if ((candidate.cost_ns != kForbidden && !in_range(candidate.cost_ns)) || !in_range(candidate.memory_bytes) ||
        !in_range(candidate.helper_bytes) || !in_range(candidate.error_ppb))
      wrong("candidate % has a number out of range (% ns, % and % bytes, error % ppb)",
            {c, candidate.cost_ns, candidate.memory_bytes, candidate.helper_bytes, candidate.error_ppb});
    if (usable(p, candidate))
      for (uint32_t n : candidate.nodes) runs[n] = true;
  }
  for (size_t n = 0; n < p.nodes.size(); ++n)
    if (!runs[n]) wrong("node % has no candidate on a device that may run it: allow another device", {n});
}

}  // namespace

const char* to_string(Provenance provenance) {
  switch (provenance) {
    case Provenance::measured: return "measured";
    case Provenance::near: return "near";
    case Provenance::estimated: return "estimated";
  }
  return "unknown";
}

Ns move_ns(const Problem& problem, uint32_t from, uint32_t to, int64_t bytes) {
  if (from == to) return 0;
  const Move& move = problem.move(from, to);
  if (move.alpha_ns >= kForbidden) return kForbidden;
  __extension__ using Wide = __int128;
  const Wide sum = (Wide(bytes) * move.beta_ps_per_byte + 999) / 1000 + move.alpha_ns;
  return sum < kForbidden ? static_cast<Ns>(sum) : kForbidden;
}

bool usable(const Problem& problem, const Candidate& candidate) {
  const uint32_t device = problem.device_of(candidate);
  if (candidate.cost_ns >= kForbidden || problem.devices[device].denied) return false;
  if (candidate.helper >= 0 && problem.devices[static_cast<size_t>(candidate.helper)].denied) return false;
  for (uint32_t n : candidate.nodes)
    if (problem.nodes[n].pinned >= 0 && problem.nodes[n].pinned != static_cast<int32_t>(device)) return false;
  return true;
}

void check(const Problem& problem) {
  check_devices(problem);
  check_acyclic(problem, checked_producers(problem));
  check_candidates(problem);
}

}  // namespace motley::place
