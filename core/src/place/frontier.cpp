// The dynamic program.
#include "place/frontier.hpp"

#include <algorithm>

namespace motley::place {

namespace {

constexpr uint64_t kEmpty = ~uint64_t{0};
constexpr uint32_t kNone = UINT32_MAX;

// A slot of the key: places where a live tensor is, and where it was made.
constexpr uint64_t slot(uint32_t made_at, uint64_t mask) { return uint64_t{made_at} << kMaxPlaces | mask; }
constexpr uint64_t mask_of(uint64_t s) { return s & ((uint64_t{1} << kMaxPlaces) - 1); }
constexpr uint32_t made_at(uint64_t s) { return static_cast<uint32_t>(s >> kMaxPlaces); }

struct State {
  Ns paid = 0, promise = 0;  // promise: paid and the lower bound of the rest
  uint32_t parent = 0, option = kNone;
  uint32_t next = kNone;  // another state with the same key
};

// States of one step, with their keys.
struct Layer {
  size_t width = 0, resources = 0;
  std::vector<State> states;
  std::vector<uint64_t> keys;
  std::vector<int64_t> used;
  const uint64_t* key(size_t i) const { return keys.data() + i * width; }
  const int64_t* use(size_t i) const { return used.data() + i * resources; }
};

// Finds states by key.
class Table {
 public:
  void reset() {
    std::fill(heads_.begin(), heads_.end(), kNone);
    if (heads_.empty()) heads_.assign(64, kNone);
    keys_ = 0;
  }
  // The place of the first state with that key; kNone there if there is none yet.
  uint32_t& find(const Layer& layer, const uint64_t* key) {
    size_t at = hash(key, layer.width) & (heads_.size() - 1);
    while (heads_[at] != kNone && !std::equal(key, key + layer.width, layer.key(heads_[at])))
      at = (at + 1) & (heads_.size() - 1);
    return heads_[at];
  }
  void added(const Layer& layer) {
    if (++keys_ * 2 < heads_.size()) return;
    std::vector<uint32_t> old(heads_.size() * 4, kNone);
    old.swap(heads_);
    for (uint32_t head : old)
      if (head != kNone) find(layer, layer.key(head)) = head;
  }

 private:
  static uint64_t hash(const uint64_t* key, size_t width) {
    uint64_t h = 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < width; ++i) {
      h = (h ^ key[i]) * 0xff51afd7ed558ccdu;
      h ^= h >> 32;
    }
    return h;
  }
  std::vector<uint32_t> heads_;
  size_t keys_ = 0;
};

struct Trace {
  uint32_t parent, option;
};

// A tensor that is alive between two steps.
struct Live {
  uint32_t tensor;
  uint64_t reach;  // places where some later reader may want it
  std::vector<Ns>
      whole;  // lower bound of its later readers by the place where it is, if it is in one only; -1: not known
  std::vector<std::pair<uint64_t, Ns>> partial;  // the same for slots with several places
};

// Where a slot of the next layer comes from.
struct Source {
  int32_t from = -1;    // slot of the layer before
  int32_t input = -1;   // number among the inputs of this step
  int32_t output = -1;  // tensor made in this step
};

class Frontier {
 public:
  Frontier(const View& view, const Potential& potential, const std::vector<Resource>& resources,
           const std::vector<bool>& denied, uint32_t max_states, Ns upper);
  FrontierResult run(const FrontierRange& range);

 private:
  void start_at(uint32_t tensor, uint32_t place);
  void open_step(uint32_t step);
  void add_live(uint32_t tensor, uint64_t reach, Source source);
  void read_inputs(uint32_t step);
  void expand(uint32_t step, uint32_t parent);
  bool overlaps(const Option& option, const uint64_t* open) const;
  void take(uint32_t step, uint32_t parent, uint32_t option);
  bool spend(uint32_t step, const Option& option, const int64_t* used);
  void count_move(uint32_t from, uint32_t to, uint32_t tensor);
  void count_wanted(uint32_t tensor, uint32_t made_at);
  Ns bound_of(Live& live, uint64_t s, uint32_t step);
  void keep(Ns paid, Ns promise, uint32_t parent, uint32_t option);
  void cut();
  FrontierResult finish();

  const View& view_;
  const Potential& potential_;
  const std::vector<Resource>& resources_;
  const Problem* times_ = nullptr;  // of a resource; its moves in this step are counted in moved_
  Ns moved_ = 0;
  const std::vector<bool>& denied_;
  const size_t max_;
  const size_t places_;
  const Ns upper_;
  uint32_t begin_ = 0;
  Ns root_ = 0;                // the lower bound at the beginning
  Ns cut_bound_ = kForbidden;  // the best promise among the states that the cap dropped

  Layer now_, next_;
  Table table_;
  std::vector<Live> live_, next_live_;
  std::vector<Source> sources_;                          // per slot of the next layer
  std::vector<int32_t> input_slot_;                      // per input of the step: slot of this layer, or -1
  std::vector<uint64_t> fresh_;                          // per input: what it starts as, where it has no slot yet
  std::vector<Ns> move_costs_;                           // per input, from, to
  std::vector<std::pair<uint32_t, uint32_t>> spanning_;  // first steps of fused options that can be open; last steps
  size_t open_now_ = 0, open_next_ = 0;
  Ns entry_ns_ = 0;  // of network inputs that start in this step
  std::vector<uint64_t> key_, read_;
  std::vector<int64_t> used_;
  std::vector<Trace> traces_;
  std::vector<size_t> trace_begin_;
  uint64_t state_count_ = 0;
};

Frontier::Frontier(const View& view, const Potential& potential, const std::vector<Resource>& resources,
                   const std::vector<bool>& denied, uint32_t max_states, Ns upper)
    : view_(view),
      potential_(potential),
      resources_(resources),
      denied_(denied),
      max_(max_states),
      places_(view.ranked_place.size()),
      upper_(upper) {
  for (const Resource& resource : resources)
    if (resource.times) times_ = resource.times;
}

void Frontier::add_live(uint32_t tensor, uint64_t reach, Source source) {
  next_live_.push_back({tensor, reach, std::vector<Ns>(places_, -1), {}});
  sources_.push_back(source);
}

// Which tensors the step reads, where they stand in the key, and what moving them costs.
void Frontier::read_inputs(uint32_t step) {
  const size_t count = view_.inputs.size(step);
  const uint32_t* tensors = view_.inputs.first(step);
  input_slot_.assign(count, -1);
  fresh_.assign(count, 0);
  read_.assign(count, 0);
  move_costs_.assign(count * places_ * places_, 0);
  entry_ns_ = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t t = tensors[i];
    for (size_t s = 0; s < live_.size(); ++s)
      if (live_[s].tensor == t) input_slot_[i] = static_cast<int32_t>(s);
    const int32_t home = view_.problem->tensors[t].home;
    const uint32_t home_rank = home == kNowhere ? 0 : view_.place_rank[static_cast<size_t>(home)];
    if (input_slot_[i] < 0) fresh_[i] = slot(home_rank, potential_.first_mask(t, home_rank));
    for (uint32_t from = 0; from < places_; ++from)
      for (uint32_t to = 0; to < places_; ++to)
        move_costs_[(i * places_ + from) * places_ + to] = view_.move(from, to, t);
  }
}

void Frontier::open_step(uint32_t step) {
  read_inputs(step);
  next_live_.clear();
  sources_.clear();
  const uint32_t* inputs = view_.inputs.first(step);
  const auto reach_after = [&](uint32_t t) -> uint64_t {
    const uint32_t* next = std::upper_bound(view_.readers.first(t), view_.readers.last(t), step);
    return next == view_.readers.last(t) ? 0 : view_.reach[static_cast<size_t>(next - view_.readers.items.data())];
  };
  for (size_t s = 0; s < live_.size(); ++s) {
    const uint32_t t = live_[s].tensor;
    if (view_.readers.last(t)[-1] <= step) continue;
    const uint32_t* input = std::find(inputs, view_.inputs.last(step), t);
    if (input == view_.inputs.last(step)) {
      sources_.push_back({static_cast<int32_t>(s), -1, -1});
      next_live_.push_back(std::move(live_[s]));
    } else {
      add_live(t, reach_after(t), {static_cast<int32_t>(s), static_cast<int32_t>(input - inputs), -1});
    }
  }
  for (size_t i = 0; i < input_slot_.size(); ++i)
    if (input_slot_[i] < 0 && view_.readers.last(inputs[i])[-1] > step)
      add_live(inputs[i], reach_after(inputs[i]), {-1, static_cast<int32_t>(i), -1});
  for (uint32_t t : view_.problem->nodes[view_.order[step]].outputs)
    if (view_.readers.size(t)) add_live(t, reach_after(t), {-1, -1, static_cast<int32_t>(t)});

  uint32_t last = 0;
  for (uint32_t o = view_.starts[step]; o < view_.starts[step + 1]; ++o)
    last = std::max(last, view_.options[o].last_step);
  if (last > step) spanning_.push_back({step, last});
  std::erase_if(spanning_, [&](const auto& span) { return span.second <= step; });
  open_next_ = spanning_.size();

  next_.width = next_live_.size() + open_next_;
  next_.resources = resources_.size();
  next_.states.clear();
  next_.keys.clear();
  next_.used.clear();
  key_.assign(next_.width, kEmpty);
  used_.assign(resources_.size(), 0);
  table_.reset();
}

// A lower bound of what the later readers of a live tensor cost.
Ns Frontier::bound_of(Live& live, uint64_t s, uint32_t step) {
  const uint64_t mask = mask_of(s);
  if (potential_.is_exact(step + 1)) return potential_.of_made(live.tensor, made_at(s), step);
  if ((mask & (mask - 1)) == 0) {
    Ns& known = live.whole[made_at(s)];
    if (known < 0) known = potential_.of_tensor(live.tensor, mask, step);
    return known;
  }
  for (const auto& [key, value] : live.partial)
    if (key == mask) return value;
  const Ns value = potential_.of_tensor(live.tensor, mask, step);
  live.partial.push_back({mask, value});
  return value;
}

bool Frontier::overlaps(const Option& option, const uint64_t* open) const {
  if (option.size == 1) return false;
  for (size_t i = 0; i < open_now_ && open[i] != kEmpty; ++i)
    for (uint32_t n : view_.problem->candidates[option.candidate].nodes)
      if (view_.covers(view_.options[open[i]], static_cast<int32_t>(n))) return true;
  return false;
}

void Frontier::expand(uint32_t step, uint32_t parent) {
  const uint64_t* open = now_.key(parent) + live_.size();
  for (size_t i = 0; i < open_now_ && open[i] != kEmpty; ++i)
    if (view_.covers(view_.options[open[i]], static_cast<int32_t>(view_.order[step])))
      return take(step, parent, static_cast<uint32_t>(open[i]));
  for (uint32_t o = view_.starts[step]; o < view_.starts[step + 1]; ++o)
    if (!denied_[o] && !overlaps(view_.options[o], open)) take(step, parent, o);
}

// What the option uses up in this step goes into used_; false if that can't end within the budgets.
bool Frontier::spend(uint32_t step, const Option& option, const int64_t* used) {
  for (size_t r = 0; r < resources_.size(); ++r) {
    const Resource& resource = resources_[r];
    const int64_t after = used[r] + usage(view_, resource, option, step) + (resource.times ? moved_ : 0);
    if (after + resource.least_rest[step + 1] > resource.budget) return false;
    used_[r] = after + resource.most_rest[step + 1] <= resource.budget ? 0 : after;
  }
  return true;
}

void Frontier::count_move(uint32_t from, uint32_t to, uint32_t tensor) {
  if (!times_) return;
  moved_ =
      add(moved_, move_ns(*times_, view_.ranked_place[from], view_.ranked_place[to], times_->tensors[tensor].bytes));
}

void Frontier::count_wanted(uint32_t tensor, uint32_t made_at) {
  const int32_t wanted = view_.problem->tensors[tensor].wanted;
  if (wanted != kNowhere) count_move(made_at, view_.place_rank[static_cast<size_t>(wanted)], tensor);
}

void Frontier::take(uint32_t step, uint32_t parent, uint32_t o) {
  const Option& option = view_.options[o];
  const uint64_t* key = now_.key(parent);
  moved_ = 0;
  Ns paid = add(now_.states[parent].paid, view_.share(option, step));
  const uint32_t* inputs = view_.inputs.first(step);
  const uint64_t there = uint64_t{1} << option.input_place;
  for (size_t i = 0; i < input_slot_.size(); ++i) {
    uint64_t s = fresh_[i];
    if (input_slot_[i] >= 0) s = key[input_slot_[i]];
    else paid = add(paid, potential_.wanted_cost(inputs[i], made_at(s))), count_wanted(inputs[i], made_at(s));
    if (!(s & there) && (option.size == 1 || !view_.covers(option, view_.producer[inputs[i]]))) {
      paid = add(paid, move_costs_[(i * places_ + made_at(s)) * places_ + option.input_place]);
      count_move(made_at(s), option.input_place, inputs[i]);
      s |= there;
    }
    read_[i] = s;
  }
  for (uint32_t t : view_.problem->nodes[view_.order[step]].outputs)
    paid = add(paid, potential_.wanted_cost(t, option.output_place)), count_wanted(t, option.output_place);
  if (!resources_.empty() && !spend(step, option, now_.use(parent))) return;

  Ns promise = add(paid, potential_.rest(step + 1));
  if (promise >= upper_) return;
  for (size_t n = 0; n < next_live_.size(); ++n) {
    const Source& source = sources_[n];
    uint64_t s;
    if (source.output >= 0)
      s = slot(option.output_place, potential_.first_mask(static_cast<uint32_t>(source.output), option.output_place));
    else s = source.input >= 0 ? read_[static_cast<size_t>(source.input)] : key[source.from];
    s &= ~mask_of(~uint64_t{0}) | next_live_[n].reach | uint64_t{1} << made_at(s);
    key_[n] = s;
    promise = add(promise, bound_of(next_live_[n], s, step));
    if (promise >= upper_) return;
  }

  size_t count = next_live_.size();
  for (size_t i = live_.size(); i < now_.width && key[i] != kEmpty; ++i)
    if (view_.options[key[i]].last_step > step) key_[count++] = key[i];
  if (option.first_step == step && option.last_step > step) key_[count++] = o;
  while (count < next_.width) key_[count++] = kEmpty;
  keep(paid, promise, parent, o);
}

// Adds the state unless one with the same key is as good; replaces those that it makes useless.
void Frontier::keep(Ns paid, Ns promise, uint32_t parent, uint32_t option) {
  uint32_t& head = table_.find(next_, key_.data());
  bool placed = false;
  for (uint32_t i = head; i != kNone; i = next_.states[i].next) {
    State& old = next_.states[i];
    if (old.paid >= kForbidden) continue;
    bool worse = paid >= old.paid, better = paid < old.paid;
    for (size_t r = 0; r < used_.size(); ++r) {
      worse = worse && used_[r] >= next_.use(i)[r];
      better = better && used_[r] <= next_.use(i)[r];
    }
    if (worse) return;
    if (!better) continue;
    old.paid = old.promise = kForbidden;
    if (placed) continue;
    old = {paid, promise, parent, option, old.next};
    std::copy(used_.begin(), used_.end(), next_.used.begin() + static_cast<int64_t>(i * used_.size()));
    placed = true;
  }
  if (placed) return;
  const uint32_t index = static_cast<uint32_t>(next_.states.size());
  next_.states.push_back({paid, promise, parent, option, head});
  next_.keys.insert(next_.keys.end(), key_.begin(), key_.end());
  next_.used.insert(next_.used.end(), used_.begin(), used_.end());
  const bool is_new = head == kNone;
  head = index;
  if (is_new) table_.added(next_);
}

// Drops dead states, and above the cap the least promising ones.
void Frontier::cut() {
  std::vector<uint32_t> kept;
  for (uint32_t i = 0; i < next_.states.size(); ++i)
    if (next_.states[i].paid < kForbidden) kept.push_back(i);
  const auto sooner = [&](uint32_t a, uint32_t b) {
    const Ns x = next_.states[a].promise, y = next_.states[b].promise;
    return x != y ? x < y : a < b;
  };
  if (kept.size() > max_) {
    std::nth_element(kept.begin(), kept.begin() + static_cast<int64_t>(max_), kept.end(), sooner);
    cut_bound_ = std::min(cut_bound_, next_.states[kept[max_]].promise);
    kept.resize(max_);
    std::sort(kept.begin(), kept.end());
  }
  trace_begin_.push_back(traces_.size());
  for (size_t k = 0; k < kept.size(); ++k) {
    const uint32_t i = kept[k];
    traces_.push_back({next_.states[i].parent, next_.states[i].option});
    if (k == i) continue;
    next_.states[k] = next_.states[i];
    std::copy_n(next_.key(i), next_.width, next_.keys.begin() + static_cast<int64_t>(k * next_.width));
    std::copy_n(next_.use(i), next_.resources, next_.used.begin() + static_cast<int64_t>(k * next_.resources));
  }
  next_.states.resize(kept.size());
  next_.keys.resize(kept.size() * next_.width);
  next_.used.resize(kept.size() * next_.resources);
  state_count_ += kept.size();
}

// One live tensor, made at that place.
void Frontier::start_at(uint32_t tensor, uint32_t place) {
  live_.push_back({tensor, 0, std::vector<Ns>(places_, -1), {}});
  now_.width = 1;
  now_.keys.assign(1, slot(place, potential_.first_mask(tensor, place)));
}

FrontierResult Frontier::run(const FrontierRange& range) {
  begin_ = range.begin;
  now_.resources = resources_.size();
  now_.states.push_back({});
  now_.used.assign(resources_.size(), 0);
  if (range.begin > 0) start_at(range.tensor, range.place);
  root_ = potential_.rest(range.begin);
  // Inputs that nobody reads but somebody wants.
  for (uint32_t t = 0; t < view_.problem->tensors.size() && range.begin == 0; ++t) {
    const int32_t home = view_.problem->tensors[t].home;
    if (home == kNowhere || view_.readers.size(t)) continue;
    const uint32_t rank = view_.place_rank[static_cast<size_t>(home)];
    now_.states[0].paid = add(now_.states[0].paid, potential_.wanted_cost(t, rank));
    count_wanted(t, rank);
  }
  for (size_t r = 0; r < resources_.size(); ++r)
    if (resources_[r].times) now_.used[r] = moved_;
  root_ = add(root_, now_.states[0].paid);
  for (uint32_t step = range.begin; step < range.end; ++step) {
    open_step(step);
    for (uint32_t parent = 0; parent < now_.states.size(); ++parent) expand(step, parent);
    cut();
    std::swap(now_, next_);
    std::swap(live_, next_live_);
    open_now_ = open_next_;
    if (now_.states.empty()) break;
  }
  return finish();
}

FrontierResult Frontier::finish() {
  FrontierResult result;
  result.states = state_count_;
  result.bound = std::min(upper_, std::max(root_, cut_bound_));
  if (now_.states.empty()) return result;
  uint32_t best = 0;
  for (uint32_t i = 1; i < now_.states.size(); ++i)
    if (now_.states[i].promise < now_.states[best].promise) best = i;
  result.found = true;
  result.total = now_.states[best].promise;
  result.bound = std::min(result.bound, result.total);
  for (size_t step = begin_ + trace_begin_.size(); step-- > begin_;) {
    const Trace& trace = traces_[trace_begin_[step - begin_] + best];
    if (view_.options[trace.option].first_step == step) result.options.push_back(trace.option);
    best = trace.parent;
  }
  std::reverse(result.options.begin(), result.options.end());
  return result;
}

}  // namespace

int64_t usage(const View& view, const Resource& resource, const Option& option, uint32_t step) {
  const Candidate& candidate = view.problem->candidates[option.candidate];
  int64_t whole = 0;
  if (resource.times) whole = resource.times->candidates[option.candidate].cost_ns;
  else if (resource.device < 0) whole = candidate.error_ppb;
  else if (view.problem->device_of(candidate) == static_cast<uint32_t>(resource.device)) whole = candidate.memory_bytes;
  else if (candidate.helper == resource.device) whole = candidate.helper_bytes;
  const int64_t part = whole / option.size;
  return step == option.first_step ? whole - part * (option.size - 1) : part;
}

std::vector<Resource> find_resources(const View& view) {
  const Problem& problem = *view.problem;
  std::vector<Resource> found;
  for (int32_t d = -1; d < int32_t(problem.devices.size()); ++d) {
    Resource resource;
    resource.device = d;
    resource.budget = std::min(kUnlimited, d < 0 ? problem.error_budget_ppb : problem.devices[size_t(d)].memory_bytes);
    resource.least_rest.assign(view.order.size() + 1, 0);
    resource.most_rest.assign(view.order.size() + 1, 0);
    for (uint32_t step = static_cast<uint32_t>(view.order.size()); step-- > 0;) {
      int64_t least = kUnlimited, most = 0;
      for (const uint32_t* o = view.covering.first(step); o != view.covering.last(step); ++o) {
        const int64_t use = usage(view, resource, view.options[*o], step);
        least = std::min(least, use);
        most = std::max(most, use);
      }
      resource.least_rest[step] = add(resource.least_rest[step + 1], least);
      resource.most_rest[step] = add(resource.most_rest[step + 1], most);
    }
    if (resource.most_rest[0] > resource.budget) found.push_back(std::move(resource));
  }
  return found;
}

Resource time_resource(const View& view, const Problem& times, Ns budget) {
  Resource resource;
  resource.device = Resource::kTime;
  resource.times = &times;
  resource.budget = budget;
  resource.least_rest.assign(view.order.size() + 1, 0);
  resource.most_rest.assign(view.order.size() + 1, kUnlimited);  // moves come on top
  for (uint32_t step = static_cast<uint32_t>(view.order.size()); step-- > 0;) {
    int64_t least = kUnlimited;
    for (const uint32_t* o = view.covering.first(step); o != view.covering.last(step); ++o)
      least = std::min(least, usage(view, resource, view.options[*o], step));
    resource.least_rest[step] = add(resource.least_rest[step + 1], least);
  }
  return resource;
}

FrontierResult run_frontier(const View& view, const Potential& potential, const std::vector<Resource>& resources,
                            const std::vector<bool>& denied, uint32_t max_states, Ns upper) {
  const FrontierRange all{0, static_cast<uint32_t>(view.order.size()), 0, 0};
  return run_frontier(view, potential, resources, denied, max_states, upper, all);
}

FrontierResult run_frontier(const View& view, const Potential& potential, const std::vector<Resource>& resources,
                            const std::vector<bool>& denied, uint32_t max_states, Ns upper,
                            const FrontierRange& range) {
  return Frontier(view, potential, resources, denied, max_states, upper).run(range);
}

}  // namespace motley::place
