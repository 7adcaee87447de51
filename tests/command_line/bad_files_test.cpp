// Everything a user can give wrongly: one sentence on stderr, exit code 1.
#include "io/npy.hpp"
#include "model/model_file.hpp"
#include "program.hpp"

namespace motley::test {

namespace {

io::Tensor zeros(DataType type, std::vector<int64_t> shape, size_t bytes) {
  return {"x", type, std::move(shape), std::vector<std::byte>(bytes)};
}

// A model that passes x (1x1x8x8) on, with this metadata.
std::string model_with(const Scratch& scratch, const std::string& key, const std::string& value) {
  graph::Module module;
  module.graphs.resize(1);
  graph::Graph& graph = module.main();
  const graph::Dims dims{1, 1, 8, 8};
  const auto x = graph.add_tensor({"x", graph::DataType::float32, dims, {}, {}});
  const auto y = graph.add_tensor({"y", graph::DataType::float32, dims, {}, {}});
  schema::UnaryAttributesT relu;
  relu.function = schema::UnaryFunction::relu;
  graph.add_node("relu", graph::Op::Unary, {x}, {y}, relu);
  graph.inputs = {x};
  graph.outputs = {y};
  module.metadata[key] = value;
  const std::string path = scratch / "net.motley";
  model::write_model(module, path);
  return path;
}

Outcome run(const std::string& file) { return motley({"run", digits_onnx(), file}); }

}  // namespace

TEST(BadFiles, Models) {
  const Scratch scratch;
  write_text(scratch / "text.motley", "this is no model");
  write_text(scratch / "empty.motley", "");
  EXPECT_TRUE(fails_with(motley({"run", scratch / "text.motley", "x.npy"}), "text.motley"));
  EXPECT_TRUE(fails_with(motley({"info", scratch / "empty.motley"}), "empty.motley"));
  EXPECT_TRUE(fails_with(motley({"info", scratch / "missing.motley"}), "missing.motley"));
  EXPECT_TRUE(fails_with(motley({"explain", scratch.path()}), scratch.path()));
  EXPECT_TRUE(fails_with(motley({"bench", "/dev/null"}), "/dev/null"));
}

TEST(BadFiles, DamagedModelsRunOrFailCleanly) {
  const Scratch scratch;
  const std::vector<char> whole = read_file(converted_digits(scratch));
  for (size_t i = 1; i < 12; ++i) {
    std::vector<char> flipped = whole;
    const size_t at = i * (whole.size() / 12);
    flipped[at] = static_cast<char>(flipped[at] ^ 0x40);
    write_file(scratch / "flipped.motley", flipped);
    const Outcome outcome = motley({"run", scratch / "flipped.motley", digit_picture("1_0.png")});
    if (outcome.code != 0) {
      EXPECT_TRUE(fails_with(outcome, "flipped.motley")) << at;
    }
  }
}

TEST(BadFiles, Pictures) {
  const Scratch scratch;
  write_text(scratch / "text.png", "this is no picture");
  EXPECT_TRUE(fails_with(run(scratch / "text.png"), "text.png"));
  write_text(scratch / "empty.jpg", "");
  EXPECT_TRUE(fails_with(run(scratch / "empty.jpg"), "empty.jpg"));
  EXPECT_TRUE(fails_with(run(scratch / "missing.png"), "missing.png"));
  EXPECT_TRUE(fails_with(run(scratch.path()), scratch.path()));

  const std::vector<char> whole = read_file(digit_picture("3_0.png"));
  write_file(scratch / "cut.png", {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() / 2)});
  EXPECT_TRUE(fails_with(run(scratch / "cut.png"), "cut.png"));
  write_text(scratch / "fake.jpg", std::string("\xff\xd8\xff\xe0", 4) + "nothing follows");
  EXPECT_TRUE(fails_with(run(scratch / "fake.jpg"), "fake.jpg"));
  write_text(scratch / "fake.bmp", "BM and then nothing that a BMP file has");
  EXPECT_TRUE(fails_with(run(scratch / "fake.bmp"), "fake.bmp"));

  if (data_folder().empty()) return;
  const std::vector<char> cat = read_file(data_folder() + "/images/caffe_cat.jpg");
  write_file(scratch / "cut.jpg", {cat.begin(), cat.begin() + static_cast<std::ptrdiff_t>(cat.size() / 2)});
  EXPECT_TRUE(fails_with(run(scratch / "cut.jpg"), "cut.jpg"));
}

// A PNG header that promises 60000 x 60000 pixels in a hundred bytes.
TEST(BadFiles, AHugePictureIsRefusedBeforeMemoryIsAskedFor) {
  const Scratch scratch;
  std::vector<char> bytes = read_file(digit_picture("3_0.png"));
  for (size_t at : {16u, 20u}) {
    bytes[at] = bytes[at + 1] = 0;
    bytes[at + 2] = static_cast<char>(0xea);
    bytes[at + 3] = 0x60;
  }
  write_file(scratch / "huge.png", bytes);
  EXPECT_TRUE(fails_with(run(scratch / "huge.png"), "huge.png"));
}

TEST(BadFiles, DamagedPicturesNeverCrash) {
  const Scratch scratch;
  const std::vector<char> whole = read_file(digit_picture("8_1.png"));
  for (size_t i = 0; i < 24; ++i) {
    std::vector<char> bytes = whole;
    const size_t at = 8 + i * ((whole.size() - 8) / 24);
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (i % 8)));
    write_file(scratch / "flipped.png", bytes);
    const Outcome outcome = run(scratch / "flipped.png");
    if (outcome.code != 0) {
      EXPECT_TRUE(fails_with(outcome, "flipped.png")) << at;
    }
  }
}

TEST(BadFiles, Arrays) {
  const Scratch scratch;
  io::write_npy(scratch / "shape.npy", zeros(DataType::float32, {1, 3, 28, 28}, 3 * 28 * 28 * 4));
  EXPECT_TRUE(fails_with(run(scratch / "shape.npy"), "1x3x28x28"));
  io::write_npy(scratch / "rank.npy", zeros(DataType::float32, {28, 28}, 28 * 28 * 4));
  EXPECT_TRUE(fails_with(run(scratch / "rank.npy"), "28x28"));
  io::write_npy(scratch / "type.npy", zeros(DataType::float64, {1, 1, 28, 28}, 28 * 28 * 8));
  EXPECT_TRUE(fails_with(run(scratch / "type.npy"), "float64"));
  write_text(scratch / "garbage.npy", "\x93NUMPY and no more");
  EXPECT_TRUE(fails_with(run(scratch / "garbage.npy"), "garbage.npy"));
  write_text(scratch / "garbage.pb", "\xff\xff\xff\xff\xff");
  EXPECT_TRUE(fails_with(run(scratch / "garbage.pb"), "garbage.pb"));
  EXPECT_TRUE(fails_with(run(scratch / "missing.npy"), "missing.npy"));
}

TEST(BadFiles, InputsAndOutputsThatAreNotThere) {
  const Scratch scratch;
  const std::string picture = digit_picture("0_0.png");
  EXPECT_TRUE(fails_with(motley({"run", digits_onnx()}), "image"));
  EXPECT_TRUE(fails_with(motley({"run", digits_onnx(), "--input", "pixels=" + picture}), "pixels"));
  EXPECT_TRUE(fails_with(motley({"run", digits_onnx(), picture, "--input", "image=" + picture}), "inputs"));
  EXPECT_TRUE(fails_with(motley({"run", digits_onnx(), picture, "--save", "nothing=" + scratch / "x.npy"}), "nothing"));
  EXPECT_TRUE(fails_with(motley({"run", digits_onnx(), picture, "--save", "noequals"}), "noequals"));
  EXPECT_TRUE(fails_with(
      motley({"run", digits_onnx(), picture, "--save", "probabilities=" + scratch / "no/folder.npy"}), "folder.npy"));
  EXPECT_TRUE(fails_with(motley({"run", digits_onnx(), picture, "--output-dir", "/dev/null/x"}), "/dev/null/x"));
  EXPECT_TRUE(fails_with(
      motley({"run", digits_onnx(), picture, picture, "--save", "probabilities=" + scratch / "x.npy"}), "--save"));
  EXPECT_TRUE(fails_with(motley({"run", digits_onnx(), picture, "--draw-boxes", scratch / "x.png"}), "boxes"));
  EXPECT_TRUE(fails_with(motley({"run", digits_onnx(), picture, "--devices", "warp9"}), "warp9"));
}

TEST(BadFiles, LabelsThatDoNotFit) {
  const Scratch scratch;
  write_text(scratch / "labels.txt", "zero\none\n");
  EXPECT_TRUE(fails_with(motley({"run", digits_onnx(), digit_picture("0_0.png"), "--labels", scratch / "labels.txt"}),
                         "2 labels"));
  EXPECT_TRUE(fails_with(motley({"run", digits_onnx(), digit_picture("0_0.png"), "--labels", scratch / "missing.txt"}),
                         "missing.txt"));
}

TEST(BadFiles, PreprocessingFlags) {
  const std::string picture = digit_picture("0_0.png");
  const auto with = [&](std::vector<std::string> flags) {
    std::vector<std::string> arguments{"run", digits_onnx(), picture};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return motley(arguments);
  };
  EXPECT_TRUE(fails_with(with({"--resize", "32x32"}), "32x32"));
  EXPECT_TRUE(fails_with(with({"--resize", "wide"}), "wide"));
  EXPECT_TRUE(fails_with(with({"--resize", "28x"}), "28x"));
  EXPECT_TRUE(fails_with(with({"--resize", "0"}), "0"));
  EXPECT_TRUE(fails_with(with({"--crop", "500"}), "500x500"));
  EXPECT_TRUE(fails_with(with({"--channels", "rgb"}), "rgb"));
  EXPECT_TRUE(fails_with(with({"--mean", "1,2"}), "2 numbers"));
  EXPECT_TRUE(fails_with(with({"--std", "0"}), "--std"));
}

TEST(BadFiles, PreprocessingInTheModel) {
  const std::string picture = digit_picture("0_0.png");
  for (const char* json :
       {"{", "[]", "7", R"({"colour": 3})", R"({"mean": "x"})", R"({"width": 8})", R"({"resize": 0})",
        R"({"mean": [[[[[[1]]]]]]})", R"({"width": 1e300, "height": 8})", R"({"channels": 3})", ""}) {
    const Scratch scratch;
    const Outcome outcome = motley({"run", model_with(scratch, "preprocessing", json), picture});
    EXPECT_TRUE(fails_with(outcome, "preprocessing")) << json;
  }
  const Scratch scratch;
  EXPECT_TRUE(succeeds(
      motley({"run", model_with(scratch, "preprocessing", R"({"width": 8, "height": 8, "mean": [1.5]})"), picture})));
}

TEST(BadFiles, ControlCharactersDoNotReachTheTerminal) {
  const Scratch scratch;
  const Outcome outcome = motley({"info", model_with(scratch, "note", "a\x1b[31mred\x07")});
  ASSERT_TRUE(succeeds(outcome));
  EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos) << outcome.out;
}

}  // namespace motley::test
