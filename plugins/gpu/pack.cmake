# include(pack.cmake): pack(FILE PACKED NAME TEXT)
# Packs FILE as PACKED, in .xz, and appends `static const uint8_t NAME[]` with that content to the variable TEXT.
function(pack file packed name text)
  file(ARCHIVE_CREATE OUTPUT ${packed} PATHS ${file} FORMAT raw COMPRESSION XZ COMPRESSION_LEVEL 9)
  file(READ ${packed} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  set(${text} "${${text}}static const uint8_t ${name}[] = {${bytes}};\n" PARENT_SCOPE)
endfunction()
