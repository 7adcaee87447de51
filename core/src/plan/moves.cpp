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
  if (copies_straight(from, from.handle(), to, to.handle())) return move = {start_ns(to), kCopyPsPerByte}, true;
  return false;
}

}  // namespace

std::vector<Move> moves_between(const std::vector<plugin::Device*>& owners, const table::Advisor* advisor,
                                std::vector<Provenance>& sources) {
  const size_t places = owners.size() + 1;
  std::vector<Move> moves(places * places, Move{0, 0});
  sources.assign(moves.size(), Provenance::estimated);
  for (size_t p = 1; p < places; ++p) {
    plugin::Device* device = owners[p - 1];
    for (const size_t at : {p, p * places}) {  // from the host, to the host
      const bool measured = is_measured(advisor, at == p ? nullptr : device, at == p ? device : nullptr, moves[at]);
      if (measured) sources[at] = Provenance::measured;
      else moves[at] = estimate(*device);
    }
  }
  for (size_t a = 1; a < places; ++a)
    for (size_t b = 1; b < places; ++b) {
      if (a == b) continue;
      const size_t at = a * places + b;
      if (is_measured(advisor, owners[a - 1], owners[b - 1], moves[at])) {
        sources[at] = Provenance::measured;
      } else if (!estimate(*owners[a - 1], *owners[b - 1], moves[at])) {
        const Move &out = moves[a * places], &in = moves[b];
        moves[at] = {out.alpha_ns + in.alpha_ns, out.beta_ps_per_byte + in.beta_ps_per_byte};
        if (sources[a * places] == sources[b]) sources[at] = sources[b];
      }
    }
  return moves;
}

}  // namespace motley::plan
