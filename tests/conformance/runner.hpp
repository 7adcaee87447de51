// The command line of onnx_conformance and model_conformance.
#pragma once

namespace motley::conformance {

// `per_op`: prints the table per op. Exit code: 0, 1 where a case failed, 2 for a wrong call, 77 without test material.
int run_program(int argc, char** argv, bool per_op, int seconds_per_case);

}  // namespace motley::conformance
