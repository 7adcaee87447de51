// Runs ONNX operator cases: bin/onnx_conformance FOLDER… [--devices D] [--json F] [--filter GLOB] [--list-skipped]
#include "runner.hpp"

int main(int argc, char** argv) { return motley::conformance::run_program(argc, argv, true, 60); }
