// Runs whole networks: bin/model_conformance FOLDER… [--devices D] [--placement P] [--json F] [--filter GLOB]
// [--list-skipped]
#include "runner.hpp"

int main(int argc, char** argv) { return motley::conformance::run_program(argc, argv, false, 300); }
