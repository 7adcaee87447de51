// motley-plugin-check: says what is wrong with a plugin, whatever the plugin does.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <stdexcept>

#include "checks.hpp"
#include "expect.hpp"
#include "report.hpp"

namespace motley::check {

namespace {

// Checks that count, wait or time, and want the device for themselves.
Plan plan_for_devices() {
  Plan plan;
  add_query_checks(plan);
  add_lifetime_checks(plan);
  add_buffer_checks(plan);
  add_sharing_checks(plan);
  add_queue_checks(plan);
  add_cancel_checks(plan);
  add_concurrency_checks(plan);
  add_profile_checks(plan);
  add_allocation_checks(plan);
  add_tuning_checks(plan);
  return plan;
}

// Checks that compile and compute. Those of single ops follow.
Plan plan_of_results() {
  Plan plan;
  add_requirement_checks(plan);
  add_cache_checks(plan);
  add_candidate_checks(plan);
  return plan;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Runs checks one after another, prints each row as it comes, keeps them.
class Checker {
 public:
  Checker(const Options& options, std::vector<Case> cases) : options_(options), cases_(std::move(cases)) {
    if (!options.expect.empty()) expectations_ = read_expectations(options.expect);
    for (const Case& c : cases_) width_ = std::max(width_, c.label.size() + 4);
    if (std::none_of(cases_.begin(), cases_.end(), [&](const Case& c) { return op_wanted(c.label); }))
      throw std::invalid_argument("no op's name contains \"" + options.op + "\"; --list shows them as ops/NAME");
    info_.library = options.library;
    info_.seed = options.seed;
    info_.depth = options.by_depth("quick", "normal", "exhaustive");
  }

  void check_all() {
    const std::vector<std::string> devices = check_plugin();
    bool found = options_.device.empty();
    for (const std::string& device : devices) {
      if (!options_.device.empty() && device != options_.device) continue;
      found = true;
      several_ = options_.device.empty() && devices.size() > 1;
      check_device(device);
    }
    if (!found && !broken_) {
      std::string known;
      for (const std::string& device : devices) known += (known.empty() ? "" : ", ") + device;
      throw std::invalid_argument("there is no device \"" + options_.device + "\" (there are: " + known + ")");
    }
    if (results_.empty())
      throw std::invalid_argument("--filter \"" + options_.filter +
                                  "\" fits no check of this plugin; --list shows the names");
    info_.seconds = seconds_since(begin_);
    std::printf("%s  (%.1f s)\n", summary(results_).c_str(), info_.seconds);
  }

  const std::vector<Result>& results() const { return results_; }
  const RunInfo& info() const { return info_; }

 private:
  // Runs one check. It is kept where the filter lets it, and where it fails though it is needed for what follows.
  ChildReport run(const Check& check, const std::string& device, bool needed = false) {
    const bool wanted = is_wanted(check);
    if (!wanted && !needed) return {};
    ChildReport report = run_in_child(options_.timeout_s, begin(check, device));
    if (wanted || report.verdict == Verdict::fail) keep(result_of(check, device, report));
    return report;
  }

  // As many at a time as `jobs` says. Rows come in the plan's order.
  void run_side_by_side(Plan plan, const std::string& device) {
    std::erase_if(plan, [&](const Check& check) { return !is_wanted(check); });
    std::vector<std::unique_ptr<Child>> running;
    std::vector<size_t> which;  // of the plan, for each that is running
    std::map<size_t, ChildReport> done;
    for (size_t next = 0, kept = 0; kept < plan.size();) {
      while (next < plan.size() && running.size() < options_.jobs) {
        running.push_back(std::make_unique<Child>(options_.timeout_s, begin(plan[next], device)));
        which.push_back(next++);
      }
      Child::listen(running);
      for (size_t i = running.size(); i-- > 0;) {
        if (!running[i]->is_over()) continue;
        done.emplace(which[i], running[i]->finish());
        running.erase(running.begin() + static_cast<ptrdiff_t>(i));
        which.erase(which.begin() + static_cast<ptrdiff_t>(i));
      }
      for (auto at = done.find(kept); at != done.end(); at = done.find(++kept))
        keep(result_of(plan[kept], device, at->second));
    }
  }

  bool is_wanted(const Check& check) const { return matches(options_.filter, check.group + "/" + check.name); }

  // What a child is to do. It refers to its arguments.
  ChildBody begin(const Check& check, const std::string& device) {
    progress("checking " + check.group + "/" + check.name);
    const double budget = budget_s();
    --checks_left_;
    return [this, &check, &device, budget](Reporter& reporter) {
      Scene scene(options_, cases_, device, reporter, budget);
      reporter.count(check.body(scene));
    };
  }

  static Result result_of(const Check& check, const std::string& device, const ChildReport& report) {
    Result result{check.group, check.name, device};
    result.verdict = report.verdict;
    result.message = report.message;
    result.cases = report.cases;
    result.seconds = report.seconds;
    return result;
  }

  // With --quick, the rest of a minute is shared among the checks to come: kernels that are compiled at run time may
  // take a second each, and there are thousands of cases.
  double budget_s() const {
    constexpr double kQuick = 45, kLeast = 0.1, kMost = 3;
    if (options_.depth != Depth::quick) return 1e9;
    const double left = kQuick - seconds_since(begin_);
    return std::clamp(left * options_.jobs / std::max(1, checks_left_), kLeast, kMost);
  }

  void keep(Result result) {
    check::apply(expectations_, result);
    progress("");
    std::printf("%s\n", row_text(result, width_, several_).c_str());
    std::fflush(stdout);
    results_.push_back(std::move(result));
  }

  static void progress(const std::string& text) {
    if (isatty(2)) std::fprintf(stderr, "\r\033[K%s", text.c_str());
  }

  // The ids of its devices; empty where nothing more can be asked.
  std::vector<std::string> check_plugin() {
    Plan plan;
    add_rule_checks(plan);
    std::vector<std::string> devices;
    for (const Check& check : plan) {
      const bool needed = check.name == "load" || check.name == "required_functions" || check.name == "names" ||
                          check.name == "enumerate";
      const ChildReport report = run(check, "", needed);
      for (const auto& [key, value] : report.facts) {
        if (key == "device") devices.push_back(value);
        if (key == "id") info_.plugin = value;
        if (key == "version") info_.version = value;
        if (key == "build") info_.build = value;
      }
      const bool fatal = check.name == "load" || check.name == "required_functions" || check.name == "enumerate" ||
                         check.name == "init";
      if (fatal && report.verdict == Verdict::fail && (needed || matches(options_.filter, "rules/" + check.name))) {
        broken_ = true;
        return {};
      }
    }
    return devices;
  }

  // Which cases there are to run, by label. What no case of is claimed is told at once.
  struct Survey {
    std::map<std::string, std::vector<size_t>> ops, tunable;
  };
  Survey survey(const std::string& device) {
    Plan plan;
    add_survey(plan);
    const ChildReport report = run(plan.front(), device, true);
    const bool whole = report.verdict == Verdict::pass;
    std::map<std::string, std::string> refused;
    Survey survey;
    for (const auto& [key, value] : report.facts) {
      if (key == "refused") refused.emplace(value.substr(0, value.find('\x1f')), value.substr(value.find('\x1f') + 1));
      if (key != "claimed" && key != "tunable") continue;
      const size_t i = std::strtoul(value.c_str(), nullptr, 10);
      if (whole && i < cases_.size()) (key == "claimed" ? survey.ops : survey.tunable)[cases_[i].label].push_back(i);
    }
    for (size_t i = 0; i < cases_.size(); ++i) {
      if (!whole) survey.ops[cases_[i].label].push_back(i);  // every case is asked about on its own, then
      else if (!survey.ops.count(cases_[i].label)) survey.ops[cases_[i].label] = {};
    }
    refused_ = std::move(refused);
    return survey;
  }

  bool op_wanted(const std::string& label) const { return label.find(options_.op) != std::string::npos; }

  void check_device(const std::string& device) {
    const Survey claims = survey(device);
    const Plan plan = plan_for_devices();
    Plan results = plan_of_results();
    checks_left_ = static_cast<int>(plan.size() + results.size() + claims.tunable.size());
    for (const auto& [label, which] : claims.ops) checks_left_ += op_wanted(label) && !which.empty();
    for (const Check& check : plan) run(check, device);
    // The longest ones first, so that the many short ones fill what is left.
    for (const auto& [label, which] : claims.tunable)
      if (op_wanted(label)) add_tuning_check(results, label, sampled(which));
    for (const auto& [label, which] : claims.ops) {
      if (!op_wanted(label)) continue;
      if (!which.empty()) add_op_check(results, label, sampled(which));
      else if (matches(options_.filter, "ops/" + label))
        keep({"ops", label, device, Verdict::unsupported, refused_[label]});
    }
    run_side_by_side(std::move(results), device);
  }

  std::vector<size_t> sampled(std::vector<size_t> which) const {
    if (options_.depth != Depth::quick) return which;
    std::vector<size_t> some;
    for (size_t i = options_.seed % 3 % std::max<size_t>(which.size(), 1); i < which.size(); i += 3)
      some.push_back(which[i]);
    return some;
  }

  const Options& options_;
  const std::vector<Case> cases_;
  std::vector<Expectation> expectations_;
  std::map<std::string, std::string> refused_;
  std::vector<Result> results_;
  RunInfo info_;
  size_t width_ = 30;
  bool several_ = false, broken_ = false;
  int checks_left_ = 1;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

int list() {
  Plan plan;
  add_rule_checks(plan);
  add_survey(plan);
  for (Plan more : {plan_for_devices(), plan_of_results()})
    for (Check& check : more) plan.push_back(std::move(check));
  for (const Check& check : plan)
    std::printf("%-32s %s\n", (check.group + "/" + check.name).c_str(), check.about.c_str());
  std::map<std::string, int> labels;
  for (const Case& c : all_cases()) ++labels[c.label];
  for (const auto& [label, count] : labels)
    std::printf("%-32s results are those of the reference plugin (%d cases)\n", ("ops/" + label).c_str(), count);
  std::printf("%-32s %s\n", "tuning/OP", "every config that is admitted compiles and is right");
  return 0;
}

int run(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  if (options.help) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  if (options.list) return list();
  Checker checker(options, all_cases());
  checker.check_all();
  if (!options.json.empty()) write_json(checker.results(), checker.info(), options.json);
  if (!options.junit.empty()) write_junit(checker.results(), checker.info(), options.junit);
  for (const Result& r : checker.results())
    if (r.verdict == Verdict::fail) return 1;
  return 0;
}

}  // namespace

}  // namespace motley::check

int main(int argc, char** argv) {
  try {
    return motley::check::run(argc, argv);
  } catch (const std::invalid_argument& e) {
    std::fprintf(stderr, "motley-plugin-check: %s\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "motley-plugin-check: %s\n", e.what());
    return 1;
  }
}
