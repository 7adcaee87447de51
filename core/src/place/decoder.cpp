// The schedule that follows from an order and choices.
#include "place/decoder.hpp"

#include <algorithm>

namespace motley::place {

namespace {

void make_unique(std::vector<uint32_t>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

}  // namespace

Group make_group(const View& view, const Option& option) {
  const Problem& problem = *view.problem;
  Group group;
  group.nodes = problem.candidates[option.candidate].nodes;
  for (uint32_t o = view.starts[option.first_step]; o < view.starts[option.first_step + 1]; ++o)
    if (problem.candidates[view.options[o].candidate].nodes == group.nodes) group.options.push_back(o);
  for (uint32_t n : group.nodes) {
    const uint32_t step = view.step[n];
    for (const uint32_t* t = view.inputs.first(step); t != view.inputs.last(step); ++t)
      if (!view.covers(option, view.producer[*t])) group.inputs.push_back(*t);
    for (uint32_t t : problem.nodes[n].outputs) group.outputs.push_back(t);
  }
  make_unique(group.inputs);
  return group;
}

std::vector<Group> make_groups(const View& view, const std::vector<uint32_t>& cover) {
  std::vector<Group> groups;
  std::vector<uint32_t> owner(view.problem->nodes.size());
  for (uint32_t o : cover) {
    groups.push_back(make_group(view, view.options[o]));
    for (uint32_t n : groups.back().nodes) owner[n] = static_cast<uint32_t>(groups.size() - 1);
  }
  for (uint32_t g = 0; g < groups.size(); ++g)
    for (uint32_t t : groups[g].inputs)
      if (view.producer[t] >= 0) groups[owner[size_t(view.producer[t])]].next.push_back(g);
  for (Group& group : groups) make_unique(group.next);
  for (const Group& group : groups)
    for (uint32_t next : group.next) ++groups[next].needs;
  return groups;
}

Decoder::Decoder(const View& view, const std::vector<Group>& groups)
    : view_(view), groups_(groups), places_(view.ranked_place.size()), devices_(view.problem->devices.size()) {
  for (uint32_t place : view.ranked_place) device_of_.push_back(view.problem->places[place].device);
}

void Decoder::reset() {
  const std::vector<Tensor>& tensors = view_.problem->tensors;
  at_.assign(tensors.size() * places_, -1);
  made_at_.assign(tensors.size(), 0);
  for (size_t t = 0; t < tensors.size(); ++t) {
    if (tensors[t].home == kNowhere) continue;
    made_at_[t] = view_.place_rank[static_cast<size_t>(tensors[t].home)];
    at_[t * places_ + made_at_[t]] = 0;
  }
  device_free_.assign(devices_, 0);
  way_free_.assign(devices_ * devices_, 0);
  order_.clear();
}

Ns Decoder::move_cost(uint32_t tensor, uint32_t from, uint32_t to) const { return view_.move(from, to, tensor); }

// When the tensor is at a place. A change of format on one device happens there, and delays what else it does.
Ns Decoder::arrival(uint32_t tensor, uint32_t place, Ns& here_free, bool keep) {
  const Ns there = at_[tensor * places_ + place];
  if (there >= 0) return there;
  const uint32_t from = made_at_[tensor];
  const Ns made = at_[tensor * places_ + from], cost = move_cost(tensor, from, place);
  Ns end;
  if (device_of_[from] == device_of_[place]) {
    end = here_free = add(std::max(made, here_free), cost);
  } else {
    const uint32_t way = device_of_[from] * static_cast<uint32_t>(devices_) + device_of_[place];
    if (!keep) tried_ways_.push_back({way, way_free_[way]});
    end = way_free_[way] = add(std::max(made, way_free_[way]), cost);
  }
  if (keep) at_[tensor * places_ + place] = end;
  return end;
}

Ns Decoder::place(uint32_t group, uint32_t option_index, bool keep) {
  const Option& option = view_.options[option_index];
  const Candidate& candidate = view_.problem->candidates[option.candidate];
  const uint32_t device = device_of_[option.input_place];
  Ns free = device_free_[device], ready = 0;
  tried_ways_.clear();
  for (uint32_t t : groups_[group].inputs) ready = std::max(ready, arrival(t, option.input_place, free, keep));
  for (size_t i = tried_ways_.size(); i-- > 0;) way_free_[tried_ways_[i].first] = tried_ways_[i].second;
  Ns begin = std::max(free, ready);
  if (candidate.helper >= 0) begin = std::max(begin, device_free_[static_cast<size_t>(candidate.helper)]);
  const Ns end = add(begin, candidate.cost_ns);
  if (!keep) return end;
  device_free_[device] = end;
  if (candidate.helper >= 0) device_free_[static_cast<size_t>(candidate.helper)] = end;
  for (uint32_t t : groups_[group].outputs) {
    made_at_[t] = option.output_place;
    at_[t * places_ + option.output_place] = end;
  }
  order_.push_back(group);
  return end;
}

Ns Decoder::finish() {
  Ns end = 0;
  for (Ns free : device_free_) end = std::max(end, free);
  const std::vector<Tensor>& tensors = view_.problem->tensors;
  for (uint32_t t = 0; t < tensors.size(); ++t) {
    if (tensors[t].wanted == kNowhere || (view_.producer[t] < 0 && tensors[t].home == kNowhere)) continue;
    const uint32_t wanted = view_.place_rank[static_cast<size_t>(tensors[t].wanted)];
    end = std::max(end, arrival(t, wanted, device_free_[device_of_[wanted]], true));
  }
  return end;
}

Ns Decoder::decode(const std::vector<uint32_t>& choice, const std::vector<Ns>& priority) {
  reset();
  missing_.resize(groups_.size());
  heap_.clear();
  const auto ready = [&](uint32_t g) {
    heap_.push_back({priority[g], static_cast<uint32_t>(groups_.size()) - g});
    std::push_heap(heap_.begin(), heap_.end());
  };
  for (uint32_t g = 0; g < groups_.size(); ++g)
    if (!(missing_[g] = groups_[g].needs)) ready(g);
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end());
    const uint32_t g = static_cast<uint32_t>(groups_.size()) - heap_.back().second;
    heap_.pop_back();
    if (add_next(g, groups_[g].options[choice[g]]) >= kForbidden) return kForbidden;
    for (uint32_t next : groups_[g].next)
      if (--missing_[next] == 0) ready(next);
  }
  return order_.size() == groups_.size() ? finish() : kForbidden;
}

}  // namespace motley::place
