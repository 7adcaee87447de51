// The page that `motley report` fills in, as bytes within the program.
#pragma once

#include <string_view>

namespace motley::cli {

// Lives as long as the program. Empty where the packages that it needs could not be had.
std::string_view report_page();

}  // namespace motley::cli
