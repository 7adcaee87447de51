// Embeds the page. The assembler reads the file: as a literal, half a megabyte takes the compiler seconds.
#include "report_page.hpp"

__asm__(
    ".section .rodata\n"
    ".hidden motley_report_page_begin\n"
    ".global motley_report_page_begin\n"
    "motley_report_page_begin:\n"
    ".incbin \"" MOTLEY_REPORT_PAGE
    "\"\n"
    ".hidden motley_report_page_end\n"
    ".global motley_report_page_end\n"
    "motley_report_page_end:\n"
    ".byte 0\n"
    ".text\n");

extern "C" {
extern const char motley_report_page_begin[], motley_report_page_end[];
}

namespace motley::cli {

std::string_view report_page() {
  return {motley_report_page_begin, static_cast<size_t>(motley_report_page_end - motley_report_page_begin)};
}

}  // namespace motley::cli
