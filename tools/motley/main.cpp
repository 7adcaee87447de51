// motley: converts, shows, runs and measures models. Every error is one sentence on stderr; exit code 1, or 2 for
// usage.
#include <fmt/format.h>

#include <cstdio>
#include <new>

#include "command.hpp"
#include "motley/motley.hpp"
#include "text.hpp"

namespace {

constexpr const char* kNotWritten = "the output could not be written; check the disk or the program that reads it";

int fail(const std::string& message, int code) {
  std::fflush(stdout);
  fmt::print(stderr, "motley: {}\n", motley::cli::printable(message, motley::cli::Newlines::keep));
  return code;
}

std::string without_end(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '.')) text.pop_back();
  return text;
}

int usage(CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
  const auto chosen = app.get_subcommands();
  const std::string command = chosen.empty() ? "motley" : "motley " + chosen.front()->get_name();
  std::string what = without_end(error.what());
  if (const size_t end = what.find('\n'); end != std::string::npos) what.resize(end);
  const bool unknown = chosen.empty() && argc > 1 && argv[1][0] != '-';
  if (unknown) what = fmt::format("there is no command \"{}\"", argv[1]);
  return fail(fmt::format("{}; see {} --help", without_end(what), command), 2);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace motley;
  CLI::App app{"Motley: one graph, every processor. Converts, shows, runs and measures neural networks.", "motley"};
  app.set_version_flag("--version", fmt::format("motley {}", version()), "Print the version and leave");
  app.require_subcommand(1);
  app.footer("motley COMMAND --help tells more.\nExample: motley run digits.motley picture.png");
  cli::add_convert(app);
  cli::add_info(app);
  cli::add_devices(app);
  cli::add_plugins(app);
  cli::add_run(app);
  cli::add_bench(app);
  cli::add_explain(app);
#ifdef MOTLEY_HAS_TUNER
  cli::add_table(app);
  cli::add_tune(app);
  cli::add_tune_worker(app);
  cli::add_report(app);
#endif
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return usage(app, error, argc, argv);
  } catch (const Error& error) {
    return fail(error.what(), 1);
  } catch (const std::bad_alloc&) {
    return fail("out of memory; close other programs, or give smaller inputs", 1);
  } catch (const std::exception& error) {
    if (std::ferror(stdout)) return fail(kNotWritten, 1);
    return fail(fmt::format("an unexpected failure ({}); please report it with the command", error.what()), 1);
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) return fail(kNotWritten, 1);
  return 0;
}
