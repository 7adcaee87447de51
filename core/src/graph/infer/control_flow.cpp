// Loop and Scan. An If is handled before the rules: see branches.hpp.
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

void control_flow(Context& c) { c.unsupported("control flow is not run yet; export the model without it"); }

}  // namespace motley::graph::infer
