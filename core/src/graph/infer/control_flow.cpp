// If, Loop and Scan need the graphs around them and never come here from infer_shapes (see branches.hpp): this is for a
// node on its own.
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

void control_flow(Context& c) { c.unsupported("its outputs follow from graphs that are not at hand"); }

}  // namespace motley::graph::infer
