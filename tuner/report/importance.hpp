// How much of the spread of a problem's times each parameter explains.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace motley::tuner {

// "a=1,b=2" as names and values; parts without '=' are left out.
std::map<std::string, std::string> parameters_of(std::string_view config);

struct Importance {
  std::string parameter;
  double share = 0;   // of the variance of log times, 0 to 1
  size_t values = 0;  // different ones among the configs
};

struct Sample {
  std::map<std::string, std::string> parameters;
  double ns = 0;  // over 0
};

// The main effect of each parameter alone, the largest first: the share of the variance of log times that lies between
// the groups of configs with the same value, less what as many groups would show by chance (epsilon squared, Kelley
// 1935). What is left of 1 is interactions and noise. Configs are not drawn evenly, so correlated parameters share what
// they explain, and the sum may pass 1. Empty for fewer than 8 samples or where all times are the same.
std::vector<Importance> importance_of(const std::vector<Sample>& samples);

}  // namespace motley::tuner
