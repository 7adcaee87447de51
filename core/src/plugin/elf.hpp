// What an ELF file's header says of the machine that its code is for.
#pragma once

#include <cstdint>
#include <string>

namespace motley::plugin {

// The e_machine number of this process.
uint16_t host_machine();
// Of a name as uname or a manifest gives it ("x86_64", "amd64", "arm64"); 0 for a name that is not known.
uint16_t machine_of(const std::string& architecture);
// "x86-64", "AArch64"; "machine 123" where there is no name.
std::string machine_name(uint16_t machine);

// Why this process can't load the file as a library; empty where nothing speaks against it. Throws Error(io).
std::string elf_reason_against(int descriptor, const std::string& what);

}  // namespace motley::plugin
