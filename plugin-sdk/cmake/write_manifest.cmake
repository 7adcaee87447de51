# cmake -DLIBRARY= -DTEMPLATE= -DOUTPUT= -DVERSION= -DARCHITECTURE= -P write_manifest.cmake
# Fills a manifest template: @LIBRARY@ (name relative to the manifest), @SHA256@, @VERSION@, @ARCHITECTURE@.
get_filename_component(LIBRARY_NAME "${LIBRARY}" NAME)
file(SHA256 "${LIBRARY}" SHA256)
set(LIBRARY "${LIBRARY_NAME}")
configure_file("${TEMPLATE}" "${OUTPUT}.tmp" @ONLY)
file(RENAME "${OUTPUT}.tmp" "${OUTPUT}")
