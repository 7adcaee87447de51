# cmake --install: what find_package(motley) and find_package(motley-plugin-sdk) find, and the documents.
#
# Components: runtime (libmotley), planner, tables and patterns (libmotley_planner, _tables, _patterns), plugins, sdk (headers, template,
# checker), tools (the command line).
include(CMakePackageConfigHelpers)
set(motley_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/motley)
set(motley_sdk_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/motley-plugin-sdk)

# For apps: libmotley and its public headers.
install(TARGETS motley EXPORT motley-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT sdk
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# Loaded by libmotley, which looks for it beside itself; nothing links it. Its own component, because apps with one device
# leave it out.
install(TARGETS motley_planner LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT planner)
# Likewise, for apps that name a dispatch table, and for those with quantized or unrolled recurrent networks.
install(TARGETS motley_tables LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT tables)
install(TARGETS motley_patterns LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT patterns)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/core/include/motley DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk
  FILES_MATCHING PATTERN *.hpp)
install(EXPORT motley-targets NAMESPACE motley:: DESTINATION ${motley_cmake_dir} COMPONENT sdk)

# For plugin authors: the ABI, the C++ helper, the schema's header, the template.
set_target_properties(motley-plugin-sdk PROPERTIES EXPORT_NAME plugin-sdk)
set_target_properties(motley_schema PROPERTIES EXPORT_NAME plugin-schema)
install(TARGETS motley-plugin-sdk motley_schema EXPORT motley-plugin-sdk-targets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/plugin-sdk/include/motley DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk
  FILES_MATCHING PATTERN *.h PATTERN *.hpp)
install(EXPORT motley-plugin-sdk-targets NAMESPACE motley:: DESTINATION ${motley_sdk_cmake_dir} COMPONENT sdk)
install(FILES ${PROJECT_SOURCE_DIR}/plugin-sdk/cmake/write_manifest.cmake
              ${PROJECT_SOURCE_DIR}/plugin-sdk/cmake/motley_add_plugin.cmake
        DESTINATION ${motley_sdk_cmake_dir} COMPONENT sdk)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/plugin-sdk/template DESTINATION share/motley/plugin-sdk COMPONENT sdk
  PATTERN build EXCLUDE)

foreach(package motley motley-plugin-sdk)
  set(folder ${CMAKE_INSTALL_LIBDIR}/cmake/${package})
  configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/${package}-config.cmake.in
    ${CMAKE_BINARY_DIR}/${package}-config.cmake INSTALL_DESTINATION ${folder}
    PATH_VARS CMAKE_INSTALL_BINDIR)
  # Before 1.0 a minor version may break what it likes.
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/${package}-config-version.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/${package}-config.cmake ${CMAKE_BINARY_DIR}/${package}-config-version.cmake
          DESTINATION ${folder} COMPONENT sdk)
endforeach()

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)
