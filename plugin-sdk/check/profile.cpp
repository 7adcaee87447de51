// Profiles: rows that name a node, a kernel and a span of time that can be.
#include <stdexcept>

#include "checks.hpp"

namespace motley::check {

namespace {

struct Row {
  uint32_t node;
  uint64_t begin_ns, end_ns;
  bool named;
};

std::vector<Row> read(Scene& scene, Program& program) {
  std::vector<Row> rows;
  const motley_profile_sink sink{sizeof sink, &rows, [](void* context, const motley_profile_row* row) {
                                   static_cast<std::vector<Row>*>(context)->push_back(
                                       {row->node, row->begin_ns, row->end_ns, row->kernel && *row->kernel});
                                 }};
  if (call("profile_read", [&] { return scene.api().profile_read(program.handle(), &sink); }) != MOTLEY_OK)
    throw std::runtime_error("profile_read failed");
  return rows;
}

int check_rows(Scene& scene) {
  if (!scene.api().profile_read) throw Unsupported("profile_read is NULL");
  const Case c = chained(scene, 3);
  const Prepared p = scene.prepare(c, 1);
  Program program(scene.device(), c.graph);
  scene.reporter.stage("profiling " + c.label + ", " + c.detail);
  read(scene, program);  // profiling is on from here
  const motley_host& host = check_host(scene.options.library);
  const uint64_t before = host.clock_ns(nullptr);
  expect_equal(c.graph, p.expected, program.run(p.inputs), " while profiling");
  const uint64_t after = host.clock_ns(nullptr);
  const std::vector<Row> rows = read(scene, program);
  for (const Row& row : rows) {
    if (row.node >= c.graph.nodes.size())
      throw std::runtime_error("a profile names node " + std::to_string(row.node) + " of " +
                               std::to_string(c.graph.nodes.size()));
    if (!row.named) throw std::runtime_error("a profile has a row without a kernel's name");
    if (row.begin_ns > row.end_ns) throw std::runtime_error("a profile has a kernel that ends before it begins");
    if (row.begin_ns < before || row.end_ns > after)
      throw std::runtime_error("a profile has times outside the run, so they are not on the host's clock");
  }
  if (rows.empty()) throw Unsupported("profile_read gives no rows");
  return static_cast<int>(rows.size());
}

}  // namespace

void add_profile_checks(Plan& plan) {
  plan.push_back({"profile", "rows", "kernels' times are on the host's clock", check_rows});
}

}  // namespace motley::check
