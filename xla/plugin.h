// What Go needs of PJRT's C interface, in calls that cannot fail half: see plugin.c.

#ifndef GOPHERLENS_PLUGIN_H
#define GOPHERLENS_PLUGIN_H

#include "pjrt_c_api.h"

// As many plugins have a wrapped table each; a process has one or two.
#define GOPHERLENS_PLUGINS 8

// gopherlens_text is bytes that somebody else holds.
typedef struct {
	const char *bytes;
	size_t size;
} gopherlens_text;

// gopherlens_open opens a plugin's library and returns its table, NULL if there is none.
const PJRT_Api *gopherlens_open(const char *path);

// gopherlens_wrap returns a copy of a plugin's table that compiles by gopherlensCompile, NULL if
// the plugin is of another version.
PJRT_Api *gopherlens_wrap(const PJRT_Api *real, int number);

// gopherlens_compile is the plugin's own compiler.
PJRT_Error *gopherlens_compile(const PJRT_Api *real, PJRT_Client_Compile_Args *args);

// gopherlens_keeps reports whether a plugin has what all below need.
bool gopherlens_keeps(const PJRT_Api *real);

// gopherlens_serialize gives an executable's bytes, which gopherlens_release frees. It returns
// false and frees all if the plugin cannot.
bool gopherlens_serialize(const PJRT_Api *real, PJRT_LoadedExecutable *loaded, PJRT_Executable_Serialize_Args *out);
void gopherlens_release(PJRT_Executable_Serialize_Args *serialized);

// gopherlens_load makes an executable of such bytes, NULL if the plugin cannot.
PJRT_LoadedExecutable *gopherlens_load(const PJRT_Api *real, PJRT_Client *client, const char *bytes, size_t size);

// What a client is: its platform's name and version, and how many devices it has of which kind.
bool gopherlens_platform(const PJRT_Api *real, PJRT_Client *client, gopherlens_text *name, gopherlens_text *version);
bool gopherlens_devices(const PJRT_Api *real, PJRT_Client *client, PJRT_Device *const **devices, size_t *n);
bool gopherlens_kind(const PJRT_Api *real, PJRT_Device *device, gopherlens_text *kind);

#endif
