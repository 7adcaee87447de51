// motley.tuning/1: every config that is admitted compiles and is right, everything else is refused.
#include <algorithm>
#include <random>
#include <set>
#include <stdexcept>

#include "checks.hpp"

namespace motley::check {

namespace {

struct Parameter {
  std::string name;
  std::vector<std::string> values;
  std::string standard;
};
struct Space {
  std::vector<Parameter> parameters;
  int announced = 0;  // calls of sink.space
  uint64_t workspace_bound = 0;
};

const motley_tuning& tuning_of(Scene& scene) {
  const motley_plugin& api = scene.api();
  const auto* tuning =
      api.get_extension ? static_cast<const motley_tuning*>(api.get_extension(MOTLEY_TUNING_EXTENSION)) : nullptr;
  if (!tuning) throw Unsupported("the plugin has no " MOTLEY_TUNING_EXTENSION);
  if (!tuning->space || !tuning->config_check || !tuning->problem_key)
    throw std::runtime_error("of the functions of " MOTLEY_TUNING_EXTENSION " some are NULL; give all");
  return *tuning;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at) parts.emplace_back();
    else parts.back() += c;
  }
  return parts;
}

Space read_space(Scene& scene, const motley_graph& graph) {
  Space space;
  const motley_parameter_sink sink{
      sizeof sink, &space,
      [](void* context, const char* name, const char* values, const char* standard) {
        static_cast<Space*>(context)->parameters.push_back(
            {name ? name : "", split(values ? values : "", '|'), standard ? standard : ""});
      },
      [](void* context, uint32_t, uint64_t bound) {
        ++static_cast<Space*>(context)->announced;
        static_cast<Space*>(context)->workspace_bound = bound;
      }};
  if (call("space", [&] { return tuning_of(scene).space(scene.device().handle(), &graph, &sink); }) != MOTLEY_OK)
    throw std::runtime_error("space failed on a claimed node");
  return space;
}

motley_status admitted(Scene& scene, const motley_graph& graph, const std::string& config, ErrorBuffer& message) {
  return call("config_check", [&] {
    return tuning_of(scene).config_check(scene.device().handle(), &graph, config.c_str(), &message.error);
  });
}

void check_space(const Space& space) {
  if (space.announced != 1)
    throw std::runtime_error("the sink's space() was called " + std::to_string(space.announced) +
                             " times (once is right)");
  std::set<std::string> names;
  for (const Parameter& p : space.parameters) {
    if (p.name.empty() || p.name.find_first_of(",=|") != std::string::npos)
      throw std::runtime_error("a parameter's name is empty or has one of \",=|\" in it (\"" + p.name + "\")");
    if (!names.insert(p.name).second) throw std::runtime_error("two parameters are named \"" + p.name + "\"");
    std::set<std::string> values;
    for (const std::string& v : p.values)
      if (v.empty() || v.find_first_of(",=") != std::string::npos || !values.insert(v).second)
        throw std::runtime_error("parameter \"" + p.name + "\" has an empty, unusable or repeated value (\"" + v +
                                 "\")");
    if (!values.count(p.standard))
      throw std::runtime_error("the default of parameter \"" + p.name + "\" (\"" + p.standard +
                               "\") is none of its values");
  }
}

std::string config_text(const Space& space, const std::vector<size_t>& choice) {
  std::string text;
  for (size_t i = 0; i < space.parameters.size(); ++i)
    text += (i ? "," : "") + space.parameters[i].name + "=" + space.parameters[i].values[choice[i]];
  return text;
}

// The default, each single change of it, and points of the whole product: a sample by seed, or all of them.
std::vector<std::string> all_configs(const Space& space, const Options& options) {
  std::vector<size_t> standard;
  double product = 1;
  for (const Parameter& p : space.parameters) {
    standard.push_back(static_cast<size_t>(std::find(p.values.begin(), p.values.end(), p.standard) - p.values.begin()));
    product *= static_cast<double>(p.values.size());
  }
  std::vector<std::string> list = {config_text(space, standard)};
  if (options.depth == Depth::exhaustive && product <= 1e6) {
    std::vector<size_t> choice(standard.size());
    for (bool more = true; more;) {
      list.push_back(config_text(space, choice));
      more = false;
      for (size_t i = 0; i < choice.size() && !more; ++i) {
        more = ++choice[i] < space.parameters[i].values.size();
        if (!more) choice[i] = 0;
      }
    }
    return list;
  }
  for (size_t i = 0; i < standard.size(); ++i)
    for (size_t v = 0; v < space.parameters[i].values.size(); ++v) {
      std::vector<size_t> choice = standard;
      choice[i] = v;
      if (v != standard[i]) list.push_back(config_text(space, choice));
    }
  std::mt19937_64 random(options.seed * 7919);
  const size_t samples = options.by_depth<size_t>(6, 12, 10000);
  for (size_t s = 0; s < samples; ++s) {
    std::vector<size_t> choice;
    for (const Parameter& p : space.parameters) choice.push_back(random() % p.values.size());
    list.push_back(config_text(space, choice));
  }
  std::shuffle(list.begin() + 1, list.end(), random);
  return list;
}

// Those for case number `turn` of an op's `cases`. Cases take turns with one list, so that together they try all of it
// with several shapes each, and kernels compiled for one serve others: a kernel of its own may cost a second per
// config.
std::vector<std::string> configs(const Space& space, const Options& options, size_t turn, size_t cases) {
  const std::vector<std::string> all = all_configs(space, options);
  constexpr size_t kTrials = 240;  // of one op, and at least a few per case
  const size_t most = options.by_depth<size_t>(10, std::max<size_t>(6, kTrials / cases), all.size());
  if (all.size() <= most) return all;
  std::vector<std::string> some = {all.front()};
  for (size_t i = 0; i + 1 < most; ++i) some.push_back(all[1 + (turn * (most - 1) + i) % (all.size() - 1)]);
  return some;
}

// config_check and compile agree; an admitted config gives what the reference gives, within the scratch announced.
bool try_config(Scene& scene, const Case& c, const motley_graph& graph, const Space& space, const std::string& config) {
  ErrorBuffer message;
  if (admitted(scene, graph, config, message) != MOTLEY_OK) {
    if (message.text[0] == 0) throw std::runtime_error("config_check refuses without a reason");
    bool compiles = true;
    try {
      Program program(scene.device(), c.graph, config);
    } catch (const std::exception&) {
      compiles = false;
    }
    if (compiles) throw std::runtime_error(std::string("config_check refuses what compile takes: ") + message.text);
    return false;
  }
  Program program(scene.device(), c.graph, config);
  constexpr uint64_t kBookkeeping = 4096;
  const uint64_t scratch = program.requirements().scratch_bytes;
  if (space.workspace_bound && scratch > space.workspace_bound + kBookkeeping)
    throw std::runtime_error("it takes " + std::to_string(scratch) + " bytes of scratch; space() promised at most " +
                             std::to_string(space.workspace_bound));
  run_case(scene, c, config);
  return true;
}

int check_label(Scene& scene, const std::string& label, const std::vector<size_t>& which) {
  tuning_of(scene);
  int tried = 0;
  for (size_t turn = 0; turn < which.size(); ++turn) {
    const Case& c = scene.cases[which[turn]];
    if (!scene.refusal(c).empty()) continue;
    if (tried && scene.out_of_time()) break;
    const model::SerializedGraph serialized = model::serialize(c.graph);
    const motley_graph graph = serialized.view();
    std::string where = label + ", " + c.detail;
    try {
      const Space space = read_space(scene, graph);
      check_space(space);
      if (space.parameters.empty()) continue;
      bool first = true;
      for (const std::string& config : configs(space, scene.options, turn, which.size())) {
        where = label + ", " + c.detail + ", " + config;
        scene.reporter.stage(where);
        if (!first && scene.out_of_time()) break;
        const bool taken = try_config(scene, c, graph, space, config);
        if (first && !taken) throw std::runtime_error("the default config is refused");
        first = false;
        if (taken) scene.reporter.count(++tried);
      }
    } catch (const Unsupported&) {
      continue;  // the oracle does not define the case
    } catch (const std::exception& e) {
      throw std::runtime_error(where + ": " + e.what());
    }
  }
  if (!tried) throw Unsupported("no tuning space for the checker's cases");
  return tried;
}

// The first claimed case with parameters.
const Case& tunable(Scene& scene) {
  tuning_of(scene);
  for (const Case& c : scene.cases) {
    if (!scene.refusal(c).empty()) continue;
    const model::SerializedGraph serialized = model::serialize(c.graph);
    if (!read_space(scene, serialized.view()).parameters.empty()) return c;
  }
  throw Unsupported("the plugin offers no tuning space for the checker's cases");
}

// Unknown keys and values, and texts that are no configs: refused by config_check and by compile, without a crash.
int nonsense(Scene& scene) {
  const Case& c = tunable(scene);
  const model::SerializedGraph serialized = model::serialize(c.graph);
  const motley_graph graph = serialized.view();
  const Parameter first = read_space(scene, graph).parameters.front();
  const std::string known = first.name + "=" + first.values.front();
  int tried = 0;
  for (const std::string& config : {std::string("no_such_parameter=1"), first.name + "=no_such_value", first.name + "=",
                                    first.name, known + ",no_such_parameter=1", std::string("=,=,="), std::string(","),
                                    first.name + "=-1", first.name + "=99999999999999999999999", first.name + "=1e999",
                                    std::string(5000, 'x') + "=1", first.name + "=" + std::string(5000, '9')}) {
    const std::string shown = "\"" + config.substr(0, 60) + (config.size() > 60 ? "…" : "") + "\"";
    scene.reporter.stage("config " + shown);
    ErrorBuffer message;
    if (admitted(scene, graph, config, message) == MOTLEY_OK)
      throw std::runtime_error("config_check admits the config " + shown);
    bool compiles = true;
    try {
      Program program(scene.device(), c.graph, config);
    } catch (const std::exception& e) {
      if (std::string(e.what()).find("border") != std::string::npos) throw;
      compiles = false;
    }
    if (compiles) throw std::runtime_error("compile takes the config " + shown);
    ++tried;
  }
  return tried;
}

// Equal problems have equal keys. Different keys are asked for only where nothing of the node is the same.
int problem_keys(Scene& scene) {
  const motley_tuning& tuning = tuning_of(scene);
  const auto key_of = [&](const Case& c) {
    const model::SerializedGraph serialized = model::serialize(c.graph);
    const motley_graph graph = serialized.view();
    std::string key;
    const motley_sink sink{sizeof sink, &key, [](void* context, const void* data, uint64_t size) {
                             static_cast<std::string*>(context)->append(static_cast<const char*>(data), size);
                           }};
    if (call("problem_key", [&] { return tuning.problem_key(scene.device().handle(), &graph, &sink); }) != MOTLEY_OK)
      throw std::runtime_error(c.label + ", " + c.detail + ": problem_key failed on a claimed node");
    return key;
  };
  std::map<std::string, const Case*> seen;
  int asked = 0;
  for (size_t i = 0; i < scene.cases.size(); i += scene.options.by_depth<size_t>(5, 1, 1)) {
    const Case& c = scene.cases[i];
    if (!scene.refusal(c).empty()) continue;
    const std::string key = key_of(c);
    if (key != key_of(c)) throw std::runtime_error(c.label + ", " + c.detail + ": two keys for one problem");
    ++asked;
    if (key.empty()) continue;
    const auto [it, fresh] = seen.emplace(key, &c);
    if (!fresh && it->second->graph.nodes[0].op != c.graph.nodes[0].op)
      throw std::runtime_error("\"" + key + "\" is the key of " + it->second->label + " and of " + c.label);
  }
  if (seen.empty()) throw Unsupported("problem_key is empty for every case");
  return asked;
}

}  // namespace

void add_tuning_checks(Plan& plan) {
  plan.push_back({"tuning", "nonsense", "what is no config is refused, by config_check and compile", nonsense});
  plan.push_back({"tuning", "problem_keys", "the same problem has the same key", problem_keys});
}

void add_tuning_check(Plan& plan, const std::string& label, std::vector<size_t> which) {
  plan.push_back({"tuning", label, "every config that is admitted compiles and is right",
                  [=](Scene& scene) { return check_label(scene, label, which); }});
}

}  // namespace motley::check
