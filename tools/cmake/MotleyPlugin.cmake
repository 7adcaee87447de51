# motley_add_plugin(ID sources…): a plugin library and its manifest in the plugin folder, both installed.
#
# The target is motley_ID; the manifest is made from manifest.json.in beside the caller once the library is linked,
# because it carries the library's SHA-256.
function(motley_add_plugin id)
  set(target motley_${id})
  add_library(${target} MODULE ${ARGN})
  target_link_libraries(${target} PRIVATE motley-plugin-sdk)
  set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${MOTLEY_PLUGIN_DIR})
  if(NOT MOTLEY_SANITIZE)
    target_link_options(${target} PRIVATE -Wl,--no-undefined)
  endif()
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -DLIBRARY=$<TARGET_FILE:${target}> -DTEMPLATE=${CMAKE_CURRENT_SOURCE_DIR}/manifest.json.in
            -DOUTPUT=${MOTLEY_PLUGIN_DIR}/${id}.json -DVERSION=${PROJECT_VERSION} -DARCHITECTURE=${CMAKE_SYSTEM_PROCESSOR}
            -P ${CMAKE_SOURCE_DIR}/plugin-sdk/cmake/write_manifest.cmake
    VERBATIM)
  install(TARGETS ${target} LIBRARY DESTINATION ${MOTLEY_INSTALL_PLUGIN_DIR} COMPONENT plugins)
  # Installing may strip the library, so the hash is taken again from what was installed.
  install(CODE "
    if(CMAKE_INSTALL_DO_STRIP)
      execute_process(COMMAND ${CMAKE_STRIP} \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${MOTLEY_INSTALL_PLUGIN_DIR}/$<TARGET_FILE_NAME:${target}>\")
    endif()
    execute_process(COMMAND ${CMAKE_COMMAND}
      -DLIBRARY=\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${MOTLEY_INSTALL_PLUGIN_DIR}/$<TARGET_FILE_NAME:${target}>
      -DTEMPLATE=${CMAKE_CURRENT_SOURCE_DIR}/manifest.json.in
      -DOUTPUT=\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${MOTLEY_INSTALL_PLUGIN_DIR}/${id}.json
      -DVERSION=${PROJECT_VERSION} -DARCHITECTURE=${CMAKE_SYSTEM_PROCESSOR}
      -P ${CMAKE_SOURCE_DIR}/plugin-sdk/cmake/write_manifest.cmake)" COMPONENT plugins)
endfunction()
