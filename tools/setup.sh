#!/bin/bash
# Installs the Debian packages that building and testing Motley needs and that are missing.
#   tools/setup.sh             for building and testing here
#   tools/setup.sh --aarch64   also for cross-compiling to 64-bit Arm and running the result in qemu
set -euo pipefail

packages=(g++ cmake ninja-build ccache pkg-config binutils
  libflatbuffers-dev flatbuffers-compiler libboost-dev nlohmann-json3-dev   # core
  libcli11-dev libfmt-dev libprotobuf-dev protobuf-compiler libonnx-dev libstb-dev   # tools
  libhwy-dev   # the cpu plugin: headers alone
  zlib1g-dev   # the tuner
  liblzma-dev   # the GPU plugins
  opencl-headers ocl-icd-opencl-dev opencl-clhpp-headers pocl-opencl-icd oclgrind clinfo   # the opencl plugin, and a driver to test it with
  libvulkan-dev mesa-vulkan-drivers vulkan-validationlayers glslc glslang-tools spirv-tools vulkan-tools   # the vulkan plugin, likewise
  libgtest-dev   # tests
  chromium fonts-dejavu-core)   # the test of the report's page
# The report's page. A node or npm from elsewhere will do; Debian's packages would not go with it.
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)
foreign=(g++-aarch64-linux-gnu qemu-user libgtest-dev:arm64)

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }
native=$(dpkg --print-architecture 2>/dev/null || true)
# "libx" means this machine's architecture or a package for all; "libx:arm64" that one.
installed() {
  local name=${1%:*} architectures="$native|all"
  if [ "$name" != "$1" ]; then architectures=${1#*:}; fi
  dpkg-query -W -f='${Architecture} ${db:Status-Status}\n' "$name" 2>/dev/null |
    grep -qxE "($architectures) installed"
}

case "${1-}" in
  '') foreign=() ;;
  --aarch64) ;;
  *) fail "there is no option $1; use --aarch64 or none" ;;
esac
command -v apt-get >/dev/null || fail "apt-get is missing; install these by your system's means: ${packages[*]}"

missing=()
for package in "${packages[@]}" ${foreign[@]+"${foreign[@]}"}; do
  installed "$package" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  say "all packages are installed"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || fail "missing packages need root to install; run as root: apt-get install ${missing[*]}"
  as_root=(sudo)
fi
root() { ${as_root[@]+"${as_root[@]}"} "$@"; }

if [ ${#foreign[@]} -gt 0 ] && ! dpkg --print-foreign-architectures | grep -qx arm64; then
  say "adding the architecture arm64"
  root dpkg --add-architecture arm64
fi
say "updating package lists"
root apt-get update -qq || fail "the package lists could not be read; check the network and /etc/apt/sources.list"
say "installing ${missing[*]}"
root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
  fail "some of these packages could not be installed: ${missing[*]}; see the lines above"
say "done"
