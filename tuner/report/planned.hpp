// The placement that a journal's notes tell of, for reports without a model.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace motley::tuner {

// The chosen plan of the latest note "plan" that lists its nodes, as "session" of facts.hpp without events, with
// `planned` set. Notes are of any form; nothing where none fits. Edges are known where nodes have the names of their
// tensors ("inputs", "outputs").
std::optional<nlohmann::json> planned_facts(const std::vector<nlohmann::json>& notes);

}  // namespace motley::tuner
