// Strategies by name.
#include "search/strategy.hpp"

#include "base/text.hpp"
#include "search/model_search.hpp"
#include "search/simple.hpp"

namespace motley::tuner {

std::unique_ptr<Strategy> make_strategy(const std::string& name, Candidates& candidates, const SearchOptions& options) {
  if (name == "motley") return std::make_unique<ModelSearch>(candidates, options);
  if (name == "random") return std::make_unique<Random>(candidates, options.seed);
  if (name == "local") return std::make_unique<LocalSearch>(candidates, options.seed);
  if (name == "exhaustive") return std::make_unique<Exhaustive>(candidates);
  base::fail(ErrorCode::invalid_argument, "there is no search strategy \"%\": use motley, random, local or exhaustive",
             {name});
}

}  // namespace motley::tuner
