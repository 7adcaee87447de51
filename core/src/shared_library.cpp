// The shared library is made of motley_core; a CMake target needs a source of its own.
