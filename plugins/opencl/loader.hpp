// OpenCL's functions, found at run time: through the Khronos ICD loader where there is one, else in the vendor libraries that
// Android devices have. Nothing is linked, so a machine without OpenCL loads the plugin and gets an explanation.
#pragma once

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <CL/cl_ext.h>

#include <string>

namespace motley::opencl {

// X(name): every function that is needed.
#define MOTLEY_OPENCL_FUNCTIONS(X)                                                                               \
  X(clGetPlatformIDs)                                                                                            \
  X(clGetPlatformInfo) X(clGetDeviceIDs) X(clGetDeviceInfo) X(clCreateContext) X(clReleaseContext)               \
      X(clCreateCommandQueue) X(clReleaseCommandQueue) X(clCreateBuffer) X(clReleaseMemObject)                   \
          X(clCreateProgramWithSource) X(clCreateProgramWithBinary) X(clBuildProgram) X(clGetProgramBuildInfo)   \
              X(clGetProgramInfo) X(clReleaseProgram) X(clCreateKernel) X(clReleaseKernel) X(clSetKernelArg)     \
                  X(clEnqueueNDRangeKernel) X(clEnqueueMapBuffer) X(clEnqueueReadBuffer) X(clEnqueueWriteBuffer) \
                      X(clEnqueueUnmapMemObject) X(clEnqueueMarkerWithWaitList) X(clFlush) X(clFinish)           \
                          X(clWaitForEvents) X(clGetEventInfo) X(clGetEventProfilingInfo) X(clReleaseEvent)      \
                              X(clRetainEvent)

// Null where the library is older.
#define MOTLEY_OPENCL_OPTIONAL_FUNCTIONS(X) X(clCreateBufferWithProperties) X(clGetExtensionFunctionAddressForPlatform)

struct Functions {
#define MOTLEY_DECLARE(name) decltype(&::name) name = nullptr;
  MOTLEY_OPENCL_FUNCTIONS(MOTLEY_DECLARE)
  MOTLEY_OPENCL_OPTIONAL_FUNCTIONS(MOTLEY_DECLARE)
#undef MOTLEY_DECLARE
};

// Null where no library has them all; `explanation` then says what was tried. Loaded once per process. The environment
// variable MOTLEY_OPENCL_LIBRARY names another library.
const Functions* functions(std::string& explanation);

// Throws sdk::StatusError with the error's name unless `status` is CL_SUCCESS.
void check(cl_int status, const char* what);
// The same with the name of what it is about. Text is put together only on failure.
void check(cl_int status, const char* what, const std::string& name);

}  // namespace motley::opencl
