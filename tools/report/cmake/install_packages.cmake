# npm ci into MODULES, with what package-lock.json pins. Without REQUIRED, a failure leaves MODULES/failed and is none.
file(MAKE_DIRECTORY ${MODULES})
file(COPY ${SOURCE}/package.json ${SOURCE}/package-lock.json DESTINATION ${MODULES})
execute_process(
  COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --prefer-offline --fetch-retries=1 --fetch-timeout=60000 --loglevel=error
  WORKING_DIRECTORY ${MODULES} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT result EQUAL 0)
  if(REQUIRED)
    message(FATAL_ERROR "npm could not install the report's packages (${result}):\n${output}")
  endif()
  message("report: built without its page, npm could not install its packages; configure again to try again:\n${output}")
  file(TOUCH ${MODULES}/failed)
else()
  file(REMOVE ${MODULES}/failed)
endif()
file(TOUCH ${MODULES}/done)
