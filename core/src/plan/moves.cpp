// What it costs to bring a tensor from one memory to another.
#include "plan/cost.hpp"

namespace motley::plan {

using place::Move;
using place::Provenance;

namespace {

// Where nothing was measured. Waking a thread that waits for a device takes about 10 us; a copy through a mapped buffer
// or over PCIe passes about 10 GB/s.
constexpr int64_t kFenceNs = 10000;
constexpr int64_t kCopyPsPerByte = 100;

int64_t whole(uint64_t number) {
  constexpr uint64_t kMost = 1000000000000000;
  return static_cast<int64_t>(number < kMost ? number : kMost);
}

bool is_measured(const table::Advisor* advisor, const plugin::Device* from, const plugin::Device* to, Move& move) {
  table::TransferRow row;
  if (!advisor || !advisor->find_transfer(from, to, row)) return false;
  move = {whole(row.alpha_ns), whole(row.beta_ps_per_byte)};
  return true;
}

int64_t start_ns(const plugin::Device& device) {
  const double ns = device.info().dispatch_ns;
  return kFenceNs + (ns > 0 && ns < 1e9 ? static_cast<int64_t>(ns) : 0);
}

// Between the host's memory and a device's.
Move estimate(plugin::Device& device) {
  if (device.takes_host_pointers()) return {kFenceNs, 0};
  const Way way = device.is_open() ? way_to_host(device, device.handle()) : Way::map;
  return {start_ns(device), way == Way::import ? 0 : kCopyPsPerByte};
}

// Between devices; false where the way leads over the host.
bool estimate(plugin::Device& from, plugin::Device& to, Move& move) {
  if (from.takes_host_pointers() && to.takes_host_pointers()) return move = {kFenceNs, 0}, true;
  if (from.takes_host_pointers() || to.takes_host_pointers() || !from.is_open() || !to.is_open()) return false;
  if (share_memory(from, from.handle(), to, to.handle())) return move = {kFenceNs, 0}, true;
  if (lends_memory(from, from.handle(), to, to.handle()) || lends_memory(to, to.handle(), from, from.handle()))
    return move = {kFenceNs, 0}, true;
  if (copies_straight(from, from.handle(), to, to.handle())) return move = {start_ns(to), kCopyPsPerByte}, true;
  return false;
}

// Between places; null is the host.
Move cost_of(plugin::Device* from, plugin::Device* to, const table::Advisor* advisor, Provenance& source) {
  Move move;
  source = Provenance::measured;
  if (from == to) return {0, 0};
  if (is_measured(advisor, from, to, move)) return move;
  source = Provenance::estimated;
  if (!from || !to) return estimate(from ? *from : *to);
  if (estimate(*from, *to, move)) return move;
  Provenance second;
  const Move out = cost_of(from, nullptr, advisor, source), in = cost_of(nullptr, to, advisor, second);
  if (second != source) source = Provenance::estimated;
  return {out.alpha_ns + in.alpha_ns, out.beta_ps_per_byte + in.beta_ps_per_byte};
}

}  // namespace

void add_moves(const std::vector<plugin::Device*>& owners, const table::Advisor* advisor, place::Sketch& sketch) {
  for (size_t from = 0; from <= owners.size(); ++from)
    for (size_t to = 0; to <= owners.size(); ++to) {
      Provenance source;
      const Move move = cost_of(from ? owners[from - 1] : nullptr, to ? owners[to - 1] : nullptr, advisor, source);
      sketch.moves.push_back(move.alpha_ns);
      sketch.moves.push_back(move.beta_ps_per_byte);
      sketch.move_source.push_back(source);
    }
}

}  // namespace motley::plan
