// The reference backend's entry point.
#include "motley/plugin.hpp"

#include "device.hpp"

MOTLEY_PLUGIN("reference", motley::reference::ReferenceBackend)
