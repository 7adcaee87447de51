// A small JSON document as a tree.
#include "base/json_tree.hpp"

#include "base/text.hpp"

namespace motley::base {

namespace {

constexpr size_t kMostValues = 4096;

class Grower final : public JsonListener {
 public:
  Grower(const std::string& what, ErrorCode code) : what_(what), code_(code) {}

  void key(std::string&& name) override {
    if (open_.back()->find(name.c_str())) fail(code_, "% has a key twice (%): remove one", {what_, name});
    key_ = std::move(name);
  }
  void value(JsonKind kind, std::string&& text) override {
    if (++count_ > kMostValues)
      fail(ErrorCode::limit, "% has too many values (more than %): shorten it", {what_, kMostValues});
    JsonTree* place = open_.empty() ? &root_ : &open_.back()->inner.emplace_back();
    place->kind = kind;
    place->key.swap(key_);
    place->text = std::move(text);
    // It stays where it is: nothing is added beside it while it is open.
    if (kind >= JsonKind::list) open_.push_back(place);
  }
  void end() override { open_.pop_back(); }

  JsonTree take() { return std::move(root_); }

 private:
  const std::string& what_;
  const ErrorCode code_;
  JsonTree root_;
  std::vector<JsonTree*> open_;
  std::string key_;
  size_t count_ = 0;
};

}  // namespace

const JsonTree* JsonTree::find(const char* name) const {
  for (const JsonTree& member : inner)
    if (member.key == name) return &member;
  return nullptr;
}

std::string JsonTree::shown() const {
  if (kind == JsonKind::object) return "an object";
  if (kind == JsonKind::list) return "a list";
  if (kind == JsonKind::null) return "null";
  std::string plain = text;
  for (char& c : plain)
    if (c < ' ' || c > '~') c = '?';  // a message is one plain line
  return kind == JsonKind::text ? base::text("\"%\"", {plain}) : plain;
}

JsonTree read_tree(const std::string& text, const std::string& what, ErrorCode code, const JsonLimits& limits) {
  Grower grower(what, code);
  read_json(text, what, code, limits, grower);
  return grower.take();
}

}  // namespace motley::base
