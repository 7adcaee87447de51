// What an ELF file's header says of the machine that its code is for (System V ABI, chapter 4).
#include "plugin/elf.hpp"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "base/file.hpp"
#include "base/text.hpp"

namespace motley::plugin {
namespace {

struct Machine {
  uint16_t number;
  const char* name;
  const char* architectures;  // between blanks
};
constexpr Machine kMachines[] = {
    {EM_X86_64, "x86-64", " x86_64 amd64 x64 "}, {EM_AARCH64, "AArch64", " aarch64 arm64 arm64-v8a "},
    {EM_386, "x86 (32 bit)", " x86 i386 i686 "}, {EM_ARM, "Arm (32 bit)", " arm armv7l armeabi-v7a armv8l "},
    {243, "RISC-V", " riscv64 riscv32 "},        {164, "Hexagon", " hexagon "},
    {EM_PPC64, "PowerPC", " ppc64 ppc64le "},    {258, "LoongArch", " loongarch64 "},
};

// Of this process's word size.
using FileHeader = ElfW(Ehdr);
using ProgramHeader = ElfW(Phdr);

constexpr uint8_t kHostData = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
constexpr uint8_t kHostClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;

// The loader maps what the program headers say without a look at the file's size, and a cut file then ends the process
// with SIGBUS.
bool is_whole(int descriptor, const std::string& what) {
  FileHeader header;
  if (base::read_at(descriptor, 0, &header, sizeof header, what) < sizeof header) return false;
  if (header.e_phentsize != sizeof(ProgramHeader) || header.e_phnum == 0) return false;
  std::vector<ProgramHeader> segments(header.e_phnum);
  const size_t bytes = segments.size() * sizeof(ProgramHeader);
  const uint64_t file_bytes = base::size_of_file(descriptor, what);
  if (header.e_phoff > file_bytes || bytes > file_bytes - header.e_phoff) return false;
  if (base::read_at(descriptor, header.e_phoff, segments.data(), bytes, what) < bytes) return false;
  return std::all_of(segments.begin(), segments.end(), [&](const ProgramHeader& segment) {
    return segment.p_type != PT_LOAD ||
           (segment.p_offset <= file_bytes && segment.p_filesz <= file_bytes - segment.p_offset);
  });
}

}  // namespace

uint16_t host_machine() {
#if defined(__x86_64__)
  return EM_X86_64;
#elif defined(__aarch64__)
  return EM_AARCH64;
#elif defined(__i386__)
  return EM_386;
#elif defined(__arm__)
  return EM_ARM;
#elif defined(__riscv)
  return 243;
#else
#error "Add this machine's ELF number and its row in kMachines."
#endif
}

uint16_t machine_of(const std::string& architecture) {
  for (const Machine& machine : kMachines) {
    if (architecture.find(' ') == std::string::npos &&
        std::string(machine.architectures).find(base::text(" % ", {architecture})) != std::string::npos) {
      return machine.number;
    }
  }
  return 0;
}

std::string machine_name(uint16_t number) {
  for (const Machine& machine : kMachines) {
    if (machine.number == number) return machine.name;
  }
  return base::text("machine %", {number});
}

std::string elf_reason_against(int descriptor, const std::string& what) {
  const std::string object = base::text("the library \"%\" ", {what});
  // e_ident, e_type and e_machine stand at the same place in both classes.
  uint8_t header[20];
  if (base::read_at(descriptor, 0, header, sizeof header, what) < sizeof header ||
      std::memcmp(header, ELFMAG, SELFMAG) != 0) {
    return base::text("%is not a shared library (no ELF header): name the plugin's .so file", {object});
  }
  const auto half = [&](size_t i) {
    const bool big = header[EI_DATA] == ELFDATA2MSB;
    return static_cast<uint16_t>(header[i + (big ? 1 : 0)] | header[i + (big ? 0 : 1)] << 8);
  };
  if (half(18) != host_machine()) {
    return base::text("%is built for %; this process is %: get a build for it",
                      {object, machine_name(half(18)), machine_name(host_machine())});
  }
  if (header[EI_CLASS] != kHostClass || header[EI_DATA] != kHostData) {
    return base::text("%is built for another word size or byte order than this process: get a build for %",
                      {object, machine_name(host_machine())});
  }
  if (half(16) != ET_DYN)
    return base::text("%is no shared library but another kind of ELF file: name the plugin's .so file", {object});
  if (!is_whole(descriptor, what)) return base::text("%is cut short or damaged: install it again", {object});
  return "";
}

}  // namespace motley::plugin
