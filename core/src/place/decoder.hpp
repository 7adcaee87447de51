// Turns choices and priorities into a schedule, again and again without allocating. Inside this folder only.
#pragma once

#include <vector>

#include "place/timeline.hpp"
#include "place/view.hpp"

namespace motley::place {

// Nodes that run as one candidate, and the candidates for that.
struct Group {
  std::vector<uint32_t> nodes;
  std::vector<uint32_t> options;          // of the view
  std::vector<uint32_t> inputs, outputs;  // tensors that have to be somewhere; made inside and read outside or wanted
  std::vector<uint32_t> next;             // groups that read what this one makes
  uint32_t needs = 0;                     // groups that it reads from
};

// One group for the option's nodes: other options for exactly the same nodes come along.
Group make_group(const View& view, const Option& option);

// Groups for a cover of the nodes by options, linked.
std::vector<Group> make_groups(const View& view, const std::vector<uint32_t>& cover);

class Decoder {
 public:
  Decoder(const View& view, const std::vector<Group>& groups);

  void reset();
  // When the option would end if it came next; leaves everything as it was.
  Ns try_next(uint32_t group, uint32_t option) { return place(group, option, false); }
  // Makes it next.
  Ns add_next(uint32_t group, uint32_t option) { return place(group, option, true); }
  // The end of everything, once all groups are placed; moves wanted tensors.
  Ns finish();

  // Ready groups in order of priority, high first; the whole schedule.
  Ns decode(const std::vector<uint32_t>& choice, const std::vector<Ns>& priority);
  const std::vector<uint32_t>& order() const { return order_; }

  const std::vector<Ns>& device_free() const { return device_free_; }

 private:
  Ns place(uint32_t group, uint32_t option, bool keep);
  Ns arrival(uint32_t tensor, uint32_t place, Ns& here_free, bool keep);
  Ns move_cost(uint32_t tensor, uint32_t from, uint32_t to) const;

  const View& view_;
  const std::vector<Group>& groups_;
  size_t places_, devices_;
  std::vector<uint32_t> device_of_;  // per place rank
  std::vector<Ns> at_;               // tensor × place: when it is there, or -1
  std::vector<uint32_t> made_at_;    // per tensor: place rank
  std::vector<Ns> device_free_, way_free_;
  std::vector<std::pair<uint32_t, Ns>> tried_ways_;  // what try_next() used up
  std::vector<uint32_t> order_, missing_;
  std::vector<std::pair<Ns, uint32_t>> heap_;
};

}  // namespace motley::place
