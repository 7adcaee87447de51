// Lanes, the order of segments, and the steps of a run.
#include "plan/schedule.hpp"

#include <algorithm>
#include <cstring>

#include "plan/plan.hpp"

namespace motley::plan {

using graph::Graph;
using graph::kNone;
using graph::TensorId;

const char* to_string(Way way) {
  switch (way) {
    case Way::share: return "share";
    case Way::handle: return "shared fd";
    case Way::import: return "import";
    case Way::copy: return "copy";
    default: return "map";
  }
}

bool Schedule::waits_natively(uint32_t lane, uint32_t other) const {
  const Lane &own = lanes[lane], &maker = lanes[other];
  return own.queued && &own.device->plugin() == &maker.device->plugin() &&
         own.device->edge_caps(own.handle, maker.handle).wait == MOTLEY_EDGE_NATIVE;
}

Way way_to_host(const plugin::Device& device, motley_device* handle) {
  const motley_edge_caps caps = device.edge_caps(handle, nullptr);
  const motley_plugin& api = device.api();
  const auto both = [&](uint32_t access) { return caps.read == access && caps.write == access; };
  if (both(MOTLEY_EDGE_IMPORT) && api.buffer_import) return Way::import;
  if (both(MOTLEY_EDGE_COPY) && api.copy && device.has_queues()) return Way::copy;
  return Way::map;
}

bool share_memory(const plugin::Device& a, motley_device* handle_a, const plugin::Device& b, motley_device* handle_b) {
  if (&a.plugin() != &b.plugin()) return false;
  const motley_edge_caps caps = b.edge_caps(handle_b, handle_a);
  return caps.read == MOTLEY_EDGE_NATIVE && caps.write == MOTLEY_EDGE_NATIVE;
}

bool lends_memory(const plugin::Device& from, motley_device* from_handle, const plugin::Device& to,
                  motley_device* to_handle) {
  const motley_device_identity lender = from.identity(from_handle), user = to.identity(to_handle);
  constexpr uint32_t kFd = 1u << MOTLEY_HANDLE_OPAQUE_FD;
  static constexpr uint8_t kUnknown[16] = {};
  const auto equal = [](const uint8_t(&a)[16], const uint8_t(&b)[16]) { return std::memcmp(a, b, sizeof a) == 0; };
  return (lender.exports & user.imports & kFd) && !equal(lender.device_uuid, kUnknown) &&
         equal(lender.device_uuid, user.device_uuid) && equal(lender.driver_uuid, user.driver_uuid);
}

Way shared_way(const Lane& a, const Lane& b) {
  if (share_memory(*a.device, a.handle, *b.device, b.handle)) return Way::share;
  const bool lends =
      lends_memory(*a.device, a.handle, *b.device, b.handle) || lends_memory(*b.device, b.handle, *a.device, a.handle);
  return lends ? Way::handle : Way::map;
}

bool copies_straight(const plugin::Device& from, motley_device* from_handle, const plugin::Device& to,
                     motley_device* to_handle) {
  return to.has_queues() && to.api().copy && &from.plugin() == &to.plugin() &&
         to.edge_caps(to_handle, from_handle).read == MOTLEY_EDGE_COPY;
}

namespace {

uint32_t place_of(Schedule& schedule, const Lane& lane) {
  if (lane.device->takes_host_pointers()) return kHost;
  for (uint32_t p = 1; p < schedule.places.size(); ++p)
    if (const Lane& other = schedule.lanes[schedule.places[p].lane];
        share_memory(*other.device, other.handle, *lane.device, lane.handle))
      return p;
  schedule.places.push_back({static_cast<uint32_t>(schedule.lanes.size()), way_to_host(*lane.device, lane.handle)});
  return static_cast<uint32_t>(schedule.places.size() - 1);
}

uint32_t lane_of(const Schedule& schedule, const plugin::Device* device) {
  uint32_t l = 0;
  while (schedule.lanes[l].device.get() != device) ++l;
  return l;
}

}  // namespace

Schedule lanes_for(const DeviceList& devices, const std::vector<int32_t>& device) {
  Schedule schedule;
  schedule.places.emplace_back();
  for (size_t d = 0; d < devices.size(); ++d) {
    if (std::find(device.begin(), device.end(), static_cast<int32_t>(d)) == device.end()) continue;
    Lane lane{devices[d], devices[d]->handle(), kHost, devices[d]->has_queues()};
    lane.place = place_of(schedule, lane);
    schedule.lanes.push_back(std::move(lane));
  }
  return schedule;
}

// Greedy: of the segments whose inputs are under way, work for the background comes first, then what the host can run
// without waiting; only when there is neither does the host wait, for what was submitted first.
void order_segments(std::vector<SegmentSpec>& specs, const DeviceList& devices, const Schedule& schedule) {
  const size_t count = specs.size(), lanes = schedule.lanes.size();
  std::map<TensorId, size_t> maker;
  std::vector<uint32_t> lane(count), value(count, 0), points(lanes, 0), waited(lanes, 0);
  for (size_t s = 0; s < count; ++s) {
    lane[s] = lane_of(schedule, devices[specs[s].device].get());
    for (TensorId id : specs[s].outputs) maker[id] = s;
  }
  std::vector<std::vector<size_t>> needs(count);
  for (size_t s = 0; s < count; ++s)
    for (TensorId id : specs[s].inputs)
      if (const auto it = maker.find(id); it != maker.end()) needs[s].push_back(it->second);
  std::vector<bool> native(lanes * lanes);
  for (uint32_t a = 0; a < lanes; ++a)
    for (uint32_t b = 0; b < lanes; ++b) native[a * lanes + b] = a == b || schedule.waits_natively(a, b);

  std::vector<bool> done(count, false);
  const auto pending = [&](size_t s, size_t p) {  // the host must wait for p before s
    return !native[lane[s] * lanes + lane[p]] && value[p] > waited[lane[p]];
  };
  const auto rank = [&](size_t s) {
    int rank = schedule.lanes[lane[s]].queued ? 0 : 1;
    for (size_t p : needs[s]) {
      if (!done[p]) return 3;
      if (pending(s, p)) rank = 2;
    }
    return rank;
  };
  std::vector<SegmentSpec> ordered;
  size_t first = 0;  // all before it are done
  while (ordered.size() < count) {
    while (done[first]) ++first;
    size_t best = first;
    int best_rank = 3;
    for (size_t s = first; s < count && best_rank > 0; ++s) {
      if (done[s]) continue;
      const int r = rank(s);
      if (r < best_rank) best = s, best_rank = r;
    }
    for (size_t p : needs[best])
      if (pending(best, p)) waited[lane[p]] = value[p];
    done[best] = true;
    value[best] = schedule.lanes[lane[best]].queued ? ++points[lane[best]] : 0;
    ordered.push_back(std::move(specs[best]));
  }
  specs = std::move(ordered);
}

namespace {

// Follows where each tensor is, and writes down what must be done to bring it where it is needed.
class StepMaker {
 public:
  explicit StepMaker(Plan& plan)
      : plan_(plan),
        schedule_(plan.schedule),
        places_(schedule_.places.size()),
        there_(plan.graph.tensors.size() * places_),
        on_host_(plan.graph.tensors.size()),
        made_at_(plan.graph.tensors.size()),
        points_(schedule_.lanes.size(), 0),
        waited_(schedule_.lanes.size(), 0),
        lends_(places_ * places_) {
    for (uint32_t a = 1; a < places_; ++a)
      for (uint32_t b = 1; b < a; ++b)
        lends_[a * places_ + b] = lends_[b * places_ + a] = shared_way(lane_at(a), lane_at(b)) == Way::handle;
  }

  void run() {
    for (TensorId id : plan_.graph.inputs) state(id, kHost) = {true, {}, {}};
    find_host_needs();
    for (uint32_t s = 0; s < plan_.segments.size(); ++s) add_segment(s);
    const auto count = static_cast<uint32_t>(plan_.segments.size());
    for (TensorId id : plan_.graph.outputs)
      if (!plan_.graph.tensor(id).is_constant()) {
        bring(id, kHost, count);
        wait_for(state(id, kHost));
      }
    for (uint32_t l = 0; l < points_.size(); ++l) wait({l, points_[l]});
    for (const auto& [tensor, place] : borders_) {
      Step step;
      step.kind = Step::Kind::reclaim;
      step.tensor = tensor;
      step.from = place;
      schedule_.steps.push_back(std::move(step));
    }
  }

 private:
  struct There {
    bool yes = false;
    Point ready, also;  // once these are reached
  };
  There& state(TensorId id, uint32_t place) { return there_[static_cast<size_t>(id) * places_ + place]; }
  uint32_t place_of(uint32_t segment) const { return schedule_.lanes[plan_.segments[segment].lane].place; }
  const Lane& lane_at(uint32_t place) const { return schedule_.lanes[schedule_.places[place].lane]; }

  // Tensors that the host's memory has to hold anyway.
  void find_host_needs() {
    for (TensorId id : plan_.graph.inputs) on_host_[static_cast<size_t>(id)] = true;
    for (TensorId id : plan_.graph.outputs) on_host_[static_cast<size_t>(id)] = true;
    for (uint32_t s = 0; s < plan_.segments.size(); ++s) {
      if (place_of(s) != kHost) continue;
      for (TensorId id : plan_.segments[s].spec.inputs) on_host_[static_cast<size_t>(id)] = true;
      for (TensorId id : plan_.segments[s].spec.outputs) on_host_[static_cast<size_t>(id)] = true;
    }
  }

  void add_segment(uint32_t s) {
    const Segment& segment = plan_.segments[s];
    const Lane& lane = schedule_.lanes[segment.lane];
    if (!segment.executable) return pass_on(segment.spec, s);
    Step step;
    step.segment = s;
    for (TensorId id : segment.spec.inputs) {
      bring(id, lane.place, s);
      need(state(id, lane.place).ready, segment.lane, step.after);
      need(state(id, lane.place).also, segment.lane, step.after);
    }
    step.point = {segment.lane, lane.queued ? ++points_[segment.lane] : 0};
    for (TensorId id : segment.spec.outputs) {
      state(id, lane.place) = {true, step.point, {}};
      made_at_[static_cast<size_t>(id)] = lane.place;
    }
    schedule_.steps.push_back(std::move(step));
  }

  // What is made of inputs on the host is there as soon as they are: there are one or two.
  void pass_on(const SegmentSpec& spec, uint32_t s) {
    There there{true, {}, {}};
    for (TensorId id : spec.inputs) {
      bring(id, kHost, s);
      wait(there.also);
      const There& input = state(id, kHost);
      there.also = there.ready;
      there.ready = input.ready;
      wait(input.also);
    }
    state(spec.outputs[0], kHost) = there;
  }

  void wait_for(const There& there) {
    wait(there.ready);
    wait(there.also);
  }
  void wait(Point point) {
    if (point.value == 0 || point.value <= waited_[point.lane]) return;  // a network without nodes has no lane
    waited_[point.lane] = point.value;
    Step step;
    step.kind = Step::Kind::wait;
    step.point = point;
    schedule_.steps.push_back(std::move(step));
  }

  // Work on `lane` that comes next needs the point.
  void need(Point point, uint32_t lane, std::vector<Point>& after) {
    if (point.value <= waited_[point.lane] || point.lane == lane) return;
    if (!schedule_.waits_natively(lane, point.lane)) return wait(point);
    for (Point& known : after) {
      if (known.lane != point.lane) continue;
      known.value = std::max(known.value, point.value);
      return;
    }
    after.push_back(point);
  }

  // Makes a tensor that exists somewhere exist in a place.
  void bring(TensorId id, uint32_t place, uint32_t for_segment) {
    if (state(id, place).yes) return;
    for (uint32_t from = 1; from < places_; ++from)
      if (state(id, from).yes && by_handle(id, from, place)) return move(id, from, place, for_segment);
    if (state(id, kHost).yes) return move(id, kHost, place, for_segment);
    uint32_t from = made_at_[static_cast<size_t>(id)];  // a callback may look before others have it
    if (place != kHost && !straight(id, from, place)) {
      move(id, from, kHost, for_segment);
      from = kHost;
    }
    move(id, from, place, for_segment);
  }

  bool copies(uint32_t from, uint32_t to) const {
    const Lane &source = lane_at(from), &target = lane_at(to);
    return copies_straight(*source.device, source.handle, *target.device, target.handle);
  }

  // One memory for both devices. What the host needs too lies in the host's memory where a device works on that.
  bool by_handle(TensorId id, uint32_t from, uint32_t to) const {
    const auto imports = [&](uint32_t place) { return schedule_.places[place].to_host == Way::import; };
    return lends_[from * places_ + to] && !(on_host_[static_cast<size_t>(id)] && (imports(from) || imports(to)));
  }

  // From device to device, without the host's memory in between.
  bool straight(TensorId id, uint32_t from, uint32_t to) const {
    if (copies(from, to)) return true;
    const auto maps = [&](uint32_t place) { return schedule_.places[place].to_host == Way::map; };
    return !on_host_[static_cast<size_t>(id)] && maps(from) && maps(to);
  }

  Way way_of(TensorId id, uint32_t from, uint32_t to) const {
    if (from == kHost || to == kHost) return schedule_.places[from == kHost ? to : from].to_host;
    if (by_handle(id, from, to)) return Way::handle;
    return copies(from, to) ? Way::copy : Way::map;
  }

  void move(TensorId id, uint32_t from, uint32_t to, uint32_t for_segment) {
    Step step;
    step.kind = Step::Kind::move;
    step.tensor = id;
    step.from = from;
    step.to = to;
    step.segment = for_segment;
    step.way = way_of(id, from, to);
    if (step.way == Way::copy) {
      const uint32_t lane = schedule_.places[to == kHost ? from : to].lane;
      need(state(id, from).ready, lane, step.after);
      need(state(id, from).also, lane, step.after);
      step.point = {lane, ++points_[lane]};
    } else {
      wait_for(state(id, from));
    }
    if (step.way == Way::import && from == kHost) borders_.emplace_back(id, to);
    state(id, to) = {true, step.point, {}};
    schedule_.steps.push_back(std::move(step));
  }

  Plan& plan_;
  Schedule& schedule_;
  size_t places_;
  std::vector<There> there_;                            // per tensor and place
  std::vector<bool> on_host_;                           // per tensor
  std::vector<uint32_t> made_at_;                       // per tensor: a place
  std::vector<uint32_t> points_, waited_;               // per lane
  std::vector<bool> lends_;                             // per pair of places: one of them to the other
  std::vector<std::pair<TensorId, uint32_t>> borders_;  // that the host writes
};

}  // namespace

void make_steps(Plan& plan) { StepMaker(plan).run(); }

}  // namespace motley::plan
