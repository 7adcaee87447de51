// motley run: feeds files to a model and shows or saves what comes out.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "bisect.hpp"
#include "boxes.hpp"
#include "command.hpp"
#include "common.hpp"
#include "feed.hpp"
#include "io/npy.hpp"
#include "preprocess.hpp"
#include "progress.hpp"
#include "results.hpp"
#include "text.hpp"

namespace motley::cli {

namespace {

struct RunOptions {
  std::string model;
  std::vector<std::string> files, inputs;
  SessionOptions session;
  Preprocessing preprocessing;
  std::optional<size_t> top;
  std::string labels;
  std::vector<std::string> save;
  std::string output_dir;
  BoxOptions boxes;
  BisectOptions bisect;
  std::string trace;
  bool json = false;
};

io::Tensor tensor_of(const TensorRef& tensor) {
  const auto bytes = tensor.as_bytes();
  return {tensor.name(), tensor.type(), {tensor.shape().begin(), tensor.shape().end()}, {bytes.begin(), bytes.end()}};
}

// A file name for an output: what a path may not hold becomes '_'.
std::string file_name(std::string name) {
  for (char& c : name)
    if (c == '/' || c == '\\' || c == ':' || static_cast<unsigned char>(c) < 0x20) c = '_';
  return name.empty() || name.front() == '.' ? "_" + name : name;
}

void save_outputs(Session& session, const RunOptions& options, const std::string& stem) {
  for (const std::string& text : options.save) {
    const auto at = text.find('=');
    if (at == std::string::npos)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("--save ({}) is no NAME=FILE.npy; name the output before '='", text));
    io::write_npy(text.substr(at + 1), tensor_of(session.output(text.substr(0, at))));
  }
  if (options.output_dir.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(options.output_dir, error);
  if (error)
    throw Error(ErrorCode::io, fmt::format("the folder \"{}\" cannot be made ({}); choose another --output-dir",
                                           options.output_dir, error.message()));
  for (const std::string& name : session.output_names())
    io::write_npy(std::filesystem::path(options.output_dir) / (stem + file_name(name) + ".npy"),
                  tensor_of(session.output(name)));
}

// Prints the results of one run, and gives them as JSON.
class Reporter {
 public:
  Reporter(const RunOptions& options, const Model& model, bool several) : options_(options), several_(several) {
    if (!options.labels.empty()) labels_ = read_labels(options.labels);
    else if (const auto it = model.metadata().find("labels"); it != model.metadata().end())
      labels_ = split_lines(it->second);
  }

  void report(Session& session, const std::string& title, const Feed& feed) {
    Json result = {{"files", title}, {"outputs", Json::array()}};
    if (!options_.boxes.picture.empty()) report_boxes(session, feed, result);
    if (several_ && !classifies(session) && !options_.json) fmt::print("{}\n", printable(title));
    for (const std::string& name : session.output_names()) {
      const TensorRef tensor = session.output(name);
      if (options_.json) result["outputs"].push_back(to_json(tensor));
      else if (wants_top(tensor)) print_top(tensor, title);
      else fmt::print("{}\n", summary(tensor));
    }
    runs_.push_back(std::move(result));
  }

  void finish() const {
    if (options_.json) print_json(Json{{"model", options_.model}, {"runs", runs_}});
  }

 private:
  bool wants_top(const TensorRef& tensor) const {
    if (!options_.boxes.picture.empty() && !options_.top) return false;
    return is_class_row(tensor) && (options_.top || !labels_.empty());
  }
  bool classifies(Session& session) const {
    for (const std::string& name : session.output_names())
      if (!wants_top(session.output(name)) || count() != 1) return false;
    return true;
  }
  size_t count() const { return options_.top.value_or(5); }

  // One class: one line. More: a table.
  void print_top(const TensorRef& tensor, const std::string& title) const {
    const auto classes = top_classes(tensor, count(), labels_);
    const auto name_of = [](const ClassScore& c) {
      return c.label.empty() ? fmt::format("class {}", c.index) : c.label;
    };
    if (count() == 1) {
      fmt::print("{}: {} ({:.4g})\n", printable(title), printable(name_of(classes.front())), classes.front().value);
      return;
    }
    Table table({tensor.name(), ">class", ">value"});
    for (const ClassScore& c : classes)
      table.row({name_of(c), std::to_string(c.index), fmt::format("{:.4g}", c.value)});
    fmt::print("{}", table.text());
  }

  Json to_json(const TensorRef& tensor) const {
    Json json = summary_json(tensor);
    if (!wants_top(tensor)) return json;
    for (const ClassScore& c : top_classes(tensor, count(), labels_))
      json["top"].push_back({{"class", c.index}, {"label", c.label}, {"value", c.value}});
    return json;
  }

  void report_boxes(Session& session, const Feed& feed, Json& result) const {
    if (!feed.geometry)
      throw Error(ErrorCode::invalid_argument, "--draw-boxes needs a picture as input; give a JPEG, PNG or BMP file");
    const std::vector<Box> boxes = decode_boxes(session, options_.boxes, *feed.geometry);
    draw_boxes(feed.picture, boxes, options_.boxes.picture);
    result["boxes"] = Json::array();
    for (const Box& b : boxes) {
      result["boxes"].push_back(
          {{"left", b.left}, {"top", b.top}, {"right", b.right}, {"bottom", b.bottom}, {"score", b.score}});
      if (!options_.json)
        fmt::print("box  score {:.3f}  left {:.0f}  top {:.0f}  right {:.0f}  bottom {:.0f}\n", b.score, b.left, b.top,
                   b.right, b.bottom);
    }
    if (!options_.json)
      fmt::print("{} box{} drawn in {}\n", boxes.size(), boxes.size() == 1 ? "" : "es", options_.boxes.picture);
  }

  const RunOptions& options_;
  bool several_;
  std::vector<std::string> labels_;
  Json runs_ = Json::array();
};

std::string title_of(const Assignment& files) {
  std::string title;
  for (const auto& [name, file] : files) title += (title.empty() ? "" : ", ") + file;
  return title;
}

Preprocessing settings(const RunOptions& options, const Model& model) {
  const auto metadata = model.metadata().find("preprocessing");
  if (metadata == model.metadata().end()) return options.preprocessing;
  return merge(options.preprocessing, parse_preprocessing(metadata->second));
}

void check_single(const RunOptions& options, size_t runs) {
  const auto refuse = [&](const char* option) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} writes one file for {} runs; run one at a time, or use --output-dir", option, runs));
  };
  if (runs > 1 && !options.save.empty()) refuse("--save");
  if (runs > 1 && !options.boxes.picture.empty()) refuse("--draw-boxes");
}

void find_difference(const RunOptions& options) {
  const Model model = open_model(options.model);
  Feed feed;
  if (!options.files.empty() || !options.inputs.empty()) {
    const std::vector<Assignment> runs = assign_files(model, options.inputs, options.files);
    if (runs.size() > 1)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("--debug-bisect takes the inputs of one run ({} given); name one", runs.size()));
    feed = read_files(model, runs.front(), settings(options, model));
  }
  BisectOptions bisecting = options.bisect;
  bisecting.json = options.json;
  const CompileOptions compile = compile_options(options.session, model, only_device_set(options.session));
  bisect(model, make_runtime(options.session), compile, feed, bisecting);
}

void run(const RunOptions& options) {
  if (options.bisect.wanted) return find_difference(options);
  const Model model = open_model(options.model);
  const std::vector<Assignment> runs = assign_files(model, options.inputs, options.files);
  check_single(options, runs.size());
  std::optional<base::AtomicFile> trace;  // opened before the work, so that a wrong path costs nothing
  if (!options.trace.empty()) trace.emplace(options.trace);
  const Preprocessing preprocessing = settings(options, model);
  Reporter reporter(options, model, runs.size() > 1);

  CompileOptions compile = compile_options(options.session, model, only_device_set(options.session));
  compile.trace = trace.has_value();
  const Runtime runtime = make_runtime(options.session);
  std::optional<Session> session;
  InputShapes shapes;
  Progress progress("running");
  for (size_t i = 0; i < runs.size(); ++i) {
    progress.update(i, runs.size());
    const Feed feed = read_files(model, runs[i], preprocessing);
    InputShapes wanted = feed.shapes();
    if (!session) {
      for (const auto& [name, shape] : wanted) compile.input_shapes[name] = shape;
      session.emplace(runtime.compile(model, compile));
    } else if (wanted != shapes) {
      session->resize(wanted);
    }
    shapes = std::move(wanted);
    copy_into(*session, feed);
    session->run();
    const std::string stem = runs.size() > 1 ? fmt::format("{}.", i) : "";
    save_outputs(*session, options, stem);
    reporter.report(*session, title_of(runs[i]), feed);
  }
  reporter.finish();
  if (session && trace) save_trace(*trace, session->trace());
}

}  // namespace

void add_run(CLI::App& app) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "Run a model on arrays and pictures");
  command->footer(
      "Several files for a model with one input are run one after another.\n"
      "Example: motley run squeezenet.onnx cat.jpg --resize 256 --crop 224 --range 1 --mean 0.485,0.456,0.406 \\\n"
      "           --std 0.229,0.224,0.225 --labels imagenet_labels.txt --top 3");
  command->add_option("MODEL", options->model, "A .motley file, or an .onnx file, which is converted in memory")
      ->required();
  command->add_option("FILES", options->files, "For the inputs in order: .npy, .pb (TensorProto), JPEG, PNG or BMP");
  command->add_option("--input,-i", options->inputs, "The file for one input; may be repeated")
      ->type_name("NAME=FILE")
      ->allow_extra_args(false);
  command->add_option("--top", options->top, "Show the highest classes (default: 5 where there are labels)")
      ->type_name("K")
      ->check(CLI::Range(size_t{1}, size_t{1000000}));
  command->add_option("--labels", options->labels, "One label per line (default: the model's own)")->type_name("FILE");
  command->add_option("--save", options->save, "Write an output as .npy; may be repeated")
      ->type_name("NAME=FILE.npy")
      ->allow_extra_args(false);
  command->add_option("--output-dir", options->output_dir, "Write every output there as NAME.npy")->type_name("FOLDER");
  command->add_flag("--json", options->json, "Print results as JSON");
  add_trace_option(*command, options->trace);
  add_session_options(*command, options->session);
  add_preprocessing_options(*command, options->preprocessing);
  add_box_options(*command, options->boxes);
  add_bisect_options(*command, options->bisect);
  command->callback([options] { run(*options); });
}

}  // namespace motley::cli
