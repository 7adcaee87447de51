// Networks for mixed placements, and what forces and runs them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graphs.hpp"
#include "motley/motley.hpp"
#include "virtual_gpu.hpp"

namespace motley::test {

// What the virtual GPUs listen to, reset.
VirtualGpuControl& virtual_gpus();

// With the devices cpu, reference, template, virtual:gpu0 and virtual:gpu1.
Runtime mixed_runtime();

// x → "left0" … and x → "right0" …, relu and multiplication in turn, then "join" adds both branches into y. (rows, 64)
Model two_branches(int length, int64_t rows = 4);

// Concatenations "both", within "nested", "unaligned" by rows of 32 bytes, "twice" of the same, "columns", and
// "with_input".
Model concatenations();

// A seeded graph of `nodes` ops: functions, arithmetic, softmax, products, transposes, concatenations; several outputs.
Model random_network(unsigned seed, int nodes);

// Seeded values for all inputs, one run, and all outputs one after another.
std::vector<float> outputs_of(Session& session, unsigned seed = 1);
void write_inputs(Session& session, unsigned seed = 1);
std::vector<float> read_outputs(Session& session);

using Pins = std::vector<std::pair<std::string, std::string>>;
// A pin for every node that `session` runs: choose(node, able) gives an index into the devices that can run it.
Pins pin_all(const Session& session, const std::vector<std::string>& devices,
             const std::function<size_t(size_t node, const std::vector<std::string>& able)>& choose);

// Expects two results to be equal up to rounding.
void expect_close(const std::vector<float>& got, const std::vector<float>& want, const std::string& what);

}  // namespace motley::test
