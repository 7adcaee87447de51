// motley convert: a model file of another framework into a .motley file.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <set>

#include "command.hpp"
#include "common.hpp"
#include "import.hpp"
#include "model/model_file.hpp"
#include "progress.hpp"
#include "text.hpp"

namespace motley::cli {

namespace {

struct ConvertOptions {
  std::string input, output;
  std::vector<std::string> shapes;
};

uint64_t file_bytes(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

void convert_model(const ConvertOptions& options) {
  const std::filesystem::path input = options.input;
  std::filesystem::path output = options.output;
  if (output.empty()) output = std::filesystem::path(input).replace_extension(".motley");
  std::error_code error;
  if (std::filesystem::equivalent(input, output, error))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("the output \"{}\" is the input; choose another name with -o", options.output));
  convert::ImportOptions import;
  for (const std::string& text : options.shapes) {
    const auto [name, shape] = split_assignment(text);
    if (name.empty())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("--shape ({}) names no input; write NAME=1,3,224,224", text));
    import.input_shapes[name] = parse_shape(shape);
  }
  const graph::Module module = import_model(input, import);
  {
    Progress progress("writing");
    model::write_model(module, output, [&](uint64_t done, uint64_t total) { progress.update(done, total); });
  }
  const Summary summary = summarize(module);
  fmt::print("{}: {} nodes, weights {}, file {}\n", output.string(), summary.nodes,
             bytes_text(static_cast<double>(summary.weight_bytes)),
             bytes_text(static_cast<double>(file_bytes(output))));
  const Model model = Model::from_module(module);
  for (const TensorInfo& t : model.inputs()) fmt::print("  input   {}\n", printable(tensor_text(t)));
  for (const TensorInfo& t : model.outputs()) fmt::print("  output  {}\n", printable(tensor_text(t)));
}

}  // namespace

void add_convert(CLI::App& app) {
  auto options = std::make_shared<ConvertOptions>();
  CLI::App* command = app.add_subcommand("convert", "Convert a model to Motley's format");
  command->footer("Example: motley convert model.onnx -o model.motley --shape data=1,3,224,224");
  command->add_option("MODEL", options->input, "An .onnx file")->required();
  command->add_option("--output,-o", options->output, "The file to write (default: beside the model)")
      ->type_name("FILE.motley");
  command->add_option("--shape", options->shapes, "Fix the shape of an input; may be repeated")
      ->type_name("NAME=1,3,224,224")
      ->allow_extra_args(false);
  command->callback([options] { convert_model(*options); });
}

}  // namespace motley::cli
