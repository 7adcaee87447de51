// Damaged and hostile model files: every prefix, every bit, shared tables, limits.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "base/crc32c.hpp"
#include "model/format.hpp"
#include "model/model_file.hpp"
#include "model_samples.hpp"

namespace motley::model {
namespace {

// True where the bytes are read; false for an Error. Anything else escapes and fails the test.
bool reads(std::span<const uint8_t> bytes) {
  try {
    read_model(bytes, nullptr);
    return true;
  } catch (const Error&) {
    return false;
  }
}

uint64_t graph_bytes(const std::vector<uint8_t>& file) {
  return decode(file.data(), file.size(), Checksums::verify, "the test").graph_bytes;
}

std::vector<uint8_t> with_header(const flatbuffers::FlatBufferBuilder& builder, uint64_t weights_bytes = 0) {
  const FileHeader header{builder.GetSize(), weights_bytes,
                          base::crc32c(builder.GetBufferPointer(), builder.GetSize())};
  const HeaderBytes start = encode(header);
  std::vector<uint8_t> bytes(header.file_bytes());
  std::memcpy(bytes.data(), start.data(), start.size());
  std::memcpy(bytes.data() + kHeaderBytes, builder.GetBufferPointer(), builder.GetSize());
  return bytes;
}

TEST(DamagedModel, NoPrefixIsRead) {
  const std::vector<uint8_t> file = stored(small_module());
  ASSERT_TRUE(reads(file));
  for (size_t length = 0; length < file.size(); ++length) {
    // A copy of exactly that length, so that a sanitizer sees a read past its end.
    ASSERT_FALSE(reads(std::vector<uint8_t>(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length))))
        << length;
  }
  std::vector<uint8_t> longer = file;
  longer.push_back(0);
  EXPECT_FALSE(reads(longer));
}

TEST(DamagedModel, PrefixesOnDiskAreRefused) {
  const std::vector<uint8_t> file = stored(small_module());
  const TemporaryFolder folder;
  for (size_t length : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{100}, file.size() - 1}) {
    std::ofstream(folder / "m.motley", std::ios::binary)
        .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(length));
    EXPECT_THROW(read_model(folder / "m.motley"), Error) << length;
  }
}

TEST(DamagedModel, EveryBitOutsideTheWeightsIsGuarded) {
  std::vector<uint8_t> file = stored(small_module());
  const uint64_t weights = file.size() - decode(file.data(), file.size(), Checksums::verify, "the test").weights_bytes;
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    file[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    ASSERT_EQ(reads(file), bit / 8 >= weights) << "byte " << bit / 8 << ", bit " << bit % 8;
    file[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
}

// Behind the checksums too, nothing but an Error comes of it; and what is still accepted can be stored again.
TEST(DamagedModel, EveryBitOfTheGraphIsSurvivedWithoutChecksums) {
  for (const bool large : {false, true}) {
    std::vector<uint8_t> file = stored(large ? module_of_every_op() : small_module());
    const size_t end = kHeaderBytes + graph_bytes(file);
    size_t accepted = 0;
    // All of the small file; of the large one every eleventh bit, which takes a second.
    for (size_t bit = 0; bit < 8 * end; bit += large ? 11 : 1) {
      file[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      try {
        const graph::Module read = read_model_ignoring_checksums(file, nullptr);
        if (accepted++ % 256 == 0) stored(read);
      } catch (const Error&) {
      }
      file[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
    EXPECT_GT(accepted, 0u) << "names may change, for one";
  }
}

TEST(HostileModel, SharedTablesDoNotTakeUnboundedMemory) {
  flatbuffers::FlatBufferBuilder builder;
  const auto long_name = builder.CreateString(std::string(60000, 'n'));
  // A thousand tensors that all point to one long name.
  std::vector<flatbuffers::Offset<schema::Tensor>> tensors;
  for (int i = 0; i < 1000; ++i) tensors.push_back(schema::CreateTensor(builder, long_name));
  const auto packed = builder.CreateVector(tensors);
  const auto graph = schema::CreateGraph(builder, 0, packed);
  const auto graphs = builder.CreateVector(&graph, 1);
  schema::ModelBuilder model(builder);
  model.add_graphs(graphs);
  schema::FinishModelBuffer(builder, model.Finish());
  try {
    read_model(with_header(builder), nullptr);
    FAIL() << "60 MB from a file of 200 kB";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::limit) << error.what();
  }
}

TEST(HostileModel, OneTableAMillionTimesIsRefused) {
  flatbuffers::FlatBufferBuilder builder;
  const auto tensor = schema::CreateTensor(builder, builder.CreateString("t"));
  const auto packed = builder.CreateVector(std::vector<flatbuffers::Offset<schema::Tensor>>(1000000, tensor));
  const auto graph = schema::CreateGraph(builder, 0, packed);
  const auto graphs = builder.CreateVector(&graph, 1);
  schema::ModelBuilder model(builder);
  model.add_graphs(graphs);
  schema::FinishModelBuffer(builder, model.Finish());
  EXPECT_FALSE(reads(with_header(builder)));
}

TEST(HostileModel, BuffersStayInsideTheWeights) {
  const auto file_with = [](uint64_t offset, uint64_t size, uint64_t weights) {
    flatbuffers::FlatBufferBuilder builder;
    const schema::Buffer buffer(offset, size);
    const auto buffers = builder.CreateVectorOfStructs(&buffer, 1);
    const auto dim = schema::CreateDimension(builder, static_cast<int64_t>(size & 0xff));
    const auto shape = builder.CreateVector(&dim, 1);
    const auto name = builder.CreateString("t");
    const auto tensor = schema::CreateTensor(builder, name, schema::DataType::uint8, shape, true, 0);
    const auto tensors = builder.CreateVector(&tensor, 1);
    const auto outputs = builder.CreateVector(std::vector<int32_t>{0});
    const auto graph = schema::CreateGraph(builder, 0, tensors, 0, 0, outputs);
    const auto graphs = builder.CreateVector(&graph, 1);
    schema::ModelBuilder model(builder);
    model.add_graphs(graphs);
    model.add_buffers(buffers);
    schema::FinishModelBuffer(builder, model.Finish());
    return with_header(builder, weights);
  };
  EXPECT_TRUE(reads(file_with(0, 64, 64)));
  EXPECT_TRUE(reads(file_with(64, 16, 128)));
  EXPECT_FALSE(reads(file_with(0, 65, 64))) << "past the end";
  EXPECT_FALSE(reads(file_with(128, 1, 64))) << "begins past the end";
  EXPECT_FALSE(reads(file_with(8, 16, 64))) << "not aligned";
  EXPECT_FALSE(reads(file_with(UINT64_MAX - 63, 64, 64))) << "offset + size overflows";
  EXPECT_FALSE(reads(file_with(64, UINT64_MAX - 10, 128)));
}

}  // namespace
}  // namespace motley::model
