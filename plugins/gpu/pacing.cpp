// Cutting launches into slices, and learning from their times.
#include "pacing.hpp"

#include <algorithm>
#include <cmath>

namespace motley::gpu {

namespace {

// Estimates may be wrong by far, measured times by what else the device did: so much of the limit is used.
constexpr double kGuessed = 0.25, kMeasured = 0.75;
// A longer time is believed sooner than a shorter one: too short a slice costs little, too long a one is seen.
constexpr double kRise = 0.5, kFall = 0.2;

double count_of(const std::array<uint32_t, 3>& groups) {
  return static_cast<double>(groups[0]) * groups[1] * groups[2];
}

// Boxes of at most `most` groups, cut along the longest side first.
void split(const Piece& piece, double most, std::vector<Piece>& pieces) {
  const size_t axis = static_cast<size_t>(std::max_element(piece.groups.begin(), piece.groups.end()) - piece.groups.begin());
  const uint32_t all = piece.groups[axis];
  const double parts = std::ceil(count_of(piece.groups) / most);
  if (all <= 1 || parts <= 1) {
    pieces.push_back(piece);
    return;
  }
  const auto step = static_cast<uint32_t>(std::max(1.0, std::floor(all / std::min<double>(all, parts))));
  for (uint32_t at = 0; at < all; at += step) {
    Piece part = piece;
    part.first[axis] += at;
    part.groups[axis] = std::min(step, all - at);
    split(part, most, pieces);
  }
}

}  // namespace

Pacer::Pacer(std::span<const Launch> launches, const Pacing& pacing)
    : pacing_{pacing.slice_ns ? std::max(pacing.slice_ns, kLeastSliceNs) : 0, pacing.slice_ns ? pacing.window : 0} {
  for (const Launch& l : launches) launches_.push_back({l.groups, l.estimated_ns});
  cut_ = make();
}

std::shared_ptr<const Cut> Pacer::make() const {
  auto cut = std::make_shared<Cut>();
  const auto limit = static_cast<double>(pacing_.slice_ns);
  double part = 0;  // of a slice's room that is used
  for (uint32_t i = 0; i < launches_.size(); ++i) {
    const Known& known = launches_[i];
    cut->launch_ns.push_back(known.ns);
    const double room = limit * (known.measured ? kMeasured : kGuessed);
    const bool is_long = limited() && known.ns > room;
    const auto begin = static_cast<uint32_t>(cut->pieces.size());
    if (cut->slices.empty() || is_long || (limited() && part + known.ns / room > 1)) {
      cut->slices.push_back({begin, begin, 0});
      part = 0;
    }
    const double groups = count_of(known.groups);
    if (is_long) split({i, {}, known.groups}, std::max(1.0, std::floor(groups * room / known.ns)), cut->pieces);
    else cut->pieces.push_back({i, {}, known.groups});
    for (auto at = begin; at < cut->pieces.size(); ++at) {
      if (at > begin) cut->slices.push_back({at, at, 0});
      cut->slices.back().end = at + 1;
      cut->slices.back().estimated_ns += known.ns * count_of(cut->pieces[at].groups) / groups;
    }
    part = is_long ? 1 : part + (limited() ? known.ns / room : 0);
  }
  return cut;
}

// Whether a slice of the cut takes longer than the limit, as far as is known, though it could be cut.
bool Pacer::too_long() const {
  for (const Cut::Slice& slice : cut_->slices) {
    double ns = 0;
    for (uint32_t at = slice.begin; at < slice.end; ++at) {
      const Piece& piece = cut_->pieces[at];
      const Known& known = launches_[piece.launch];
      ns += known.ns * count_of(piece.groups) / count_of(known.groups);
    }
    const bool single = slice.end == slice.begin + 1 && count_of(cut_->pieces[slice.begin].groups) <= 1;
    if (ns > static_cast<double>(pacing_.slice_ns) && !single) return true;
  }
  return false;
}

std::shared_ptr<const Cut> Pacer::cut() {
  const std::lock_guard lock(mutex_);
  if (!learned_) return cut_;
  std::shared_ptr<const Cut> fresh = make();
  // A new cut may have to be recorded: for a few slices less it isn't worth that.
  if (too_long() || fresh->slices.size() * 5 < cut_->slices.size() * 3) {
    cut_ = std::move(fresh);
    untimed_ = 0;
  }
  learned_ = false;
  return cut_;
}

bool Pacer::wants_times() {
  constexpr uint32_t kEvery = 16;
  const std::lock_guard lock(mutex_);
  if (!limited()) return false;
  if (untimed_ > 0) {
    --untimed_;
    return false;
  }
  untimed_ = kEvery;
  return true;
}

void Pacer::took(const Cut& cut, size_t slice, uint64_t ns) {
  const Cut::Slice& s = cut.slices[slice];
  if (!limited() || ns == 0 || s.begin == s.end) return;
  const std::lock_guard lock(mutex_);
  learned_ = true;
  // Launches without an estimate share what is left evenly: here each counts as a little.
  constexpr double kLittle = 1;
  const double ratio = static_cast<double>(ns) / std::max(kLittle, s.estimated_ns);
  for (uint32_t at = s.begin; at < s.end; ++at) {
    const uint32_t launch = cut.pieces[at].launch;
    Known& known = launches_[launch];
    const double now = std::max(kLittle, cut.launch_ns[launch]) * ratio;
    if (!known.measured) known.ns = now;
    else known.ns += (now - known.ns) * (now > known.ns ? kRise : kFall);
    known.measured = true;
  }
}

}  // namespace motley::gpu
