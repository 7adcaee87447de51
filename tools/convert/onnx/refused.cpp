// Operators that are known and refused, and what to do about them.
#include "onnx/rules.hpp"

#include "convert.hpp"

namespace motley::convert {
namespace {

constexpr const char* kRandom =
    "random numbers: a network gives the same result for the same input here; make the noise an input of the model";
constexpr const char* kStrings = "strings are no tensors here; do this before the model";
constexpr const char* kTraining = "a step of training; export the network for inference";
constexpr const char* kClassic =
    "trees, vectors and other models without tensors are not run here; keep this part in the program around the model";

struct Refused {
  const char *domain, *op, *why;
};

constexpr Refused kRefused[] = {
    {"", "ATen", "PyTorch's own operator; export with its decomposition"},
    {"", "Bernoulli", kRandom},
    {"", "BitCast", "the bytes of a tensor under another type"},
    {"", "ImageDecoder", "decodes image files; give the model the pixels"},
    {"", "MaxRoiPool", "pools regions by the first rule of its kind; export RoiAlign"},
    {"", "Multinomial", kRandom},
    {"", "RandomNormal", kRandom},
    {"", "RandomNormalLike", kRandom},
    {"", "RandomUniform", kRandom},
    {"", "RandomUniformLike", kRandom},
    {"", "RegexFullMatch", kStrings},
    {"", "StringConcat", kStrings},
    {"", "StringNormalizer", kStrings},
    {"", "StringSplit", kStrings},
    {"", "TfIdfVectorizer", "counts words; do this before the model"},
    {"ai.onnx.ml", "ArrayFeatureExtractor", kClassic},
    {"ai.onnx.ml", "Binarizer", kClassic},
    {"ai.onnx.ml", "CastMap", kClassic},
    {"ai.onnx.ml", "CategoryMapper", kStrings},
    {"ai.onnx.ml", "DictVectorizer", kClassic},
    {"ai.onnx.ml", "FeatureVectorizer", kClassic},
    {"ai.onnx.ml", "Imputer", kClassic},
    {"ai.onnx.ml", "LabelEncoder", kStrings},
    {"ai.onnx.ml", "LinearClassifier", kClassic},
    {"ai.onnx.ml", "LinearRegressor", kClassic},
    {"ai.onnx.ml", "Normalizer", kClassic},
    {"ai.onnx.ml", "OneHotEncoder", kClassic},
    {"ai.onnx.ml", "SVMClassifier", kClassic},
    {"ai.onnx.ml", "SVMRegressor", kClassic},
    {"ai.onnx.ml", "Scaler", kClassic},
    {"ai.onnx.ml", "TreeEnsemble", kClassic},
    {"ai.onnx.ml", "TreeEnsembleClassifier", kClassic},
    {"ai.onnx.ml", "TreeEnsembleRegressor", kClassic},
    {"ai.onnx.ml", "ZipMap", "makes maps of class probabilities; export with zipmap off"},
    {"ai.onnx.preview.training", "Adagrad", kTraining},
    {"ai.onnx.preview.training", "Adam", kTraining},
    {"ai.onnx.preview.training", "Gradient", kTraining},
    {"ai.onnx.preview.training", "Momentum", kTraining},
};

}  // namespace

std::string why_unknown(std::string_view domain, std::string_view op, int64_t version) {
  const std::string_view plain = plain_domain(domain);
  for (const Refused& refused : kRefused)
    if (plain == refused.domain && op == refused.op) return refused.why;
  for (const OpRule* rule : all_rules())
    if (rule->op == op && rule->domain == plain && rule->since > version)
      return "the operator is known from version " + std::to_string(rule->since) + " on";
  if (plain == "com.microsoft")
    return "a fusion of ONNX Runtime that is not known; give the model as it was before ONNX Runtime optimized it";
  if (!plain.empty() && plain != "ai.onnx.ml" && plain != "ai.onnx.preview.training")
    return "an operator of another domain, of which the model brings no function";
  return "no such operator is known";
}

std::vector<RefusedOp> refused_onnx_ops() {
  std::vector<RefusedOp> result;
  for (const Refused& refused : kRefused) result.push_back({refused.domain, refused.op, refused.why});
  return result;
}

}  // namespace motley::convert
