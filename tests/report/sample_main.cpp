// report_sample FOLDER: writes net.motley, large.motley, table.json, before.json and journal into it, for the test of
// the page.
#include <cstdio>
#include <filesystem>

#include "model/model_file.hpp"
#include "motley/error.hpp"
#include "samples.hpp"
#include "table/text.hpp"

int main(int count, char** arguments) {
  using namespace motley;
  try {
    if (count != 2) throw Error(ErrorCode::invalid_argument, "usage: report_sample FOLDER");
    const std::filesystem::path folder = arguments[1];
    std::filesystem::create_directories(folder);
    std::filesystem::remove(folder / "journal");
    tuner::publish_table(tuner::sample_table(12), folder / "table.json");
    tuner::publish_table(tuner::sample_table(14, 1.4), folder / "before.json");
    tuner::write_sample_journal(folder / "journal");
    model::write_model(tuner::sample_network(80), folder / "net.motley");
    model::write_model(tuner::sample_network(260), folder / "large.motley");
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "report_sample: %s\n", error.what());
    return 1;
  }
}
