//go:build cgo

#include "plugin.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

// A plugin may be older than the header, with a shorter table, or newer, with a longer one: no entry
// is looked at that lies behind its end.
#define HAS(api, entry) \
	((api)->struct_size >= offsetof(PJRT_Api, entry) + sizeof((api)->entry) && (api)->entry != NULL)

#define ARGS(type, name) \
	type name; \
	memset(&name, 0, sizeof name); \
	name.struct_size = type##_STRUCT_SIZE

// ok frees an error, and says whether there was none.
static bool ok(const PJRT_Api *real, PJRT_Error *error) {
	if (error == NULL) return true;
	ARGS(PJRT_Error_Destroy_Args, args);
	args.error = error;
	real->PJRT_Error_Destroy(&args);
	return false;
}

// A compiler's entry is told nothing of its table, so each plugin has an entry of its own.
#define ENTRY(n) \
	static PJRT_Error *compile##n(PJRT_Client_Compile_Args *args) { return gopherlensCompile(n, args); }
ENTRY(0) ENTRY(1) ENTRY(2) ENTRY(3) ENTRY(4) ENTRY(5) ENTRY(6) ENTRY(7)

static PJRT_Client_Compile *const entries[GOPHERLENS_PLUGINS] = {
	compile0, compile1, compile2, compile3, compile4, compile5, compile6, compile7,
};

const PJRT_Api *gopherlens_open(const char *path) {
	void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL); // as go-xla does, so that it is one
	if (library == NULL) return NULL;
	const PJRT_Api *(*get)(void) = (const PJRT_Api *(*)(void))dlsym(library, "GetPjrtApi");
	return get == NULL ? NULL : get();
}

bool gopherlens_keeps(const PJRT_Api *real) {
	return HAS(real, PJRT_Client_PlatformName) &&
		HAS(real, PJRT_Client_PlatformVersion) &&
		HAS(real, PJRT_Client_AddressableDevices) &&
		HAS(real, PJRT_Device_GetDescription) &&
		HAS(real, PJRT_DeviceDescription_Kind) &&
		HAS(real, PJRT_Executable_Destroy) &&
		HAS(real, PJRT_Executable_Serialize) &&
		HAS(real, PJRT_Executable_DeserializeAndLoad) &&
		HAS(real, PJRT_LoadedExecutable_GetExecutable);
}

PJRT_Api *gopherlens_wrap(const PJRT_Api *real, int number) {
	if (number >= GOPHERLENS_PLUGINS || real->pjrt_api_version.major_version != PJRT_API_MAJOR ||
		!HAS(real, PJRT_Error_Destroy) || !HAS(real, PJRT_Client_Compile)) return NULL;
	// Whoever reads the table knows it as long as its own header: what a plugin lacks is NULL.
	size_t size = real->struct_size > sizeof *real ? real->struct_size : sizeof *real;
	PJRT_Api *table = calloc(1, size);
	if (table == NULL) return NULL;
	memcpy(table, real, real->struct_size);
	table->PJRT_Client_Compile = entries[number];
	return table;
}

PJRT_Error *gopherlens_compile(const PJRT_Api *real, PJRT_Client_Compile_Args *args) {
	return real->PJRT_Client_Compile(args);
}

bool gopherlens_serialize(const PJRT_Api *real, PJRT_LoadedExecutable *loaded, PJRT_Executable_Serialize_Args *out) {
	ARGS(PJRT_LoadedExecutable_GetExecutable_Args, get);
	get.loaded_executable = loaded;
	if (!ok(real, real->PJRT_LoadedExecutable_GetExecutable(&get))) return false;

	ARGS(PJRT_Executable_Serialize_Args, args);
	args.executable = get.executable;
	bool done = ok(real, real->PJRT_Executable_Serialize(&args));

	ARGS(PJRT_Executable_Destroy_Args, destroy);
	destroy.executable = get.executable;
	ok(real, real->PJRT_Executable_Destroy(&destroy));
	*out = args;
	return done;
}

void gopherlens_release(PJRT_Executable_Serialize_Args *serialized) {
	if (serialized->serialized_executable_deleter != NULL)
		serialized->serialized_executable_deleter(serialized->serialized_executable);
}

PJRT_LoadedExecutable *gopherlens_load(const PJRT_Api *real, PJRT_Client *client, const char *bytes, size_t size) {
	ARGS(PJRT_Executable_DeserializeAndLoad_Args, args);
	args.client = client;
	args.serialized_executable = bytes;
	args.serialized_executable_size = size;
	return ok(real, real->PJRT_Executable_DeserializeAndLoad(&args)) ? args.loaded_executable : NULL;
}

bool gopherlens_platform(const PJRT_Api *real, PJRT_Client *client, gopherlens_text *name, gopherlens_text *version) {
	ARGS(PJRT_Client_PlatformName_Args, n);
	n.client = client;
	ARGS(PJRT_Client_PlatformVersion_Args, v);
	v.client = client;
	if (!ok(real, real->PJRT_Client_PlatformName(&n)) || !ok(real, real->PJRT_Client_PlatformVersion(&v))) return false;
	*name = (gopherlens_text){n.platform_name, n.platform_name_size};
	*version = (gopherlens_text){v.platform_version, v.platform_version_size};
	return true;
}

bool gopherlens_devices(const PJRT_Api *real, PJRT_Client *client, PJRT_Device *const **devices, size_t *n) {
	ARGS(PJRT_Client_AddressableDevices_Args, args);
	args.client = client;
	if (!ok(real, real->PJRT_Client_AddressableDevices(&args))) return false;
	*devices = args.addressable_devices;
	*n = args.num_addressable_devices;
	return true;
}

bool gopherlens_kind(const PJRT_Api *real, PJRT_Device *device, gopherlens_text *kind) {
	ARGS(PJRT_Device_GetDescription_Args, get);
	get.device = device;
	if (!ok(real, real->PJRT_Device_GetDescription(&get))) return false;
	ARGS(PJRT_DeviceDescription_Kind_Args, args);
	args.device_description = get.device_description;
	if (!ok(real, real->PJRT_DeviceDescription_Kind(&args))) return false;
	*kind = (gopherlens_text){args.device_kind, args.device_kind_size};
	return true;
}
