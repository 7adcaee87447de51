// motley run on good files.
#include <cmath>
#include <fstream>

#include "io/npy.hpp"
#include "preprocess.hpp"
#include "program.hpp"

namespace motley::test {

namespace {

io::Tensor digit_tensor(float value) {
  io::Tensor tensor{"image", DataType::float32, {1, 1, 28, 28}, {}};
  const std::vector<float> values(28 * 28, value);
  const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
  tensor.bytes.assign(bytes, bytes + values.size() * sizeof(float));
  return tensor;
}

}  // namespace

TEST(Run, HeldOutDigits) {
  const Scratch scratch;
  const std::string model = converted_digits(scratch);
  std::vector<std::string> arguments{"run", model, "--top", "1"}, expected;
  std::ifstream labels(digit_picture("labels.txt"));
  for (std::string file, label; labels >> file >> label;) {
    arguments.push_back(digit_picture(file));
    expected.push_back(label);
  }
  ASSERT_EQ(expected.size(), 20u);
  for (const char* device : {"cpu", "reference"}) {
    auto with_device = arguments;
    with_device.insert(with_device.end(), {"--devices", device});
    const Outcome outcome = motley(with_device);
    ASSERT_TRUE(succeeds(outcome));
    size_t right = 0, line = 0;
    std::istringstream lines(outcome.out);
    for (std::string text; std::getline(lines, text); ++line)
      right += line < expected.size() && text.find(": " + expected[line] + " (") != std::string::npos;
    EXPECT_EQ(line, 20u) << outcome.out;
    EXPECT_GE(right, 19u) << device << "\n" << outcome.out;
  }
}

TEST(Run, JsonTableAndSummary) {
  const Outcome outcome = motley({"run", digits_onnx(), digit_picture("7_0.png"), "--json", "--top", "3"});
  ASSERT_TRUE(succeeds(outcome));
  const auto top = outcome.json()["runs"][0]["outputs"][0]["top"];
  ASSERT_EQ(top.size(), 3u);
  EXPECT_GE(top[0]["value"].get<double>(), top[1]["value"].get<double>());
  const Outcome table = motley({"run", digits_onnx(), digit_picture("7_0.png")});
  ASSERT_TRUE(succeeds(table));
  EXPECT_EQ(table.out.rfind("probabilities", 0), 0u) << table.out;
}

TEST(Run, ArraysInAndOut) {
  const Scratch scratch;
  io::write_npy(scratch / "in.npy", digit_tensor(-1));
  ASSERT_TRUE(succeeds(motley({"run", digits_onnx(), "--input", "image=" + scratch / "in.npy", "--save",
                               "probabilities=" + scratch / "p.npy", "--output-dir", scratch / "all/of/them"})));
  const io::Tensor p = io::read_npy(scratch / "p.npy");
  EXPECT_EQ(p.type, DataType::float32);
  EXPECT_EQ(p.shape, (std::vector<int64_t>{1, 10}));
  double sum = 0;
  for (int i = 0; i < 10; ++i) sum += p.as<float>()[i];
  EXPECT_NEAR(sum, 1, 1e-4);
  EXPECT_EQ(read_file(scratch / "all/of/them/probabilities.npy"), read_file(scratch / "p.npy"));
}

TEST(Run, ShapesMayChangeFromFileToFile) {
  const Scratch scratch;
  io::Tensor two = digit_tensor(-1);
  two.shape[0] = 2;
  two.bytes.insert(two.bytes.end(), two.bytes.begin(), two.bytes.end());
  io::write_npy(scratch / "one.npy", digit_tensor(-1));
  io::write_npy(scratch / "two.npy", two);
  const Outcome outcome = motley({"run", digits_onnx(), scratch / "one.npy", scratch / "two.npy", scratch / "one.npy",
                                  "--output-dir", scratch.path()});
  ASSERT_TRUE(succeeds(outcome));
  EXPECT_EQ(io::read_npy(scratch / "1.probabilities.npy").shape, (std::vector<int64_t>{2, 10}));
  EXPECT_EQ(read_file(scratch / "0.probabilities.npy"), read_file(scratch / "2.probabilities.npy"));
}

TEST(Run, FlagsOverrideThePreprocessingInTheModel) {
  const Scratch scratch;
  const auto probabilities = [&](std::vector<std::string> flags) {
    std::vector<std::string> arguments{"run", digits_onnx(), digit_picture("3_0.png"), "--save",
                                       "probabilities=" + scratch / "p.npy"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    EXPECT_TRUE(succeeds(motley(arguments)));
    return read_file(scratch / "p.npy");
  };
  const auto plain = probabilities({});
  EXPECT_EQ(plain, probabilities({"--resize", "28x28", "--channels", "gray", "--layout", "nchw"}));
  EXPECT_NE(plain, probabilities({"--mean", "50"}));
  EXPECT_NE(plain, probabilities({"--scale", "0"}));
}

// ---- networks from outside, where they are at hand ----

TEST(RunData, SqueezeNetNamesTheCat) {
  const std::string data = data_folder();
  if (data.empty()) GTEST_SKIP() << "there is no data folder";
  const Outcome outcome =
      motley({"run", data + "/onnx/models/squeezenet1.1/model.onnx", data + "/images/caffe_cat.jpg", "--resize", "256",
              "--crop", "224", "--range", "1", "--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225", "--labels",
              data + "/images/imagenet_labels.txt", "--top", "3", "--json"});
  ASSERT_TRUE(succeeds(outcome));
  const auto best = outcome.json()["runs"][0]["outputs"][0]["top"][0];
  EXPECT_GE(best["class"].get<int>(), 281) << outcome.out;
  EXPECT_LE(best["class"].get<int>(), 285) << outcome.out;
  EXPECT_NE(best["label"].get<std::string>().find("cat"), std::string::npos) << outcome.out;
}

// The published input of that network was made from this picture, with a bilinear filter.
TEST(RunData, PreprocessingEqualsThePublishedOne) {
  const std::string data = data_folder();
  if (data.empty()) GTEST_SKIP() << "there is no data folder";
  TensorInfo input{"input", DataType::float32, {1, 3, 224, 224}, {}};
  cli::Preprocessing options;
  options.resize = "256";
  options.filter = "bilinear";
  options.crop = "224";
  options.range = 1;
  options.mean = {0.485, 0.456, 0.406};
  options.std = {0.229, 0.224, 0.225};
  const io::Tensor made = cli::prepare_image(data + "/images/caffe_cat.jpg", input, options).tensor;
  const io::Tensor published = io::read_npy(data + "/onnx/models/squeezenet1.1/ds2_input_0.npy");
  ASSERT_EQ(made.shape, published.shape);
  ASSERT_EQ(made.bytes.size(), published.bytes.size());
  double worst = 0, sum = 0;
  const size_t count = made.bytes.size() / sizeof(float);
  for (size_t i = 0; i < count; ++i) {
    const double difference = std::fabs(made.as<float>()[i] - published.as<float>()[i]);
    worst = std::max(worst, difference);
    sum += difference;
  }
  // Two grey levels of 255 at most, where JPEG readers and roundings differ.
  EXPECT_LE(worst, 2.0 / 255 / 0.224 + 1e-3);
  EXPECT_LE(sum / static_cast<double>(count), 0.5 / 255 / 0.224);
}

TEST(RunData, UltraFaceFindsTheFace) {
  const std::string data = data_folder();
  if (data.empty()) GTEST_SKIP() << "there is no data folder";
  const Scratch scratch;
  const Outcome outcome =
      motley({"run", data + "/onnx/models/ultraface_RFB-320/model.onnx", data + "/images/grace_hopper.bmp", "--resize",
              "320x240", "--mean", "127", "--std", "128", "--draw-boxes", scratch / "face.png", "--json"});
  ASSERT_TRUE(succeeds(outcome));
  const auto boxes = outcome.json()["runs"][0]["boxes"];
  ASSERT_EQ(boxes.size(), 1u) << outcome.out;
  // The face is in the upper half of the 512x600 portrait, around its middle.
  const double x = (boxes[0]["left"].get<double>() + boxes[0]["right"].get<double>()) / 2;
  const double y = (boxes[0]["top"].get<double>() + boxes[0]["bottom"].get<double>()) / 2;
  EXPECT_NEAR(x, 262, 60);
  EXPECT_NEAR(y, 170, 80);
  EXPECT_TRUE(std::filesystem::exists(scratch / "face.png"));
}

}  // namespace motley::test
