// motley-plugin-check: says what is wrong with a plugin, whatever the plugin does.
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <stdexcept>

#include "checks.hpp"

namespace {

using namespace motley::check;

constexpr const char* kHelp =
    "usage: motley-plugin-check LIBRARY [options]\n"
    "\n"
    "Checks a plugin library: header rules, lifetimes, every op it claims over a grid of shapes against the reference\n"
    "plugin, and its tuning space. Each group runs in a child process. Exit code 0: nothing failed; 1: something did; "
    "2: usage.\n"
    "\n"
    "  --reference FILE  the reference plugin's library (default: ../lib/motley/plugins beside this program)\n"
    "  --json FILE       also write the results as JSON\n"
    "  --quick           every third case\n"
    "  --op NAME         only ops whose label contains NAME\n"
    "  --timeout S       seconds that one group may take (default 120)\n"
    "  --help\n"
    "\n"
    "example: motley-plugin-check build/plugins/libmotley_template.so --json check.json\n";

struct Arguments {
  Options options;
  std::string json, op;
};

std::string default_reference() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  for (const char* folder : {"../lib/motley/plugins", "../lib64/motley/plugins",
                             "../lib/x86_64-linux-gnu/motley/plugins", "../lib/aarch64-linux-gnu/motley/plugins"}) {
    const auto candidate = program.parent_path() / folder / "libmotley_reference.so";
    if (std::filesystem::exists(candidate, error)) return std::filesystem::canonical(candidate).string();
  }
  return {};
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const auto value = [&]() -> std::string {
      if (++i >= argc) throw std::invalid_argument("option " + arg + " needs a value");
      return argv[i];
    };
    if (arg == "--reference") arguments.options.reference = value();
    else if (arg == "--json") arguments.json = value();
    else if (arg == "--op") arguments.op = value();
    else if (arg == "--quick") arguments.options.quick = true;
    else if (arg == "--timeout") {
      arguments.options.timeout_s = std::atof(value().c_str());
      if (!(arguments.options.timeout_s > 0))
        throw std::invalid_argument(std::string("option --timeout takes a positive number of seconds (got \"") +
                                    argv[i] + "\")");
    } else if (arg.rfind("--", 0) == 0) throw std::invalid_argument("there is no option \"" + arg + "\"; see --help");
    else if (arguments.options.library.empty()) arguments.options.library = arg;
    else throw std::invalid_argument("one library at a time (got \"" + arg + "\" too)");
  }
  if (arguments.options.library.empty()) throw std::invalid_argument("name the plugin's library; see --help");
  if (arguments.options.reference.empty()) arguments.options.reference = default_reference();
  if (arguments.options.reference.empty())
    throw std::invalid_argument("the reference plugin was not found beside this program; name it with --reference");
  std::error_code error;
  for (std::string* path : {&arguments.options.library, &arguments.options.reference}) {
    const auto absolute = std::filesystem::canonical(*path, error);
    if (error) throw std::invalid_argument("the library \"" + *path + "\" cannot be opened: " + error.message());
    *path = absolute.string();
  }
  return arguments;
}

void progress(const std::string& text) {
  if (isatty(2)) std::fprintf(stderr, "\r\033[K%s", text.c_str());
}

std::vector<Result> run_all(const Arguments& arguments) {
  const Options& options = arguments.options;
  std::vector<Result> results;
  const auto run = [&](const std::string& group, const std::function<void(Reporter&)>& body) {
    progress("checking " + group);
    for (Result& r : run_in_child(group, options.timeout_s, body)) results.push_back(std::move(r));
  };
  run("rules", [&](Reporter& reporter) { check_rules(options, reporter); });
  for (const Result& r : results)
    if (r.verdict == Verdict::fail &&
        (r.name == "load" || r.name == "crash" || r.name == "time" || r.name == "required_functions"))
      return results;  // nothing else can be asked
  run("lifetimes", [&](Reporter& reporter) { check_lifetimes(options, reporter); });

  std::map<std::string, std::vector<Case>> by_label;
  std::vector<Case> tuned;
  size_t index = 0;
  for (Case& c : all_cases()) {
    if (options.quick && index++ % 3 != 0) continue;
    if (!arguments.op.empty() && c.label.find(arguments.op) == std::string::npos) continue;
    const auto op = c.graph.nodes.front().op;
    if (op == motley::schema::Op::Conv || op == motley::schema::Op::MatMul) tuned.push_back(c);
    by_label[c.label].push_back(std::move(c));
  }
  for (const auto& [label, cases] : by_label) {
    run(label, [&](Reporter& reporter) { check_op(options, label, cases, reporter); });
  }
  run("tuning", [&](Reporter& reporter) { check_tuning(options, tuned, reporter); });
  progress("");
  return results;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && (std::strcmp(argv[1], "--help") == 0 || std::strcmp(argv[1], "-h") == 0)) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  try {
    const Arguments arguments = parse(argc, argv);
    const std::vector<Result> results = run_all(arguments);
    print_table(results);
    if (!arguments.json.empty()) write_json(results, arguments.options.library, arguments.json);
    for (const Result& r : results)
      if (r.verdict == Verdict::fail) return 1;
    return 0;
  } catch (const std::invalid_argument& e) {
    std::fprintf(stderr, "motley-plugin-check: %s\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "motley-plugin-check: %s\n", e.what());
    return 1;
  }
}
