// Reading the command line.
#include "options.hpp"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace motley::check {

const char* const kHelp =
    "usage: motley-plugin-check LIBRARY [options]\n"
    "\n"
    "Says what is wrong with a plugin: header rules, lifetimes, memory, queues, cancelling, the cache, tuning spaces,\n"
    "fused candidates, allocation failure, and every op that it claims over a grid of shapes against the reference\n"
    "plugin. Each check runs in a child process, so the report is complete whatever the plugin does.\n"
    "Exit code 0: nothing failed but what was expected to; 1: something did; 2: usage.\n"
    "\n"
    "  --quick           samples everything; under a minute for most plugins\n"
    "  --exhaustive      every case, every tuning config, every bit of the cache\n"
    "  --filter GLOB     only checks of this name (\"ops/Conv*\", \"cache/*\"); --list shows the names\n"
    "  --op NAME         of the ops only those whose name contains NAME\n"
    "  --device ID       only this device of the plugin (default: each)\n"
    "  --seed N          for input values and samples (default 1)\n"
    "  --timeout S       seconds that a check may go without progress (default 120)\n"
    "  --jobs N          so many checks of results side by side, each in a process of its own (default 1)\n"
    "  --expect FILE     failures that are known: {\"schema\": \"motley.check-expect/1\",\n"
    "                    \"expect\": [{\"check\": \"ops/Conv*\", \"device\": \"gpu0\", \"reason\": \"…\"}]}\n"
    "  --json FILE       also write the results as JSON\n"
    "  --junit FILE      also write the results as JUnit XML\n"
    "  --reference FILE  the reference plugin's library (default: ../lib/motley/plugins beside this program)\n"
    "  --list            print the names of all checks and what they check\n"
    "  --help\n"
    "\n"
    "example: motley-plugin-check build/plugins/libmotley_template.so --json check.json\n";

namespace {

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

double positive_seconds(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (*end || !(value > 0) || value > 1e6)
    throw std::invalid_argument("option --timeout takes a positive number of seconds (got \"" + text + "\")");
  return value;
}

uint64_t whole_number(const std::string& option, const std::string& text) {
  char* end = nullptr;
  const uint64_t value = std::strtoull(text.c_str(), &end, 10);
  if (text.empty() || *end || text[0] == '-')
    throw std::invalid_argument("option " + option + " takes a whole number (got \"" + text + "\")");
  return value;
}

uint32_t jobs(const std::string& text) {
  const uint64_t count = whole_number("--jobs", text);
  if (count < 1 || count > 256)
    throw std::invalid_argument("option --jobs takes a number from 1 to 256 (got \"" + text + "\")");
  return static_cast<uint32_t>(count);
}

void find_libraries(Options& options) {
  if (options.library.empty()) throw std::invalid_argument("name the plugin's library; see --help");
  if (options.reference.empty()) options.reference = default_reference();
  if (options.reference.empty())
    throw std::invalid_argument("the reference plugin was not found beside this program; name it with --reference");
  std::error_code error;
  for (std::string* path : {&options.library, &options.reference}) {
    const auto absolute = std::filesystem::canonical(*path, error);
    if (error) throw std::invalid_argument("the library \"" + *path + "\" cannot be opened: " + error.message());
    *path = absolute.string();
  }
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const auto value = [&]() -> std::string {
      if (++i >= argc) throw std::invalid_argument("option " + arg + " needs a value");
      return argv[i];
    };
    if (arg == "--reference") options.reference = value();
    else if (arg == "--json") options.json = value();
    else if (arg == "--junit") options.junit = value();
    else if (arg == "--expect") options.expect = value();
    else if (arg == "--device") options.device = value();
    else if (arg == "--filter") options.filter = value();
    else if (arg == "--op") options.op = value();
    else if (arg == "--quick") options.depth = Depth::quick;
    else if (arg == "--exhaustive") options.depth = Depth::exhaustive;
    else if (arg == "--seed") options.seed = whole_number(arg, value());
    else if (arg == "--jobs") options.jobs = jobs(value());
    else if (arg == "--timeout") options.timeout_s = positive_seconds(value());
    else if (arg == "--list") options.list = true;
    else if (arg == "--help" || arg == "-h") options.help = true;
    else if (arg.rfind("--", 0) == 0) throw std::invalid_argument("there is no option \"" + arg + "\"; see --help");
    else if (options.library.empty()) options.library = arg;
    else throw std::invalid_argument("one library at a time (got \"" + arg + "\" too)");
  }
  if (!options.help && !options.list) find_libraries(options);
  return options;
}

}  // namespace motley::check
