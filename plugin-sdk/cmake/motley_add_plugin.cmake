# motley_add_plugin(ID sources… [MANIFEST file]): the library libmotley_ID.so and its manifest ID.json, side by side in
# ${CMAKE_BINARY_DIR}/plugins, and installed into lib/motley/plugins.
#
# The target is motley_ID. The manifest is made from MANIFEST (default: manifest.json.in beside the caller) whenever the
# library is linked, because it carries the library's SHA-256.
set(MOTLEY_WRITE_MANIFEST ${CMAKE_CURRENT_LIST_DIR}/write_manifest.cmake)

function(motley_add_plugin id)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "MANIFEST" "")
  if(NOT arg_MANIFEST)
    set(arg_MANIFEST ${CMAKE_CURRENT_SOURCE_DIR}/manifest.json.in)
  endif()
  include(GNUInstallDirs)
  set(target motley_${id})
  set(folder ${CMAKE_BINARY_DIR}/plugins)
  set(installed ${CMAKE_INSTALL_LIBDIR}/motley/plugins)
  set(arguments -DTEMPLATE=${arg_MANIFEST} -DVERSION=${PROJECT_VERSION} -DARCHITECTURE=${CMAKE_SYSTEM_PROCESSOR}
      -P ${MOTLEY_WRITE_MANIFEST})

  add_library(${target} MODULE ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${target} PRIVATE motley::plugin-sdk)
  # Only the entry point is visible, so that plugins don't meet each other's symbols.
  set_target_properties(${target} PROPERTIES PREFIX lib LIBRARY_OUTPUT_DIRECTORY ${folder} CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -DLIBRARY=$<TARGET_FILE:${target}> -DOUTPUT=${folder}/${id}.json ${arguments} VERBATIM)

  install(TARGETS ${target} LIBRARY DESTINATION ${installed})
  # Installing may strip the library or change its search path, so the hash is taken again from what was installed.
  install(CODE "set(folder \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${installed}\")
    execute_process(COMMAND \"${CMAKE_COMMAND}\" \"-DLIBRARY=\${folder}/$<TARGET_FILE_NAME:${target}>\"
      \"-DOUTPUT=\${folder}/${id}.json\" \"-DTEMPLATE=${arg_MANIFEST}\" \"-DVERSION=${PROJECT_VERSION}\"
      \"-DARCHITECTURE=${CMAKE_SYSTEM_PROCESSOR}\" -P \"${MOTLEY_WRITE_MANIFEST}\" COMMAND_ERROR_IS_FATAL ANY)")
endfunction()
