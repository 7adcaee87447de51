/* The Motley plugin ABI: the whole contract between the runtime (the host) and a backend (a plugin), in one C header.
 *
 * A plugin is a shared library that exports one symbol, `motley_plugin_entry`, with a JSON manifest beside it
 * (schema/plugin_manifest.schema.json). Most entries are optional and may be NULL; those a plugin must have are marked
 * (required). C++ authors will rather derive from motley/plugin.hpp, which fills all of this in.
 *
 * Conventions
 *  - Every struct that may grow begins with `struct_size`, set by who fills it (motley_bytes, motley_binding, motley_fence and
 *    motley_node_config stand in arrays and never grow). A reader copies min(size) bytes into a zeroed local
 *    and never tests for equality, so structs grow at their end within one ABI major.
 *  - Memory never changes owner. Views passed to a call live for the call, unless said otherwise. Results are written
 *    into host sinks. Strings are UTF-8, zero-terminated.
 *  - No exception and no longjmp crosses the border.
 *  - Threads: [control] calls are serialized per plugin; [queue] calls are externally synchronized per queue; [any] may
 *    come from any thread at any time.
 *  - Every function that can fail returns a motley_status and, where it takes a motley_error, writes a sentence there.
 */
#ifndef MOTLEY_PLUGIN_H
#define MOTLEY_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A plugin loads when its major equals the host's and its minor is at most the host's. */
#define MOTLEY_ABI_MAJOR 0u
#define MOTLEY_ABI_MINOR 1u
#define MOTLEY_ABI_VERSION ((MOTLEY_ABI_MAJOR << 16) | MOTLEY_ABI_MINOR)

#if defined(_WIN32)
#define MOTLEY_PLUGIN_EXPORT __declspec(dllexport)
#else
#define MOTLEY_PLUGIN_EXPORT __attribute__((visibility("default")))
#endif

/* ---- status and errors ------------------------------------------------------------------------------------------ */

typedef enum motley_status {
  MOTLEY_OK = 0,
  MOTLEY_INVALID_ARGUMENT = 1,
  MOTLEY_UNSUPPORTED = 2,
  MOTLEY_OUT_OF_MEMORY = 3,
  MOTLEY_DEVICE_LOST = 4,
  MOTLEY_TIMEOUT = 5,
  MOTLEY_INCOMPATIBLE_CACHE = 6,
  MOTLEY_CANCELLED = 7,
  MOTLEY_BUSY = 8,
  MOTLEY_INTERNAL = 9
} motley_status;

/* Host-owned room for a message. The callee writes at most `capacity` bytes including the terminating zero. */
typedef struct motley_error {
  uint32_t struct_size;
  uint32_t capacity;
  char* text;
} motley_error;

/* ---- handles: opaque, owned by the plugin ------------------------------------------------------------------------ */

typedef struct motley_device motley_device;         /* an opened device */
typedef struct motley_executable motley_executable; /* a compiled segment */
typedef struct motley_buffer motley_buffer;         /* device memory */
typedef struct motley_queue motley_queue;           /* in-order stream of work */

/* ---- what crosses as data ---------------------------------------------------------------------------------------- */

/* `size` bytes at `data`. */
typedef struct motley_bytes {
  const void* data;
  uint64_t size;
} motley_bytes;

/* A graph: a FlatBuffer of schema/model.fbs whose graphs[0] is meant, already verified by the host, and the constants that
 * Tensor.buffer indexes. `constants` stay valid as long as the executable compiled from the graph. All shapes are known. */
typedef struct motley_graph {
  uint32_t struct_size;
  uint32_t constant_count;
  motley_bytes model;
  const motley_bytes* constants;
} motley_graph;

/* Receives a text or blob. Returns nothing; the host copies during the call. */
typedef struct motley_sink {
  uint32_t struct_size;
  void* context;
  void (*write)(void* context, const void* data, uint64_t size);
} motley_sink;

/* ---- the host, as the plugin sees it ----------------------------------------------------------------------------- */

typedef enum motley_log_level { MOTLEY_LOG_DEBUG = 0, MOTLEY_LOG_INFO = 1, MOTLEY_LOG_WARNING = 2, MOTLEY_LOG_ERROR = 3 } motley_log_level;

/* Lives until the process ends. All members are [any]. */
typedef struct motley_host {
  uint32_t struct_size;
  uint32_t abi_version;
  void* context;
  void (*log)(void* context, motley_log_level level, const char* text);
  /* Monotonic clock, nanoseconds. */
  uint64_t (*clock_ns)(void* context);
  /* Calls task(task_context, i, worker) for every i in [0, count), on the calling thread and the host's workers, and returns
   * when all are done. `worker` < worker_count() and no two concurrent calls of one parallel_for share it. The task must not
   * throw. Nested calls run serially. Use this in place of own threads, so that several CPU plugins don't oversubscribe. */
  void (*parallel_for)(void* context, uint64_t count, void (*task)(void* task_context, uint64_t index, uint32_t worker),
                       void* task_context);
  uint32_t (*worker_count)(void* context);
  /* Absolute path of the plugin's own library. */
  const char* plugin_path;
} motley_host;

/* ---- devices ----------------------------------------------------------------------------------------------------- */

typedef enum motley_device_kind {
  MOTLEY_DEVICE_CPU = 0, MOTLEY_DEVICE_GPU = 1, MOTLEY_DEVICE_DSP = 2, MOTLEY_DEVICE_NPU = 3, MOTLEY_DEVICE_OTHER = 4
} motley_device_kind;

typedef enum motley_memory_flags {
  MOTLEY_MEMORY_HOST_POINTERS = 1 /* submit takes plain host pointers (motley_binding.host); no buffer_* needed */
} motley_memory_flags;

typedef struct motley_device_info {
  uint32_t struct_size;
  uint32_t index;         /* as passed to device_open */
  motley_device_kind kind;
  uint32_t memory_flags;  /* motley_memory_flags */
  char id[64];            /* unique within the plugin, stable across runs: "cpu", "gpu0" */
  char name[128];
  char vendor[64];
  double peak_gflops;       /* float32, estimate; 0: unknown */
  double bandwidth_gbps;    /* memory, estimate; 0: unknown */
  uint64_t memory_bytes;    /* 0: unknown */
  double dispatch_ns;       /* fixed cost of one kernel, estimate */
  uint32_t preferred_layouts; /* bit i: schema Layout i is preferred */
  uint32_t precisions;        /* bit i: computes in schema DataType i */
} motley_device_info;

/* ---- capability -------------------------------------------------------------------------------------------------- */

/* One kernel that could run the nodes together. Offered in addition to the per-node verdicts. */
typedef struct motley_candidate {
  uint32_t struct_size;
  uint32_t node_count;
  const uint32_t* nodes;   /* indices into graphs[0].nodes */
  uint32_t layout;         /* schema Layout of its main input and output */
  uint32_t precision;      /* schema DataType it computes in */
  double cost_ns;          /* the plugin's prior; 0: none */
  const char* config;      /* what motley_compile_options.configs say of the first of its nodes to get it; "" = default */
} motley_candidate;

/* Query never claims: a plugin answers for every node, and says why not. */
typedef struct motley_support_sink {
  uint32_t struct_size;
  void* context;
  /* `reason` is a short phrase ("float16 input not supported"), "" with MOTLEY_OK. */
  void (*node)(void* context, uint32_t node, motley_status verdict, const char* reason);
  void (*candidate)(void* context, const motley_candidate* candidate);
} motley_support_sink;

/* ---- compile ----------------------------------------------------------------------------------------------------- */

/* Tuning choice for one node: canonical "key=value,key=value" as offered by motley.tuning/1 or a candidate. */
typedef struct motley_node_config {
  uint32_t node;
  const char* config;
} motley_node_config;

typedef struct motley_compile_options {
  uint32_t struct_size;
  uint32_t config_count;
  const motley_node_config* configs;
  /* The longest time, in nanoseconds, that the executable may keep the device busy without a gap in which others can use it
   * (a screen that the same GPU draws, say). 0: the device's own default; MOTLEY_SLICE_UNLIMITED: no limit. A device that
   * nobody waits for, or that is interrupted anyway, takes no notice. What can't be cut that small may take longer, and so may
   * the first runs, until the plugin knows what its kernels take. */
  uint64_t slice_ns;
} motley_compile_options;
#define MOTLEY_SLICE_UNLIMITED UINT64_MAX

typedef struct motley_exec_requirements {
  uint32_t struct_size;
  uint32_t alignment;      /* bytes, power of two, for inputs, outputs and scratch */
  uint64_t scratch_bytes;  /* the host lends this much for each submit; its content does not survive */
  uint64_t resident_bytes; /* what the executable itself holds (packed weights), for accounting */
} motley_exec_requirements;

typedef enum motley_cache_verdict {
  MOTLEY_CACHE_OPTIMAL = 0, MOTLEY_CACHE_RECOMPILE = 1, MOTLEY_CACHE_INCOMPATIBLE = 2
} motley_cache_verdict;

/* ---- run --------------------------------------------------------------------------------------------------------- */

/* Memory of one input, output or the scratch: `host` on devices with MOTLEY_MEMORY_HOST_POINTERS, else `buffer` + `offset`. */
typedef struct motley_binding {
  motley_buffer* buffer;
  void* host;
  uint64_t offset;
  uint64_t size;
} motley_binding;

/* A point on a queue's timeline: reached once the queue's counter is >= value. */
typedef struct motley_fence {
  motley_queue* queue;
  uint64_t value;
} motley_fence;

typedef struct motley_submission {
  uint32_t struct_size;
  uint32_t input_count;
  const motley_binding* inputs;   /* in the order of graphs[0].inputs */
  const motley_binding* outputs;  /* in the order of graphs[0].outputs */
  uint32_t output_count;
  uint32_t wait_count;
  const motley_fence* waits;      /* fences of this device's queues, and of devices whose edge_caps say so */
  motley_binding scratch;
  uint64_t signal_value;          /* the queue's timeline reaches this value when the work is done */
  const uint32_t* cancel;         /* may be NULL; polled between kernels, non-zero cancels */
} motley_submission;

/* A copy between the host's memory and a device's, or between devices of one plugin. */
typedef struct motley_copy {
  uint32_t struct_size;
  uint32_t wait_count;
  motley_binding from, to;   /* each `host` or `buffer`, with an offset; the sizes are equal */
  const motley_fence* waits; /* as in a submission */
  uint64_t signal_value;     /* the queue's timeline reaches this value when the bytes are there */
} motley_copy;

/* What the host does with mapped memory; may be or-ed. */
typedef enum motley_map_access { MOTLEY_MAP_READ = 1, MOTLEY_MAP_WRITE = 2 } motley_map_access;

/* How a device works with what belongs to the host, or to another device of its plugin. */
typedef enum motley_edge_access {
  MOTLEY_EDGE_NONE = 0,   /* the host moves the bytes, through buffer_map; the host waits for the fences */
  MOTLEY_EDGE_COPY = 1,   /* `copy` moves the bytes */
  MOTLEY_EDGE_IMPORT = 2, /* buffer_import makes a buffer over the bytes, and kernels are fast on it (host memory only) */
  MOTLEY_EDGE_NATIVE = 3  /* the other's buffers are bound as the device's own; its fences stand in `waits` (devices only) */
} motley_edge_access;

typedef struct motley_edge_caps {
  uint32_t struct_size;
  uint32_t read;  /* motley_edge_access to memory that the other wrote */
  uint32_t write; /* to memory that the other will read */
  uint32_t wait;  /* for the other's fences: NATIVE or NONE */
} motley_edge_caps;

typedef struct motley_profile_row {
  uint32_t struct_size;
  uint32_t node;          /* index into the segment's nodes */
  uint64_t begin_ns, end_ns; /* on the host's clock */
  const char* kernel;     /* lives as long as the executable */
} motley_profile_row;

typedef struct motley_profile_sink {
  uint32_t struct_size;
  void* context;
  void (*row)(void* context, const motley_profile_row* row);
} motley_profile_sink;

/* ---- the plugin -------------------------------------------------------------------------------------------------- */

typedef struct motley_plugin {
  uint32_t struct_size;
  uint32_t abi_version;
  const char* id;       /* "cpu"; equals the manifest's */
  const char* version;  /* semantic */
  const char* build_id; /* changes with every build whose kernels differ */

  /* [control] Called once, before anything below. Optional. */
  motley_status (*init)(motley_error* error);
  /* [control] Called once, at the end; joins every thread the plugin started. Optional. */
  void (*shutdown)(void);
  /* [any] A struct that the id defines ("motley.tuning/1"), or NULL for an unknown id. Optional. */
  const void* (*get_extension)(const char* id);

  /* [control] (required) Calls found(context, info) for each device that is usable now. */
  motley_status (*enumerate_devices)(void* context, void (*found)(void* context, const motley_device_info* info),
                                     motley_error* error);
  /* [control] (required) */
  motley_status (*device_open)(uint32_t index, motley_device** device, motley_error* error);
  /* [control] (required) After all its executables, buffers and queues were released. */
  void (*device_close)(motley_device* device);
  /* [control] "class key=value" lines, class one of hw, driver, kernels; no serial numbers. Optional. */
  motley_status (*device_fingerprint)(motley_device* device, const motley_sink* sink);

  /* [any] (required) */
  motley_status (*query_support)(motley_device* device, const motley_graph* graph, const motley_support_sink* sink,
                                 motley_error* error);
  /* [any] Estimated nanoseconds of one node, a prior for when nothing was measured. Optional. */
  motley_status (*estimate_cost)(motley_device* device, const motley_graph* graph, uint32_t node, double* cost_ns);

  /* [any] (required) Compiles graphs[0] as one segment. */
  motley_status (*compile)(motley_device* device, const motley_graph* segment, const motley_compile_options* options,
                           motley_executable** executable, motley_error* error);
  /* [any] Optional; without it alignment is 64 and scratch 0. */
  motley_status (*exec_requirements)(motley_executable* executable, motley_exec_requirements* requirements);
  /* [any] Cache: bytes from which exec_import makes the same executable again. Optional. */
  motley_status (*exec_export)(motley_executable* executable, const motley_sink* sink, motley_error* error);
  motley_cache_verdict (*cache_verdict)(motley_device* device, motley_bytes cache);
  motley_status (*exec_import)(motley_device* device, const motley_graph* segment, motley_bytes cache,
                               motley_executable** executable, motley_error* error);
  /* [any] (required) No submission of it is pending. */
  void (*exec_release)(motley_executable* executable);

  /* [any] Device memory; all four, or none on devices with MOTLEY_MEMORY_HOST_POINTERS. buffer_import is optional: a buffer
   * over host memory, which outlives it. buffer_map of one gives that memory back; from map to unmap it belongs to the host, and
   * otherwise to the device. What neither writes, both may read at any time. */
  motley_status (*buffer_alloc)(motley_device* device, uint64_t size, motley_buffer** buffer, motley_error* error);
  motley_status (*buffer_import)(motley_device* device, void* host, uint64_t size, motley_buffer** buffer, motley_error* error);
  motley_status (*buffer_map)(motley_buffer* buffer, void** host, motley_error* error);
  void (*buffer_unmap)(motley_buffer* buffer);
  void (*buffer_release)(motley_buffer* buffer);

  /* [any] Optional, all of queue_* or none: without them submit gets a NULL queue and is synchronous. */
  motley_status (*queue_create)(motley_device* device, motley_queue** queue, motley_error* error);
  void (*queue_destroy)(motley_queue* queue);
  /* [any] Waits until the queue's timeline reaches value. timeout_ns 0 polls. MOTLEY_TIMEOUT if it does not. */
  motley_status (*fence_wait)(motley_queue* queue, uint64_t value, uint64_t timeout_ns, motley_error* error);

  /* [queue] (required) Starts the segment. With a NULL queue it has finished on return. */
  motley_status (*submit)(motley_device* device, motley_queue* queue, motley_executable* executable,
                          const motley_submission* submission, motley_error* error);
  /* [queue] Per-kernel times of the executable's last submission; profiling is on from the first call. Optional. */
  motley_status (*profile_read)(motley_executable* executable, const motley_profile_sink* sink);

  /* [any] How `device` works with `other`, a device of this plugin, or NULL for the host. A hint: what it promises may still
   * be refused, and then the host moves the bytes. Without it everything is MOTLEY_EDGE_NONE. Optional. */
  motley_status (*edge_caps)(motley_device* device, motley_device* other, motley_edge_caps* caps);
  /* [queue] Starts a copy on a queue of `device`, in order with its submissions. Optional. */
  motley_status (*copy)(motley_device* device, motley_queue* queue, const motley_copy* copy, motley_error* error);

  /* [any] buffer_map for what the host means to do (motley_map_access), so that memory that the host reads slowly, or
   * not at all, is copied one way only. For READ alone the host changes nothing. For WRITE alone it does not read, and
   * all that the buffer held is lost. Optional; buffer_map is for both. */
  motley_status (*buffer_map_for)(motley_buffer* buffer, uint32_t access, void** host, motley_error* error);
} motley_plugin;

/* The one exported symbol. Pure and cheap: no device is touched. NULL: the plugin cannot work with this host. The host
 * struct and the result live until the process ends. */
MOTLEY_PLUGIN_EXPORT const motley_plugin* motley_plugin_entry(uint32_t host_abi_version, const motley_host* host);
typedef const motley_plugin* (*motley_plugin_entry_fn)(uint32_t host_abi_version, const motley_host* host);

/* ---- extension motley.tuning/1 ------------------------------------------------------------------------------------ */

#define MOTLEY_TUNING_EXTENSION "motley.tuning/1"

typedef struct motley_parameter_sink {
  uint32_t struct_size;
  void* context;
  /* A parameter, its admissible values as "v1|v2|v3", and its default. */
  void (*parameter)(void* context, const char* name, const char* values, const char* default_value);
  /* Once per space: revision, and an upper bound in bytes on scratch for any config (0: not known). */
  void (*space)(void* context, uint32_t space_rev, uint64_t workspace_bound);
} motley_parameter_sink;

/* All [any]. `segment` holds one node. */
typedef struct motley_tuning {
  uint32_t struct_size;
  /* Canonical text of all that the kernel's speed depends on; equal problems share a measurement. */
  motley_status (*problem_key)(motley_device* device, const motley_graph* segment, const motley_sink* sink);
  motley_status (*space)(motley_device* device, const motley_graph* segment, const motley_parameter_sink* sink);
  /* MOTLEY_OK, or MOTLEY_UNSUPPORTED with a reason, without compiling. */
  motley_status (*config_check)(motley_device* device, const motley_graph* segment, const char* config, motley_error* error);
} motley_tuning;

/* ---- extension motley.external_memory/1 ---------------------------------------------------------------------------- */

/* Memory of one device that another device, of this plugin or of another one, works on in place: both drive the same physical
 * device through the same driver. The host matches their UUIDs, has one allocate, and the other import. Each side waits for
 * its own work before the host hands the memory on, so no fence crosses. */
#define MOTLEY_EXTERNAL_MEMORY_EXTENSION "motley.external_memory/1"

typedef enum motley_handle_kind {
  /* A file descriptor that the driver alone understands: VK_KHR_external_memory_fd, cl_khr_external_memory_opaque_fd. */
  MOTLEY_HANDLE_OPAQUE_FD = 1
} motley_handle_kind;

/* Which hardware a device is, the same for every API that drives it: deviceUUID and driverUUID of VkPhysicalDeviceIDProperties,
 * CL_DEVICE_UUID_KHR and CL_DRIVER_UUID_KHR. */
typedef struct motley_device_identity {
  uint32_t struct_size;
  uint32_t exports; /* bit k: memory of it can be given as a handle of motley_handle_kind k */
  uint32_t imports; /* bit k: it takes such handles */
  uint8_t device_uuid[16], driver_uuid[16];
} motley_device_identity;

typedef enum motley_handle_flags {
  MOTLEY_HANDLE_DEDICATED = 1 /* the memory was allocated for this one buffer, and the importer has to say so to the driver */
} motley_handle_flags;

typedef struct motley_memory_handle {
  uint32_t struct_size;
  uint32_t kind;         /* motley_handle_kind */
  int32_t fd;
  uint32_t flags;        /* motley_handle_flags */
  uint64_t size;         /* bytes of the buffer */
  uint64_t offset;       /* where it begins in the memory */
  uint64_t memory_size;  /* bytes of the memory, as it was allocated */
  uint32_t memory_type;  /* what the driver calls its type (Vulkan: memoryTypeIndex); UINT32_MAX: not known */
  uint8_t device_uuid[16], driver_uuid[16]; /* of the device that allocated it */
} motley_memory_handle;

/* All [any]. */
typedef struct motley_external_memory {
  uint32_t struct_size;
  /* (required) MOTLEY_UNSUPPORTED where the driver does not tell. */
  motley_status (*identity)(motley_device* device, motley_device_identity* identity);
  /* As the plugin's buffer_alloc, of memory that can be given as handles of `kind`. Required where `exports` is not 0. */
  motley_status (*buffer_alloc)(motley_device* device, uint64_t size, uint32_t kind, motley_buffer** buffer,
                                motley_error* error);
  /* A handle to a buffer that this buffer_alloc made. The descriptor is a new one that belongs to the host, which closes it;
   * the memory lives as long as the buffer or anything that was imported from the handle. Required where `exports` is not 0. */
  motley_status (*buffer_export)(motley_buffer* buffer, uint32_t kind, motley_memory_handle* handle, motley_error* error);
  /* A buffer over the memory. The descriptor stays the host's, which may close it on return: what the driver is to keep is a
   * duplicate. A handle of another device or driver, of an unknown kind, or whose buffer does not lie in its memory is refused,
   * with a sentence. The buffer outlives the one that was exported. Required where `imports` is not 0. */
  motley_status (*buffer_import)(motley_device* device, const motley_memory_handle* handle, motley_buffer** buffer,
                                 motley_error* error);
} motley_external_memory;

#ifdef __cplusplus
}
#endif
#endif
