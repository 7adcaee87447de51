// What plans are raced for: a network, or the stages of one whose shapes depend on data.
#pragma once

#include "campaign/desk.hpp"

namespace motley::tuner {

struct Track {
  const TunedModel& model;
  const PlannedStage& stage;
  std::string name;            // for people
  std::filesystem::path file;  // that a session compiles
  InputShapes shapes;          // with these
  bool optimize = true;
  double seconds = 0;  // without a time limit; with one, the share of what there is
};

// Of a network in stages those that take most of its time, as far as a session can run one alone. All arguments outlive
// the result.
std::vector<Track> tracks_of(const Desk& desk, const TunedModel& model, const PlannedModel& planned);

}  // namespace motley::tuner
