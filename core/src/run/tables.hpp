// The dispatch table of a session.
#pragma once

#include "run/session_state.hpp"

namespace motley::detail {

// Reads the table that the options, the runtime or the environment name, for the request's devices. A table that cannot
// be used is ignored, with the reason in the log and in `table_use`, unless the options say to fail.
void use_table(SessionState& session);

// Adds what the table said of a node of the segment to the node's row, and counts it.
void explain_choice(const plan::Segment& segment, uint32_t node, Placement& row, TableUse& use);

}  // namespace motley::detail
