// Each broken plugin is caught, and by the check that is there for it.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "command.hpp"

namespace motley::test {
namespace {

struct Broken {
  const char* kind;   // MOTLEY_BREAK
  const char* check;  // that must fail
  const char* text;   // part of its message
};

void PrintTo(const Broken& broken, std::ostream* out) { *out << broken.kind; }

// The failing row of `check`; "" where there is none.
std::string failing_row(const std::string& output, const std::string& check) {
  size_t begin = 0;
  while (begin < output.size()) {
    const size_t end = std::min(output.find('\n', begin), output.size());
    const std::string row = output.substr(begin, end - begin);
    if (row.rfind(check + " ", 0) == 0 && row.find(" FAIL") != std::string::npos) return row;
    begin = end + 1;
  }
  return "";
}

void expect_caught(const char* plugin, const Broken& broken) {
  // A plugin that hangs, or leaves a process, does so in most checks: only the one is waited for.
  const std::string check = broken.check, text = broken.text;
  const bool slow = text.find("hung") != std::string::npos || text.find("ended the process") != std::string::npos;
  const std::string filter = slow ? check : check.substr(0, check.find('/')) + "/*";
  const Outcome o = run_checker(
      "--quick --op relu --timeout " + std::string(slow ? "2" : "20") + " --filter '" + filter + "' " + library(plugin),
      std::string("MOTLEY_BREAK=") + broken.kind);
  EXPECT_EQ(o.exit_code, 1) << o.output;
  EXPECT_NE(failing_row(o.output, broken.check).find(broken.text), std::string::npos) << o.output;
  EXPECT_NE(o.output.find(" passed, "), std::string::npos) << "the report is not complete\n" << o.output;
}

class HostPlugin : public testing::TestWithParam<Broken> {};
TEST_P(HostPlugin, IsCaught) { expect_caught("motley_broken_host", GetParam()); }

class QueuedPlugin : public testing::TestWithParam<Broken> {};
TEST_P(QueuedPlugin, IsCaught) { expect_caught("motley_broken_queued", GetParam()); }

std::string name_of(const testing::TestParamInfo<Broken>& info) { return info.param.kind; }

const char* const kRelu = "ops/Unary(relu)";

INSTANTIATE_TEST_SUITE_P(Results, HostPlugin,
                         testing::Values(Broken{"wrong_tail", kRelu, "reference"}, Broken{"nan", kRelu, "nan"},
                                         Broken{"wrong_shape", "memory/ends", "nan"},
                                         Broken{"second_run", kRelu, "reference"},
                                         Broken{"second_session", "lifetimes/two_sessions", "second of two sessions"},
                                         Broken{"not_thread_safe", "concurrency/one_executable", "several threads"},
                                         Broken{"lies", kRelu, "changed my mind"},
                                         Broken{"no_status", kRelu, "no motley_status"},
                                         Broken{"exit_at_run", kRelu, "ended the process"},
                                         Broken{"leaves_process", kRelu, "ended the process"},
                                         Broken{"hang_at_run", "ops/Unary(relu)", "hung"}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(Memory, HostPlugin,
                         testing::Values(Broken{"reads_past", "memory/ends", "past the end of input 0"},
                                         Broken{"reads_before", "memory/begins", "before input 0"},
                                         Broken{"writes_past", "memory/ends", "past the end of output 0"},
                                         Broken{"writes_just_past", "memory/offsets", "behind output 0"},
                                         Broken{"ignores_offset", "memory/offsets", "outside the memory"},
                                         Broken{"changes_input", "memory/arena", "changed its input 0"},
                                         Broken{"assumes_alignment", "memory/offsets", "offset"},
                                         Broken{"keeps_graph", "memory/ends", "the graph (valid for the call)"},
                                         Broken{"too_little_scratch", "memory/ends", "scratch"},
                                         Broken{"expects_zero_scratch", "requirements/scratch", "garbage"},
                                         Broken{"odd_alignment", "requirements/stable", "alignment of 48"},
                                         Broken{"huge_scratch", "requirements/stable", "scratch"},
                                         Broken{"writes_past_struct", "requirements/short_struct", "struct_size"},
                                         Broken{"hides_weights", "requirements/resident", "resident_bytes is 0"}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(
    Crashes, HostPlugin,
    testing::Values(Broken{"crash_at_load", "rules/load", "crashed"}, Broken{"hang_at_load", "rules/load", "hung"},
                    Broken{"crash_at_enumerate", "rules/enumerate", "crashed"},
                    Broken{"crash_at_open", "lifetimes/open_close", "crashed"},
                    Broken{"crash_at_query", "query/answers", "crashed"},
                    Broken{"crash_at_compile", "lifetimes/compile_release", "Aborted"},
                    Broken{"hang_at_compile", "lifetimes/compile_release", "hung"},
                    Broken{"crash_at_run", "lifetimes/many_runs", "crashed"},
                    Broken{"crash_at_release", "lifetimes/compile_release", "crashed"},
                    Broken{"crash_at_close", "lifetimes/open_close", "crashed"},
                    Broken{"crash_at_shutdown", "lifetimes/shutdown", "shutdown"},
                    Broken{"throws_at_query", "query/answers", "query_support let an exception"},
                    Broken{"throws_at_compile", kRelu, "compile let an exception"},
                    Broken{"throws_at_submit", kRelu, "submit let an exception"},
                    Broken{"crash_without_memory", "allocation/submit", "with allocation 0 failing"},
                    Broken{"leaks_without_memory", "allocation/compile", "leaks"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(Rules, HostPlugin,
                         testing::Values(Broken{"missing_function", "rules/required_functions", "compile is NULL"},
                                         Broken{"half_a_group", "rules/required_functions", "all or none"},
                                         Broken{"foreign_major", "rules/foreign_major", "another ABI major"},
                                         Broken{"small_struct", "rules/required_functions", "NULL"},
                                         Broken{"nameless", "rules/names", "version"},
                                         Broken{"failing_init", "rules/init", "DEVICE_LOST"},
                                         Broken{"unknown_extension", "rules/unknown_extension", "unknown id"},
                                         Broken{"same_ids", "rules/enumerate", "same id"},
                                         Broken{"infinite_rate", "rules/enumerate", "not finite"},
                                         Broken{"opens_any_index", "rules/no_such_device", "never enumerated"},
                                         Broken{"silent_refusal", "rules/no_such_device", "no sentence"},
                                         Broken{"answers_twice", "query/answers", "2 times"},
                                         Broken{"no_answer", "query/answers", "0 times"},
                                         Broken{"no_reason", "query/answers", "without a reason"},
                                         Broken{"changes_answer", "query/repeatable", "two answers"},
                                         Broken{"trusts_graphs", "query/damaged_graphs", "byte"},
                                         Broken{"overflows_error", "query/short_error_buffers", "past its capacity"},
                                         Broken{"negative_cost", "query/estimates", "-1"},
                                         Broken{"bad_fingerprint", "query/fingerprint", "serial"},
                                         Broken{"foreign_clock", "profile/rows", "clock"}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(Lifetimes, HostPlugin,
                         testing::Values(Broken{"leaks_descriptors", "lifetimes/open_close", "descriptors"},
                                         Broken{"leaks_compile", "lifetimes/compile_release", "leaks memory"},
                                         Broken{"leaks_run", "lifetimes/many_runs", "leaks memory"},
                                         Broken{"one_handle", "lifetimes/second_open", "DEVICE_LOST"},
                                         Broken{"leaves_thread", "lifetimes/shutdown", "threads"},
                                         Broken{"ignores_cancel", "cancel/before", "CANCELLED is right"},
                                         Broken{"cancelled_for_good", "cancel/before", "the next one fails"}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(Cache, HostPlugin,
                         testing::Values(Broken{"rejects_own_cache", "cache/round_trip", "INCOMPATIBLE"},
                                         Broken{"wrong_export", "cache/round_trip", "a fresh export INCOMPATIBLE"},
                                         Broken{"empty_export", "cache/every_op", "exec_import failed"},
                                         Broken{"trusts_cache_size", "cache/truncated", "past the end of the cache"},
                                         Broken{"no_checksum", "cache/flipped", "is accepted"},
                                         Broken{"takes_any_graph", "cache/other_graph", "of another graph"}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(Tuning, HostPlugin,
                         testing::Values(Broken{"wrong_config", "tuning/Unary(relu)", "variant=fast"},
                                         Broken{"config_not_compiled", "tuning/Unary(relu)", "not today"},
                                         Broken{"admits_any_config", "tuning/nonsense", "config_check admits"},
                                         Broken{"compile_takes_any_config", "tuning/nonsense", "compile takes"},
                                         Broken{"empty_value", "tuning/Unary(relu)", "empty"},
                                         Broken{"changing_key", "tuning/problem_keys", "two keys"},
                                         Broken{"wrong_candidate", "candidates/offered", "one by one"},
                                         Broken{"candidate_of_no_node", "candidates/offered", "does not have"},
                                         Broken{"candidate_not_compiled", "candidates/offered", "plain or fast"}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(Buffers, QueuedPlugin,
                         testing::Values(Broken{"ignores_buffer_offset", "memory/offsets", "outside the memory"},
                                         Broken{"writes_behind_buffer", "memory/offsets", "behind output 0"},
                                         Broken{"forgets_writes", "memory/round_trip", "byte 10"},
                                         Broken{"loses_kept_bytes", "memory/map_for", "mapped for writing"},
                                         Broken{"any_size", "memory/odd_sizes", "gives a buffer"},
                                         Broken{"leaks_buffers", "memory/leaks", "leaks memory"},
                                         Broken{"import_ignores_memory", "memory/import_keeps_owner",
                                                "imported memory held"},
                                         Broken{"import_owns", "memory/import_keeps_owner", "memory to import"},
                                         Broken{"import_silent", "memory/import_unaligned", "without a sentence"}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(Sharing, QueuedPlugin,
                         testing::Values(Broken{"shares_a_copy", "sharing/round_trip", "other bytes"},
                                         Broken{"takes_any_handle", "sharing/foreign", "another device"},
                                         Broken{"takes_any_range", "sharing/foreign", "does not lie in the memory"},
                                         Broken{"leaks_handle", "sharing/leaks", "descriptors"},
                                         Broken{"closes_handle", "sharing/round_trip", "closed the host's descriptor"},
                                         Broken{"lends_one_handle", "sharing/round_trip",
                                                "closed the host's descriptor"},
                                         Broken{"no_uuid", "sharing/identity", "driver_uuid"}),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Queues, QueuedPlugin,
                         testing::Values(Broken{"ignores_timeout", "queues/timeout", "hung"},
                                         Broken{"reaches_early", "queues/timeout", "TIMEOUT is right"},
                                         Broken{"never_polls", "queues/reached", "polling"},
                                         Broken{"exact_values", "queues/reached", "INVALID_ARGUMENT"},
                                         Broken{"ignores_waits", "queues/waits", "did not wait"},
                                         Broken{"swaps_pairs", "queues/in_order", "in order"},
                                         Broken{"stuck_after_cancel", "cancel/before", "BUSY"},
                                         Broken{"leaves_queue_thread", "lifetimes/shutdown", "threads"}),
                         name_of);

}  // namespace
}  // namespace motley::test
