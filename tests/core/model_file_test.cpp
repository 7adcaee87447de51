// What is written comes back: every op, constants, metadata; large files; atomic writing.
#include "model/model_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <set>

#include "base/crc32c.hpp"
#include "model/format.hpp"
#include "model_samples.hpp"

namespace motley::model {
namespace {

namespace fs = std::filesystem;
using schema::Op;

ErrorCode code_of(auto&& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::internal;
}

TEST(ModelFile, KeepsWhatAModelSays) {
  const TemporaryFolder folder;
  write_model(small_module(), folder / "m.motley");
  const graph::Module module = read_model(folder / "m.motley");
  EXPECT_EQ(module.producer, "test");
  EXPECT_EQ(module.metadata, small_module().metadata);
  const graph::Graph& g = module.main();
  EXPECT_EQ(g.name, "small");
  ASSERT_EQ(g.tensors.size(), 7u);
  EXPECT_EQ(graph::to_string(g.tensors[0].shape), graph::to_string(small_module().main().tensors[0].shape));
  EXPECT_EQ((*g.tensors[0].shape)[0].symbol.text(), "batch");
  EXPECT_FALSE(g.tensors[4].shape.has_value());
  EXPECT_EQ(g.tensors[1].quantization.scales, (std::vector<float>{0.5f, 0.25f}));
  EXPECT_EQ(g.tensors[1].quantization.zero_points, (std::vector<int64_t>{1, -1}));
  EXPECT_EQ(g.tensors[1].quantization.axis, 1);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(g.tensors[1].values<float>()[i], static_cast<float>(i + 1));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(g.tensors[3].constant->data) % kConstantAlignment, 0u);
  EXPECT_EQ(graph::attributes<schema::MatMulAttributesT>(g.nodes[0]).alpha, 2);
  EXPECT_EQ(graph::attributes<schema::UnaryAttributesT>(g.nodes[1]).function, schema::UnaryFunction::relu);
  EXPECT_EQ(g.nodes[1].name, "Unary_1") << "a node without a name gets one";
  EXPECT_EQ(g.nodes[1].origins, std::vector<std::string>{"Unary_1"});
  EXPECT_EQ(g.inputs, std::vector<graph::TensorId>{0});
  EXPECT_EQ(g.outputs, (std::vector<graph::TensorId>{5, 6}));
}

TEST(ModelFile, StoresEqualConstantsOnce) {
  const TemporaryFolder folder;
  write_model(small_module(), folder / "m.motley");
  const graph::Module module = read_model(folder / "m.motley");
  const graph::Graph& g = module.main();
  EXPECT_EQ(g.tensors[1].constant->data, g.tensors[2].constant->data);
  EXPECT_NE(g.tensors[1].constant->data, g.tensors[3].constant->data);
}

TEST(ModelFile, ConstantsOutliveTheModule) {
  const TemporaryFolder folder;
  write_model(small_module(), folder / "m.motley");
  const graph::Constant constant = *read_model(folder / "m.motley").main().tensors[1].constant;
  EXPECT_EQ(static_cast<const float*>(constant.data)[5], 6);
}

TEST(ModelFile, KeepsEveryOpAndEveryKindOfAttributes) {
  const graph::Module module = module_of_every_op();
  std::set<schema::Attributes> kinds;
  for (const graph::Node& node : module.main().nodes) kinds.insert(node.attributes.type);
  EXPECT_EQ(kinds.size(), static_cast<size_t>(schema::Attributes::MAX)) << "a kind of attributes that no op carries";

  const std::vector<uint8_t> bytes = stored(module);
  const graph::Module read = read_model(bytes, nullptr);
  ASSERT_EQ(read.main().nodes.size(), module.main().nodes.size());
  for (size_t i = 0; i < module.main().nodes.size(); ++i) {
    const graph::Node& before = module.main().nodes[i];
    const graph::Node& after = read.main().nodes[i];
    EXPECT_EQ(after.op, before.op);
    EXPECT_EQ(after.inputs, before.inputs);
    EXPECT_EQ(after.outputs, before.outputs);
    flatbuffers::FlatBufferBuilder a, b;
    a.Finish(flatbuffers::Offset<void>(before.attributes.Pack(a)));
    b.Finish(flatbuffers::Offset<void>(after.attributes.Pack(b)));
    EXPECT_EQ(std::vector<uint8_t>(a.GetBufferPointer(), a.GetBufferPointer() + a.GetSize()),
              std::vector<uint8_t>(b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize()))
        << before.name;
  }
  EXPECT_EQ(stored(read), bytes) << "the same module gives the same bytes";
}

TEST(ModelFile, ReadsFromMemoryThatIsNotAligned) {
  const std::vector<uint8_t> bytes = stored(small_module());
  std::vector<uint8_t> room(bytes.size() + 64);
  for (size_t shift : {0, 1, 7, 32}) {
    std::copy(bytes.begin(), bytes.end(), room.begin() + static_cast<std::ptrdiff_t>(shift));
    const graph::Module module = read_model(std::span(room).subspan(shift, bytes.size()), nullptr);
    EXPECT_EQ(module.main().tensors[1].values<float>()[2], 3);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(module.main().tensors[1].constant->data) % kConstantAlignment, 0u);
  }
}

TEST(ModelFile, AllowsWeightsThatAreNoNumbers) {
  graph::Module module = small_module();
  module.main().tensors[3].constant =
      graph::Constant::of(std::vector<float>{std::nanf(""), std::numeric_limits<float>::infinity()});
  const std::vector<uint8_t> bytes = stored(module);
  EXPECT_TRUE(std::isnan(read_model(bytes, nullptr).main().tensors[3].values<float>()[0]));
}

TEST(ModelFile, KeepsEmptyConstants) {
  graph::Module module = small_module();
  module.main().add_constant("nothing", schema::DataType::int64, {0, 4}, {});
  const graph::Module read = read_model(stored(module), nullptr);
  ASSERT_TRUE(read.main().tensors.back().is_constant());
  EXPECT_EQ(read.main().tensors.back().constant->bytes, 0u);
  EXPECT_NE(read.main().tensors.back().constant->data, nullptr);
}

// A sparse file: 5 GiB of zeros with a mark at each end, which take no space on disk.
TEST(ModelFile, ReadsWeightsBeyondFourGiB) {
  constexpr int64_t kFloats = 5ll << 28;
  constexpr uint64_t kBytes = 4 * static_cast<uint64_t>(kFloats);
  flatbuffers::FlatBufferBuilder builder;
  schema::ModelT model;
  auto g = std::make_unique<schema::GraphT>();
  const auto tensor = [&](const char* name, int64_t elements, int32_t buffer) {
    auto t = std::make_unique<schema::TensorT>();
    t->name = name, t->type = schema::DataType::float32, t->buffer = buffer;
    t->shape.push_back(std::make_unique<schema::DimensionT>());
    t->shape[0]->value = elements;
    g->tensors.push_back(std::move(t));
  };
  tensor("large", kFloats, 0);
  tensor("last", 1, 1);
  g->outputs = {0, 1};
  model.graphs.push_back(std::move(g));
  model.buffers = {schema::Buffer(0, kBytes), schema::Buffer(kBytes, 4)};
  schema::FinishModelBuffer(builder, schema::Model::Pack(builder, &model));
  const FileHeader header{builder.GetSize(), kBytes + 64, base::crc32c(builder.GetBufferPointer(), builder.GetSize())};

  const TemporaryFolder folder;
  const int file = open((folder / "large.motley").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  const float mark = 42;
  const HeaderBytes start = encode(header);
  const auto put = [&](const void* data, size_t size, uint64_t at) {
    return pwrite(file, data, size, static_cast<off_t>(at)) == static_cast<ssize_t>(size);
  };
  const bool fits =
      ftruncate(file, static_cast<off_t>(header.file_bytes())) == 0 && put(start.data(), start.size(), 0) &&
      put(builder.GetBufferPointer(), builder.GetSize(), kHeaderBytes) &&
      put(&mark, 4, header.weights_offset() + kBytes - 4) && put(&mark, 4, header.weights_offset() + kBytes);
  close(file);
  if (!fits) GTEST_SKIP() << "the file system of " << folder.path() << " takes no sparse file of 5 GiB";
  const graph::Module module = read_model(folder / "large.motley");
  EXPECT_EQ(module.main().tensors[0].values<float>()[kFloats - 1], 42);
  EXPECT_EQ(module.main().tensors[0].values<float>()[1], 0);
  EXPECT_EQ(module.main().tensors[1].values<float>()[0], 42);
}

TEST(ModelFile, WritingReportsProgressAndLeavesNoHalfFile) {
  const TemporaryFolder folder;
  graph::Module module = small_module();
  module.main().add_constant("large", schema::DataType::float32, {10 << 20},
                             graph::Constant::of(std::vector<float>(10 << 20, 1.f)));
  std::vector<uint64_t> steps;
  uint64_t whole = 0;
  write_model(module, folder / "m.motley", [&](uint64_t done, uint64_t total) {
    steps.push_back(done);
    whole = total;
  });
  EXPECT_GE(steps.size(), 3u);
  EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end()));
  EXPECT_EQ(steps.back(), whole);
  EXPECT_EQ(fs::file_size(folder / "m.motley"), whole);

  struct Stop {};
  EXPECT_THROW(write_model(module, folder / "other.motley", [](uint64_t, uint64_t) { throw Stop(); }), Stop);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1)
      << "something half-written is left";
}

TEST(ModelFile, WritingRefusesWhatCouldNotBeRead) {
  const TemporaryFolder folder;
  graph::Module module = small_module();
  module.main().nodes[0].inputs[0] = 99;
  EXPECT_EQ(code_of([&] { write_model(module, folder / "m.motley"); }), ErrorCode::invalid_model);
  EXPECT_FALSE(fs::exists(folder / "m.motley"));
  EXPECT_EQ(code_of([&] { write_model(small_module(), folder / "none" / "m.motley"); }), ErrorCode::not_found);
}

TEST(ModelFile, ErrorsNameTheFile) {
  const TemporaryFolder folder;
  EXPECT_EQ(code_of([&] { read_model(folder / "none.motley"); }), ErrorCode::not_found);
  EXPECT_EQ(code_of([&] { read_model(folder.path()); }), ErrorCode::io);
  std::ofstream(folder / "text.motley") << std::string(100, 'x');
  try {
    read_model(folder / "text.motley");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("text.motley"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("motley convert"), std::string::npos);
  }
}

}  // namespace
}  // namespace motley::model
