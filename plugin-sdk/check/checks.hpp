// The plan: every check by name, one file per group.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "scene.hpp"

namespace motley::check {

// Runs in a child with the plugin not yet loaded. Returns how many single tests it did; throws Unsupported, or any
// other exception, whose text is the failure.
using Body = std::function<int(Scene&)>;

struct Check {
  std::string group, name;
  std::string about;  // for --list: what must hold
  Body body;
};
using Plan = std::vector<Check>;

// Of the plugin: entry, struct sizes, functions, device descriptions. The check "rules/enumerate" tells the devices as
// facts "device".
void add_rule_checks(Plan& plan);

// Of each device. The survey tells the index of each claimed case as fact "claimed", and "refused" LABEL=REASON.
void add_survey(Plan& plan);
void add_query_checks(Plan& plan);
void add_lifetime_checks(Plan& plan);
void add_buffer_checks(Plan& plan);
void add_sharing_checks(Plan& plan);
void add_requirement_checks(Plan& plan);
void add_queue_checks(Plan& plan);
void add_cancel_checks(Plan& plan);
void add_concurrency_checks(Plan& plan);
void add_cache_checks(Plan& plan);
void add_candidate_checks(Plan& plan);
void add_profile_checks(Plan& plan);
void add_allocation_checks(Plan& plan);
// One per label; `which` are indices of cases.
void add_op_check(Plan& plan, const std::string& label, std::vector<size_t> which);
// One per label, and those of the extension as a whole.
void add_tuning_checks(Plan& plan);
void add_tuning_check(Plan& plan, const std::string& label, std::vector<size_t> which);

// Case against oracle, in the layouts and with the garbage that go wrong most easily.
void run_case(Scene& scene, const Case& c, const std::string& config = {});

}  // namespace motley::check
