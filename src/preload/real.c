/* SPDX-License-Identifier: ISC */
/* Finding the functions behind our own; see real.h. */
#include <config.h>

#include "real.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PP_REAL_NAME(type, name, parameters, arguments) #name,
static const char *const names[] = {
	PP_REALS(PP_REAL_NAME) PP_FCNTL_REALS(PP_REAL_NAME)
};
#undef PP_REAL_NAME

/*
 * Addresses rather than pointers: ISO C keeps functions and data apart. Each
 * process writes some: the page of .data is written to anyway.
 */
static _Atomic uintptr_t addresses[PP_REAL_COUNT]
	__attribute__((section(".data")));

static uintptr_t get_address(enum pp_real index)
{
	uintptr_t address =
		atomic_load_explicit(&addresses[index], memory_order_relaxed);

	if (address == 0) {
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

#define PP_REAL_RESOLVE(type, name, parameters, arguments)                 \
	get_address(PP_REAL_##name);
void pp_real_resolve_for_children(void)
{
	PP_CHILD_REALS(PP_REAL_RESOLVE)
}
#undef PP_REAL_RESOLVE

void pp_real_resolve(void)
{
	for (int i = 0; i < PP_REAL_COUNT; i++)
		get_address((enum pp_real)i);
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

/* Going through the objects of the process, in the order they are searched. */
struct search {
	const void *own;	/* where this object lies */
	struct base base;
	bool passed;		/* own object was seen */
	bool found;
};

static int look_at(struct dl_phdr_info *object, size_t size, void *argument)
{
	struct search *search = argument;
	struct base base = base_of(object->dlpi_name);

	(void)size;
	if (object->dlpi_addr == (uintptr_t)search->own)
		search->passed = true;
	else if (search->passed && base.length == search->base.length &&
		 memcmp(base.name, search->base.name, base.length) == 0)
		search->found = true;
	return search->found;
}

bool pp_real_is_copy(void)
{
	struct search search = { .found = false };
	Dl_info own;

	if (dladdr((const void *)names, &own) == 0 || own.dli_fname == NULL)
		return false;
	search.own = own.dli_fbase;
	search.base = base_of(own.dli_fname);
	dl_iterate_phdr(look_at, &search);
	return search.found;
}
