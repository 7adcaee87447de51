# Bundles src/ and the packages in MODULES into PAGE; an empty PAGE where there are no packages.
if(EXISTS ${MODULES}/failed)
  file(WRITE ${PAGE} "")
  return()
endif()
execute_process(COMMAND ${NODE} ${SOURCE}/build.mjs ${MODULES} ${PAGE} RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "the report's page could not be bundled (${result}); see the lines above")
endif()
