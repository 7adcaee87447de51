// The key of a node's problem where its device's plugin names none.
#include "table/node_key.hpp"

#include "base/sha256.hpp"
#include "base/text.hpp"
#include "model/serialize.hpp"

namespace motley::table {

namespace {

constexpr size_t kLongestKey = 2000;

// Letters alone: digits would be taken for sizes when keys are compared.
std::string letters_of(const void* data, size_t size) {
  std::string hash = base::sha256_hex(data, size).substr(0, 8);
  for (char& c : hash) c = static_cast<char>(c <= '9' ? 'a' + (c - '0') : c + 10);
  return hash;
}

void shorten(std::string& key) {
  if (key.size() > kLongestKey)
    key.replace(kLongestKey, std::string::npos, ' ' + letters_of(key.data() + kLongestKey, key.size() - kLongestKey));
}

void append(std::string& key, const graph::Graph& graph, graph::TensorId id) {
  if (id == graph::kNone) {
    key += " -";
    return;
  }
  const graph::Tensor& tensor = graph.tensor(id);
  key += base::text(" % ", {graph::to_string(tensor.type)});
  if (!tensor.shape_known()) key += '?';
  else
    for (size_t i = 0; i < tensor.shape->size(); ++i) key += base::text(i ? "x%" : "%", {(*tensor.shape)[i].value});
  if (tensor.is_constant()) key += 'c';
}

}  // namespace

std::string node_key(const graph::Graph& graph, const graph::Node& node) {
  std::string key = graph::describe_op(node);
  flatbuffers::FlatBufferBuilder builder;
  if (node.attributes.type != schema::Attributes::NONE) {
    builder.Finish(node.attributes.Pack(builder));
    key += ' ' + letters_of(builder.GetBufferPointer(), builder.GetSize());
  }
  for (const graph::TensorId id : node.inputs) append(key, graph, id);
  key += " ->";
  for (const graph::TensorId id : node.outputs) append(key, graph, id);
  shorten(key);
  return key;
}

std::string joined_key(const std::vector<std::string>& keys) {
  std::string all;
  for (const std::string& key : keys) all += (all.empty() ? "" : " + ") + key;
  shorten(all);
  return all;
}

std::string graph_hash(const graph::Graph& graph) {
  const model::SerializedGraph serialized = model::serialize(graph);
  return base::sha256_hex(serialized.model.data(), serialized.model.size()).substr(0, 32);
}

}  // namespace motley::table
