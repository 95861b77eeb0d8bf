/* SPDX-License-Identifier: ISC */
/* Finding the functions behind our own; see real.h. */
#include <config.h>

#include "preload/real.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PP_HOOK(type, name, parameters, arguments) #name,
#define PP_CALL PP_HOOK
static const char *const names[] = {
#include PP_HOOKS
};

/*
 * Addresses rather than pointers: ISO C keeps functions and data apart. Each
 * process writes these: the page of .data is written to anyway.
 */
#define PP_REAL_WRITTEN __attribute__((section(".data")))
static _Atomic uintptr_t addresses[PP_REAL_COUNT] PP_REAL_WRITTEN;
static _Atomic bool is_resolved PP_REAL_WRITTEN;
static _Atomic bool is_copy PP_REAL_WRITTEN;

static uintptr_t get_address(enum pp_real index)
{
	uintptr_t address =
		atomic_load_explicit(&addresses[index], memory_order_relaxed);

	if (address == 0 && !atomic_load(&is_resolved)) {
		address = (uintptr_t)dlsym(RTLD_NEXT, names[index]);
		atomic_store_explicit(&addresses[index], address,
				      memory_order_relaxed);
	}
	return address;
}

pp_real_function pp_real_get(enum pp_real index)
{
	return (pp_real_function)get_address(index);
}

/* The name of a file without its folders and what follows ".so". */
struct base {
	const char *name;
	size_t length;
};

static struct base base_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	const char *suffix = strstr(name, ".so");

	return (struct base){
		.name = name,
		.length = suffix == NULL ? strlen(name)
					 : (size_t)(suffix - name),
	};
}

/* Where this object lies: the linker defines it. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

/* Going through the objects of the process, in the order they are searched. */
struct search {
	struct base own;	/* of this object; NULL before it was seen */
	bool found;
};

static bool is_same(struct base a, struct base b)
{
	return a.length == b.length && memcmp(a.name, b.name, a.length) == 0;
}

static int look_at(struct dl_phdr_info *object, size_t size, void *argument)
{
	struct search *search = argument;

	(void)size;
	if (object->dlpi_addr == (uintptr_t)__ehdr_start)
		search->own = base_of(object->dlpi_name);
	else if (search->own.name != NULL)
		search->found = is_same(search->own, base_of(object->dlpi_name));
	return search->found;
}

static bool look_for_copy(void)
{
	struct search search = { .found = false };

	dl_iterate_phdr(look_at, &search);
	return search.found;
}

void pp_real_resolve(void)
{
	if (atomic_load(&is_resolved))
		return;
	for (int i = 0; i < PP_REAL_COUNT; i++)
		get_address((enum pp_real)i);
	atomic_store(&is_copy, look_for_copy());
	atomic_store(&is_resolved, true);
}

bool pp_real_is_copy(void)
{
	return atomic_load(&is_copy);
}
