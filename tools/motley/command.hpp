// The subcommands of `motley`: each function adds one to the program, with its options and what it runs.
//
// A subcommand runs while the arguments are parsed, and throws motley::Error when it fails.
#pragma once

#include <CLI/CLI.hpp>

namespace motley::cli {

void add_convert(CLI::App& app);
void add_info(CLI::App& app);
void add_devices(CLI::App& app);
void add_plugins(CLI::App& app);
void add_run(CLI::App& app);
void add_bench(CLI::App& app);
void add_explain(CLI::App& app);
void add_table(CLI::App& app);
void add_tune(CLI::App& app);
void add_tune_worker(CLI::App& app);  // hidden: the processes that `tune` starts
void add_report(CLI::App& app);

}  // namespace motley::cli
