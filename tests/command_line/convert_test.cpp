// motley convert and motley info.
#include <onnx/onnx_pb.h>
#include <algorithm>

#include <fstream>

#include "program.hpp"

namespace motley::test {

namespace {

void write_onnx(const std::string& path, const std::vector<std::pair<std::string, std::string>>& name_and_op) {
  onnx::ModelProto model;
  model.set_ir_version(7);
  auto* opset = model.add_opset_import();
  opset->set_domain("");
  opset->set_version(13);
  onnx::GraphProto* graph = model.mutable_graph();
  graph->set_name("g");
  const auto declare = [](onnx::ValueInfoProto* value, const std::string& name) {
    value->set_name(name);
    auto* type = value->mutable_type()->mutable_tensor_type();
    type->set_elem_type(onnx::TensorProto::FLOAT);
    type->mutable_shape()->add_dim()->set_dim_value(4);
  };
  declare(graph->add_input(), "x0");
  for (size_t i = 0; i < name_and_op.size(); ++i) {
    onnx::NodeProto* node = graph->add_node();
    node->set_name(name_and_op[i].first);
    node->set_op_type(name_and_op[i].second);
    node->add_input("x" + std::to_string(i));
    node->add_output("x" + std::to_string(i + 1));
  }
  declare(graph->add_output(), "x" + std::to_string(name_and_op.size()));
  std::ofstream file(path, std::ios::binary);
  ASSERT_TRUE(model.SerializeToOstream(&file));
}

}  // namespace

TEST(Convert, DigitsWithSummary) {
  const Scratch scratch;
  const std::string path = scratch / "digits.motley";
  const Outcome outcome = motley({"convert", digits_onnx(), "-o", path});
  ASSERT_TRUE(succeeds(outcome));
  EXPECT_NE(outcome.out.find(" nodes, weights "), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("input   image  float32 batchx1x28x28"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("output  probabilities  float32 batchx10"), std::string::npos) << outcome.out;
  EXPECT_EQ(scratch.file_count(), 1u);
}

TEST(Convert, TheOutputStandsBesideTheModelByDefault) {
  const Scratch scratch;
  std::filesystem::copy(digits_onnx(), scratch / "net.onnx");
  ASSERT_TRUE(succeeds(motley({"convert", scratch / "net.onnx"})));
  EXPECT_TRUE(std::filesystem::exists(scratch / "net.motley"));
}

TEST(Convert, ShapesAreFixed) {
  const Scratch scratch;
  const std::string path = scratch / "digits.motley";
  ASSERT_TRUE(succeeds(motley({"convert", digits_onnx(), "-o", path, "--shape", "image=2,1,28,28"})));
  const Outcome info = motley({"info", path, "--json"});
  ASSERT_TRUE(succeeds(info));
  EXPECT_EQ(info.json()["inputs"][0]["shape"], nlohmann::json({2, 1, 28, 28}));
  EXPECT_TRUE(fails_with(motley({"convert", digits_onnx(), "-o", path, "--shape", "picture=1"}), "picture"));
  EXPECT_TRUE(fails_with(motley({"convert", digits_onnx(), "-o", path, "--shape", "image=1,one"}), "1,one"));
  EXPECT_TRUE(fails_with(motley({"convert", digits_onnx(), "-o", path, "--shape", "1,1,28,28"}), "NAME="));
}

TEST(Convert, EveryUnsupportedOpIsListedAndNothingWritten) {
  const Scratch scratch;
  write_onnx(scratch / "odd.onnx",
             {{"first", "NoSuchOp"}, {"second", "Relu"}, {"third", "AlsoMissing"}, {"fourth", "NoSuchOp"}});
  const Outcome outcome = motley({"convert", scratch / "odd.onnx", "-o", scratch / "odd.motley"});
  EXPECT_EQ(outcome.code, 1);
  for (const char* word :
       {"NoSuchOp", "AlsoMissing", "first", "third", "fourth", "2 nodes:", "1 node:", "add-an-op.md"})
    EXPECT_NE(outcome.err.find(word), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find("second"), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(scratch.file_count(), 1u);
}

TEST(Convert, DamagedModelsLeaveNothing) {
  const Scratch scratch;
  const std::vector<char> whole = read_file(digits_onnx());
  for (size_t part : {0u, 1u, 2u, 3u}) {
    write_file(scratch / "cut.onnx",
               {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() * part / 4)});
    EXPECT_TRUE(fails_with(motley({"convert", scratch / "cut.onnx", "-o", scratch / "cut.motley"}), "cut.onnx"));
    EXPECT_EQ(scratch.file_count(), 1u);
  }
}

TEST(Convert, OutputsThatCannotBeWritten) {
  const Scratch scratch;
  EXPECT_TRUE(fails_with(motley({"convert", digits_onnx(), "-o", scratch / "no/such/folder.motley"}), "folder.motley"));
  std::filesystem::create_directory(scratch / "folder.motley");
  EXPECT_TRUE(fails_with(motley({"convert", digits_onnx(), "-o", scratch / "folder.motley"}), "folder.motley"));
  std::filesystem::copy(digits_onnx(), scratch / "net.onnx");
  EXPECT_TRUE(fails_with(motley({"convert", scratch / "net.onnx", "-o", scratch / "net.onnx"}), "net.onnx"));
  EXPECT_EQ(read_file(scratch / "net.onnx"), read_file(digits_onnx()));
}

TEST(Convert, OtherFormatsAreRefused) {
  const Scratch scratch;
  write_text(scratch / "net.tflite", "TFL3");
  EXPECT_TRUE(fails_with(motley({"convert", scratch / "net.tflite"}), ".tflite"));
  EXPECT_TRUE(fails_with(motley({"convert", scratch / "missing.onnx"}), "missing.onnx"));
  EXPECT_TRUE(fails_with(motley({"convert", scratch.path()}), scratch.path()));
}

TEST(Info, TextAndJsonOfBothFormats) {
  const Scratch scratch;
  for (const std::string& path : {converted_digits(scratch), digits_onnx()}) {
    const Outcome text = motley({"info", path, "--nodes"});
    ASSERT_TRUE(succeeds(text));
    EXPECT_NE(text.out.find("input     image  float32 batchx1x28x28"), std::string::npos) << text.out;
    EXPECT_NE(text.out.find("Conv"), std::string::npos) << text.out;
    EXPECT_NE(text.out.find("metadata  preprocessing"), std::string::npos) << text.out;

    const Outcome outcome = motley({"info", path, "--json", "--nodes"});
    ASSERT_TRUE(succeeds(outcome));
    const nlohmann::json json = outcome.json();
    EXPECT_EQ(json["inputs"][0]["shape"], nlohmann::json({"batch", 1, 28, 28}));
    EXPECT_EQ(json["outputs"][0]["name"], "probabilities");
    EXPECT_GT(json["weight_bytes"].get<int>(), 100000);
    EXPECT_EQ(json["node_count"].get<size_t>(), json["nodes"].size());
    EXPECT_EQ(json["metadata"]["labels"], "0\n1\n2\n3\n4\n5\n6\n7\n8\n9");
    EXPECT_NE(json["producer"].get<std::string>(), "");
    EXPECT_GE(json["ops"]["Conv"].get<int>(), 6);
  }
}

TEST(Info, DamagedFilesNeverCrash) {
  const Scratch scratch;
  const std::vector<char> whole = read_file(converted_digits(scratch));
  const std::string path = scratch / "damaged.motley";
  for (size_t i = 0; i < 12; ++i) {
    write_file(path, {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() * i / 12)});
    EXPECT_TRUE(fails_with(motley({"info", path}), "damaged.motley"));
  }
  // The header and the graph part carry checks; a flipped bit among the weights is another number.
  size_t refused = 0;
  for (size_t i = 0; i < 40; ++i) {
    std::vector<char> flipped = whole;
    const size_t at = i < 8 ? i * 4 : i * (whole.size() / 41);
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (i % 8)));
    write_file(path, flipped);
    const Outcome outcome = motley({"info", path});
    if (outcome.code == 0) continue;
    ++refused;
    EXPECT_TRUE(fails_with(outcome, "damaged.motley")) << "bit flipped at " << at;
  }
  EXPECT_GE(refused, 8u);
}

}  // namespace motley::test
