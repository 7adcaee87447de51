// Which symbols libmotley shows.
#pragma once

#if defined(_WIN32)
#define MOTLEY_API __declspec(dllexport)
#else
#define MOTLEY_API __attribute__((visibility("default")))
#endif
