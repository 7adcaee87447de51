// Discovery and loading, with libraries that have one fault each.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/sha256.hpp"
#include "base/thread_pool.hpp"
#include "motley/error.hpp"
#include "plugin/elf.hpp"
#include "plugin/places.hpp"
#include "plugin/registry.hpp"

namespace motley::plugin {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Sets or (null) unsets a variable, and puts it back.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = getenv(name)) before_ = before;
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Variable() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

class DiscoveryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "motley_plugins_XXXXXX";
    folder = fs::canonical(mkdtemp(pattern.data()));
  }
  void TearDown() override { fs::remove_all(folder); }

  // A copy, so that each test loads a library of its own.
  fs::path copy(const std::string& library, const std::string& as) const {
    fs::create_directories((folder / as).parent_path());
    fs::copy_file(fs::path(TEST_PLUGIN_FOLDER) / (library + ".so"), folder / as);
    return folder / as;
  }
  static json manifest(const std::string& library) {
    return {{"schema", "motley.plugin/1"},
            {"id", "testing"},
            {"vendor", "Test"},
            {"version", "1.2.3"},
            {"abi", {{"major", MOTLEY_ABI_MAJOR}, {"min_minor", 0}, {"max_minor", MOTLEY_ABI_MINOR}}},
            {"library", library}};
  }
  fs::path write(const std::string& name, const json& document) const {
    std::ofstream(folder / name) << document.dump();
    return folder / name;
  }
  // A library with a fault and its manifest.
  fs::path install(const std::string& fault, const std::string& name = "p") const {
    copy(fault, name + ".so");
    return write(name + ".json", manifest(name + ".so"));
  }
  Registry discover_here(DiscoveryOptions options = {}) const {
    if (options.files.empty() && options.folders.empty()) options.folders = {folder};
    options.standard_places = false;
    return discover(options);
  }
  std::string reason_for(const std::string& fault) const {
    install(fault, fault);
    const Registry registry = discover_here();
    EXPECT_EQ(registry.reports.size(), 1u);
    EXPECT_FALSE(registry.reports.at(0).loaded);
    EXPECT_TRUE(registry.devices.empty());
    return registry.reports.at(0).reason;
  }

  fs::path folder;
  Variable no_select{"MOTLEY_PLUGINS_SELECT", nullptr}, no_disable{"MOTLEY_PLUGINS_DISABLE", nullptr};
};

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST_F(DiscoveryTest, AGoodPluginGivesItsDevices) {
  install("none");
  const Registry registry = discover_here();
  ASSERT_EQ(registry.reports.size(), 1u);
  const PluginReport& report = registry.reports[0];
  EXPECT_TRUE(report.loaded) << report.reason;
  EXPECT_EQ(report.id, "testing");
  EXPECT_EQ(report.version, "1.2.3");
  EXPECT_EQ(report.vendor, "Test");
  EXPECT_EQ(report.manifest, folder / "p.json");
  EXPECT_EQ(report.library, folder / "p.so");
  EXPECT_EQ(report.devices, (std::vector<std::string>{"testing", "testing:npu1"}))
      << "by index, whatever order the plugin uses";
  ASSERT_EQ(registry.devices.size(), 2u);
  EXPECT_EQ(registry.devices[1]->info().kind, MOTLEY_DEVICE_NPU);
  motley_device* const handle = registry.devices[1]->handle();
  EXPECT_NE(handle, nullptr);
  EXPECT_EQ(registry.devices[1]->handle(), handle) << "opened once";
}

TEST_F(DiscoveryTest, RegistriesShareAPluginAndItsDevices) {
  install("none");
  const Registry first = discover_here();
  const Registry second = discover_here();
  ASSERT_EQ(second.devices.size(), 2u) << second.reports.at(0).reason;
  EXPECT_EQ(first.devices[0].get(), second.devices[0].get());
}

TEST_F(DiscoveryTest, SeveralThreadsMayDiscoverAtOnce) {
  install("none");
  std::vector<std::thread> threads;
  std::vector<Registry> registries(4);
  for (Registry& registry : registries)
    threads.emplace_back([&] {
      registry = discover_here();
      registry.devices.at(0)->handle();
    });
  for (std::thread& thread : threads) thread.join();
  for (const Registry& registry : registries)
    EXPECT_EQ(registry.devices.at(0)->handle(), registries[0].devices.at(0)->handle());
}

TEST_F(DiscoveryTest, ALibraryMayBeNamedWithoutAManifest) {
  const fs::path library = copy("none", "direct.so");
  const Registry registry = discover_here({.files = {library}});
  ASSERT_EQ(registry.devices.size(), 2u) << registry.reports.at(0).reason;
  EXPECT_EQ(registry.reports[0].id, "testing");
  EXPECT_EQ(registry.reports[0].library, library);
}

TEST_F(DiscoveryTest, EachFaultOfALibraryIsSaid) {
  const struct {
    const char *fault, *expected;
  } cases[] = {
      {"no_symbol", "no symbol motley_plugin_entry"},
      {"null_entry", "its entry returned NULL"},
      {"throwing_entry", "an exception left the plugin"},
      {"wrong_major", "another ABI version (7.0"},
      {"newer_minor", "another ABI version (0.2"},
      {"missing_submit", "submit is NULL"},
      {"no_id", "gives no id"},
      {"tiny_struct", "wrong struct_size (12)"},
      {"init_fails", "could not start (UNSUPPORTED: the driver is too old)"},
      {"enumerate_fails", "could not list its devices (DEVICE_LOST: the bus does not answer)"},
      {"enumerate_throws", "thrown across the border"},
      {"same_device_twice", "two devices of one id or index (testing)"},
      {"nameless_device", "a device with no id"},
  };
  for (const auto& c : cases) {
    expect_contains(reason_for(c.fault), c.expected);
    expect_contains(discover_here().reports.at(0).reason, c.expected);  // and again, without starting it twice
    fs::remove(folder / (std::string(c.fault) + ".json"));
  }
}

TEST_F(DiscoveryTest, FieldsPastThePluginsStructAreZero) {
  install("older_struct");
  const Registry registry = discover_here();
  ASSERT_EQ(registry.devices.size(), 2u) << registry.reports.at(0).reason;
  EXPECT_EQ(registry.devices[0]->api().profile_read, nullptr);
  EXPECT_NE(registry.devices[0]->api().submit, nullptr);
}

TEST_F(DiscoveryTest, DeviceTextsAreTerminated) {
  install("unterminated_name");
  const Registry registry = discover_here();
  ASSERT_EQ(registry.devices.size(), 2u);
  EXPECT_EQ(std::strlen(registry.devices[0]->info().name), sizeof(motley_device_info::name) - 1);
}

TEST_F(DiscoveryTest, OpeningADeviceMayFail) {
  for (const auto& [fault, expected] :
       {std::pair{"open_fails", "(BUSY: somebody else uses it)"}, {"open_gives_null", "it returned no handle"}}) {
    install(fault, fault);
    const Registry registry = discover_here({.files = {folder / (std::string(fault) + ".json")}});
    ASSERT_EQ(registry.devices.size(), 2u);
    try {
      registry.devices[0]->handle();
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::plugin);
      expect_contains(error.what(), expected);
    }
  }
}

TEST_F(DiscoveryTest, FilesThatAreNoPluginsAreSaidToBe) {
  write("a.json", manifest("gone.so"));
  std::ofstream(folder / "text.so") << "this is no library at all, but it is long enough";
  write("b.json", manifest("text.so"));
  copy("none", "other_machine.so");
  {
    std::fstream file(folder / "other_machine.so", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(18).put(
        static_cast<char>(host_machine() == machine_of("arm64") ? machine_of("x86_64") : machine_of("arm64")));
  }
  write("c.json", manifest("other_machine.so"));
  std::ofstream(folder / "d.json") << "{";
  fs::create_directory(folder / "e.json");
  const Registry registry = discover_here();
  ASSERT_EQ(registry.reports.size(), 5u);
  const char* const expected[] = {"not there", "not a shared library", "this process is", "not valid JSON",
                                  "not an ordinary file"};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_FALSE(registry.reports[i].loaded);
    expect_contains(registry.reports[i].reason, expected[i]);
  }
}

TEST_F(DiscoveryTest, ACutLibraryIsRefusedBeforeItIsLoaded) {
  const fs::path library = copy("none", "cut.so");
  for (uintmax_t size = fs::file_size(library); size > 64; size /= 2) {
    fs::resize_file(library, size / 2);
    expect_contains(discover_here({.files = {library}}).reports.at(0).reason,
                    size / 2 < 20 ? "not a shared" : "cut short");
  }
}

TEST_F(DiscoveryTest, WhatTheLoaderRefusesIsSaidInItsWords) {
  const fs::path library = copy("none", "broken.so");
  {
    std::fstream file(library, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20).put(9);  // e_version
  }
  expect_contains(discover_here({.files = {library}}).reports.at(0).reason, "cannot be loaded (");
}

TEST_F(DiscoveryTest, TheHashMustBeThatOfTheLibrary) {
  const fs::path library = copy("none", "p.so");
  std::ifstream file(library, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  json document = manifest("p.so");
  document["sha256"] = std::string(64, '0');
  write("p.json", document);
  expect_contains(discover_here().reports.at(0).reason, "not the one that its manifest vouches for");
  document["sha256"] = base::sha256_hex(bytes.data(), bytes.size());
  write("p.json", document);
  const Registry registry = discover_here();
  ASSERT_TRUE(registry.reports.at(0).loaded) << registry.reports[0].reason;
  EXPECT_EQ(registry.devices.at(0)->plugin().library_path, library) << "by its name, not by the descriptor's";
}

// The loader knows verified libraries by the number of a descriptor; each must get one of its own.
TEST_F(DiscoveryTest, SeveralVerifiedLibrariesAreNotMixedUp) {
  for (const char* fault : {"older_struct", "none"}) {
    const fs::path library = copy(fault, std::string(fault) + ".so");
    std::ifstream file(library, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    json document = manifest(std::string(fault) + ".so");
    document["sha256"] = base::sha256_hex(bytes.data(), bytes.size());
    write(std::string(fault) + ".json", document);
  }
  const Registry older = discover_here({.files = {folder / "older_struct.json"}});
  const Registry whole = discover_here({.files = {folder / "none.json"}});
  ASSERT_EQ(older.devices.size(), 2u);
  ASSERT_EQ(whole.devices.size(), 2u);
  EXPECT_LT(older.devices[0]->api().struct_size, whole.devices[0]->api().struct_size);
}

TEST_F(DiscoveryTest, AnotherIdThanTheManifestsIsRefused) {
  copy("none", "p.so");
  json document = manifest("p.so");
  document["id"] = "other";
  write("p.json", document);
  expect_contains(discover_here().reports.at(0).reason, "another plugin (testing) than its manifest says (other)");
}

TEST_F(DiscoveryTest, ALibraryThatChangedUnderUsIsNotMixedWithTheOldOne) {
  install("none");
  ASSERT_TRUE(discover_here().reports.at(0).loaded);
  fs::last_write_time(folder / "p.so", fs::last_write_time(folder / "p.so") + std::chrono::seconds(5));
  expect_contains(discover_here().reports.at(0).reason, "has changed since this process loaded it");
  // Another file of that name, as package managers install updates.
  copy("none", "new.so");
  fs::rename(folder / "new.so", folder / "p.so");
  expect_contains(discover_here().reports.at(0).reason, "has changed since this process loaded it");
}

TEST_F(DiscoveryTest, OfOneIdTheFirstThatLoadsWins) {
  install("init_fails", "a");
  install("none", "b");
  install("none", "c");
  const Registry registry = discover_here();
  ASSERT_EQ(registry.reports.size(), 3u);
  EXPECT_FALSE(registry.reports[0].loaded) << "a broken one hides nothing";
  EXPECT_TRUE(registry.reports[1].loaded) << registry.reports[1].reason;
  EXPECT_FALSE(registry.reports[2].loaded);
  expect_contains(registry.reports[2].reason, "shadowed by the one found before it at " + (folder / "b.json").string());
  EXPECT_EQ(registry.devices.size(), 2u);
}

TEST_F(DiscoveryTest, GlobsSelectAndDisable) {
  install("none");
  EXPECT_TRUE(discover_here({.folders = {folder}, .select = {"test*"}}).reports.at(0).loaded);
  expect_contains(discover_here({.folders = {folder}, .select = {"cpu", "gpu"}}).reports.at(0).reason, "selects");
  expect_contains(discover_here({.folders = {folder}, .disable = {"t?sting"}}).reports.at(0).reason, "disabled");
  {
    const Variable select("MOTLEY_PLUGINS_SELECT", "cpu,test*");
    EXPECT_TRUE(discover_here().reports.at(0).loaded);
    EXPECT_FALSE(discover_here({.folders = {folder}, .select = {"cpu"}}).reports.at(0).loaded)
        << "both lists must agree";
  }
  const Variable disable("MOTLEY_PLUGINS_DISABLE", "x,testing");
  expect_contains(discover_here().reports.at(0).reason, "disabled");
}

TEST_F(DiscoveryTest, PlacesAreSearchedInOrder) {
  const auto touch = [&](const std::string& name) {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << "{}";
    return folder / name;
  };
  const fs::path user = touch("user/motley/plugins/u.json");
  const fs::path named = touch("named.json"), added = touch("added.json"), in_folder_b = touch("extra/b.json"),
                 in_folder_a = touch("extra/a.json");
  touch("extra/no_manifest.txt");
  const Variable data("XDG_DATA_HOME", (folder / "user").c_str());
  const Variable none("MOTLEY_PLUGIN_FILES", nullptr);
  const Variable more("MOTLEY_ADD_PLUGIN_FILES", (added.string() + ":" + named.string() + ":relative.json").c_str());
  std::vector<fs::path> paths;
  std::string problem;
  for (const Candidate& c : candidates({.files = {named}, .folders = {folder / "extra"}})) {
    if (c.problem.empty()) paths.push_back(c.path);
    else problem = c.problem;
  }
  ASSERT_GE(paths.size(), 5u);
  paths.resize(5);  // then the system folder's
  EXPECT_EQ(paths, (std::vector<fs::path>{named, in_folder_a, in_folder_b, added, user}));
  expect_contains(problem, "\"relative.json\" in MOTLEY_ADD_PLUGIN_FILES is a relative path");

  const Variable only("MOTLEY_PLUGIN_FILES", added.c_str());
  paths.clear();
  for (const Candidate& c : candidates({.files = {named}})) paths.push_back(c.path);
  EXPECT_EQ(paths, (std::vector<fs::path>{named, added})) << "MOTLEY_PLUGIN_FILES stands for all other standard places";
  EXPECT_TRUE(candidates({.standard_places = false}).empty());
  EXPECT_EQ(
      candidates({.folders = {folder / "none"}, .standard_places = false}).at(0).problem.rfind("the plugin folder", 0),
      0u);
}

// Programs of a build lie in bin, plugins in lib/motley/plugins beside it, wherever the program is started from.
TEST_F(DiscoveryTest, TheSystemFolderIsFoundFromTheProgramsFile) {
  // As installed: the program in bin, the plugins in lib/motley/plugins beside it.
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path();
  const fs::path plugins = program.parent_path() / "lib" / "motley" / "plugins";
  fs::create_directories(plugins);
  const fs::path before = fs::current_path();
  fs::current_path(folder);
  EXPECT_EQ(fs::canonical(system_folder()), fs::canonical(plugins));
  fs::current_path(before);
}

TEST(Host, GivesThreadsClockAndPath) {
  const motley_host& host = host_for("/somewhere/libx.so");
  EXPECT_EQ(&host, &host_for("/somewhere/libx.so"));
  EXPECT_NE(&host, &host_for("/elsewhere/libx.so"));
  EXPECT_STREQ(host.plugin_path, "/somewhere/libx.so");
  EXPECT_EQ(host.abi_version, MOTLEY_ABI_VERSION);
  const uint64_t before = host.clock_ns(host.context);
  EXPECT_LE(before, host.clock_ns(host.context));
  EXPECT_EQ(host.worker_count(host.context), base::ThreadPool::shared().capacity());
  std::vector<int> seen(100);
  host.parallel_for(
      host.context, 100, [](void* context, uint64_t i, uint32_t) { static_cast<int*>(context)[i] = 1; }, seen.data());
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 100);
  host.log(host.context, MOTLEY_LOG_DEBUG, "below the threshold");
  host.log(host.context, static_cast<motley_log_level>(77), nullptr);
}

}  // namespace
}  // namespace motley::plugin
