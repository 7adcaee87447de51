// Two tables side by side, by what each would choose.
#pragma once

#include <nlohmann/json.hpp>

namespace motley::tuner {

// See facts.hpp, "comparison". Devices are paired by id; one without a partner is paired with the other table's only
// device of the same plugin that has none either. Documents are as table::parse_document returns them.
nlohmann::json comparison_facts(const nlohmann::json& before, const nlohmann::json& after);

}  // namespace motley::tuner
