// Conformance cases on disk: a model, and tensors that go in and come out.
#include "cases.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "io/npy.hpp"
#include "io/tensor_pb.hpp"

namespace motley::conformance {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

json read_json(const fs::path& path) {
  std::ifstream file(path);
  try {
    return json::parse(file);
  } catch (const json::exception& e) {
    throw Error(ErrorCode::invalid_argument, "\"" + path.string() + "\" is not readable JSON (" + e.what() + ")");
  }
}

// prefix0.ext, prefix1.ext, … as long as they are there.
std::vector<TensorFile> numbered(const fs::path& folder, const std::string& prefix, const char* extension) {
  std::vector<TensorFile> files;
  for (;;) {
    const fs::path path = folder / (prefix + std::to_string(files.size()) + extension);
    if (!fs::exists(path)) return files;
    files.push_back({"", path});
  }
}

std::vector<TensorFile> listed(const json& list, const fs::path& folder) {
  std::vector<TensorFile> files;
  for (const json& entry : list)
    files.push_back({entry.value("name", ""), folder / entry.at("file").get<std::string>()});
  return files;
}

void read_description(const fs::path& folder, Case& c) {
  const json description = read_json(folder / "case.json");
  try {
    if (description.contains("datasets")) {
      c.judge = Judge::network;
      for (const json& set : description["datasets"])
        c.sets.push_back({listed(set.at("inputs"), folder), listed(set.at("outputs"), folder)});
    } else {
      c.sets.push_back({listed(description.at("inputs"), folder), listed(description.at("outputs"), folder)});
    }
    const json ops = description.value("ops", json());
    if (ops.is_array() && ops.size() == 1) c.op = ops[0].get<std::string>();
  } catch (const json::exception& e) {
    throw Error(ErrorCode::invalid_argument,
                "\"" + (folder / "case.json").string() + "\" describes no case (" + e.what() + ")");
  }
}

std::optional<Case> read_case(const fs::path& folder) {
  if (!fs::exists(folder / "model.onnx")) return std::nullopt;
  Case c;
  c.name = folder.filename().string();
  c.model = folder / "model.onnx";
  if (fs::exists(folder / "case.json")) {
    read_description(folder, c);
    return c;
  }
  for (int k = 0; fs::exists(folder / ("test_data_set_" + std::to_string(k))); ++k) {
    const fs::path set = folder / ("test_data_set_" + std::to_string(k));
    c.sets.push_back({numbered(set, "input_", ".pb"), numbered(set, "output_", ".pb")});
  }
  if (c.sets.empty()) {
    c.judge = Judge::network;
    c.sets.push_back({numbered(folder, "input_", ".npy"), numbered(folder, "output_", ".npy")});
  }
  return c;
}

// manifest.json beside the cases of one folder tells the op that each is about.
void name_ops(const fs::path& folder, std::vector<Case>& cases) {
  if (!fs::exists(folder / "manifest.json")) return;
  const json manifest = read_json(folder / "manifest.json");
  for (Case& c : cases)
    if (manifest.is_object() && manifest.contains(c.name)) c.op = manifest[c.name].value("op", c.op);
}

}  // namespace

std::vector<Case> find_cases(const fs::path& given) {
  const fs::path folder = fs::path(given / "").parent_path();  // without a slash at its end, so that it has a name
  if (!fs::is_directory(folder)) throw Error(ErrorCode::io, "\"" + folder.string() + "\" is no folder");
  std::vector<Case> cases;
  if (std::optional<Case> one = read_case(folder)) {
    cases.push_back(std::move(*one));
    name_ops(folder.parent_path(), cases);
    return cases;
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_directory()) continue;
    if (std::optional<Case> found = read_case(entry.path())) {
      cases.push_back(std::move(*found));
    } else {
      for (const auto& inner : fs::directory_iterator(entry.path()))
        if (inner.is_directory())
          if (std::optional<Case> deeper = read_case(inner.path())) cases.push_back(std::move(*deeper));
    }
  }
  name_ops(folder, cases);
  std::sort(cases.begin(), cases.end(), [](const Case& a, const Case& b) { return a.name < b.name; });
  return cases;
}

io::Tensor load(const TensorFile& file) {
  return file.path.extension() == ".pb" ? io::read_tensor_pb(file.path) : io::read_npy(file.path);
}

}  // namespace motley::conformance
