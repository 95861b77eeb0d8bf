/* SPDX-License-Identifier: ISC */
/* Finding the functions behind our own; see real.h. */
#include <config.h>

#include "preload/real.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define PP_HOOK(type, name, parameters, arguments) #name,
#define PP_HOOK_AS(type, name, symbol, parameters, arguments) #symbol,
#define PP_CALL PP_HOOK
static const char *const names[] = {
#include PP_HOOKS
};

/*
 * Addresses rather than pointers: ISO C keeps functions and data apart. Each
 * process writes these: .data1 is between .data and .bss, in whose first page is
 * what else is written at the start.
 */
#define PP_REAL_WRITTEN __attribute__((section(".data1")))
_Atomic uintptr_t pp_real_addresses[PP_REAL_COUNT] PP_REAL_WRITTEN;
static _Atomic bool is_resolved PP_REAL_WRITTEN;

/*
 * The next function of that name behind ours in the search order, or NULL.
 * Thread- and signal-safe once pp_real_resolve has run.
 */
static pp_real_function find_function(enum pp_real index)
{
	uintptr_t address = atomic_load_explicit(&pp_real_addresses[index],
						 memory_order_relaxed);

	if (address == 0 && !atomic_load(&is_resolved)) {
		address = (uintptr_t)dlsym(RTLD_NEXT, names[index]);
		atomic_store_explicit(&pp_real_addresses[index], address,
				      memory_order_relaxed);
	}
	return (pp_real_function)address;
}

/* In place of one that there is not. */
static intptr_t fail_missing(void)
{
	errno = ENOSYS;
	return -1;
}

pp_real_function pp_real_look_up(enum pp_real index)
{
	const pp_real_function function = find_function(index);

	return function != NULL ? function : (pp_real_function)fail_missing;
}

/*
 * A symbol that every copy exports, and the address of this copy's own. The
 * linker would take the first copy's for an exported name.
 */
#if defined(PP_CLIENT)
#define MARKER libproxyproto_connect_copy
#elif defined(PP_UDP)
#define MARKER libproxyproto_udp_copy
#else
#define MARKER libproxyproto_copy
#endif
#define TEXT_OF(name) #name
#define MARKER_TEXT(name) TEXT_OF(name)
static const char own;
extern const char MARKER PP_EXPORT __attribute__((alias("own")));

/*
 * By which pthread_atfork(3) knows the library: of the compiler's start files,
 * without which it is linked. Ours is never unloaded.
 */
extern void *__dso_handle __attribute__((visibility("hidden")));
__attribute__((used)) void *__dso_handle PP_REAL_WRITTEN = &__dso_handle;

bool pp_real_resolve(void)
{
	const void *first = dlsym(RTLD_DEFAULT, MARKER_TEXT(MARKER));

	for (int i = 0; i < PP_REAL_COUNT; i++)
		find_function((enum pp_real)i);
	atomic_store(&is_resolved, true);
	return first == NULL || first == &own;
}
