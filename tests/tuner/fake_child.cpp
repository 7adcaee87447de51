// A worker that does to each config what the config says. It sleeps for no time and reports made-up ones.
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "worker/message.hpp"

namespace {

std::string after(const std::string& config, const std::string& key) {
  const std::string text = "," + config, mark = "," + key + "=";
  const size_t at = text.find(mark);
  if (at == std::string::npos) return "";
  const size_t begin = at + mark.size();
  return text.substr(begin, text.find(',', begin) - begin);
}

nlohmann::json answer(const nlohmann::json& request) {
  const std::string config = request.at("config"), what = request.at("do"), fault = after(config, "fault");
  std::printf("a driver that chatters on standard output\n");
  const bool now = after(config, "in").empty() || after(config, "in") == what;
  static int requests = 0;
  ++requests;
  if (now && fault == "crash") ::abort();
  if (now && fault == "used" && requests > 1) ::abort();  // as what was open before might
  if (now && fault == "exit") ::_exit(5);
  if (now && fault == "hang")
    for (;;) ::sleep(1000);
  if (now && fault == "garbage") {
    const char text[] = "\x05\0\0\0hello";
    if (::write(motley::tuner::kReplyDescriptor, text, 9) != 9) ::_exit(1);
  }
  if (now && fault == "flood") {
    const std::string large(8, '\xff');
    if (::write(motley::tuner::kReplyDescriptor, large.data(), large.size()) < 0) ::_exit(1);
  }
  if (now && fault == "wrong") return {{"ending", "wrong"}, {"reason", "element 3 is 1 and not 2"}};
  if (now && fault == "invalid") return {{"ending", "invalid"}, {"reason", "too much local memory"}};
  if (now && fault == "throw") throw std::runtime_error("the plugin threw");
  if (what == "check") return {{"ending", "measured"}};
  if (now && fault == "timeless") return nlohmann::json::object();
  return {{"ns", std::stod(after(config, "t"))}};
}

}  // namespace

int main() {
  motley::tuner::serve(answer);
  return 0;
}
