/* SPDX-License-Identifier: ISC */
/* Finding the functions behind our own; see real.h. */
#include <config.h>

#include "real.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PP_REAL_NAME(name, parameters, arguments) #name,
static const char *const names[] = { PP_HOOKS(PP_REAL_NAME) };
#undef PP_REAL_NAME

/* Addresses rather than pointers: ISO C keeps functions and data apart. */
static _Atomic uintptr_t addresses[PP_REAL_COUNT];

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

void pp_real_resolve(void)
{
	for (int i = 0; i < PP_REAL_COUNT; i++)
		get_address((enum pp_real)i);
}

bool pp_real_is_copy(enum pp_real index)
{
	Dl_info next, own;
	const char *next_base, *own_base;

	if (dladdr((void *)get_address(index), &next) == 0 ||
	    dladdr((const void *)names, &own) == 0 ||
	    next.dli_fname == NULL || own.dli_fname == NULL)
		return false;
	next_base = strrchr(next.dli_fname, '/');
	own_base = strrchr(own.dli_fname, '/');
	next_base = next_base == NULL ? next.dli_fname : next_base + 1;
	own_base = own_base == NULL ? own.dli_fname : own_base + 1;
	/* up to ".so": the copy may carry another version in its name */
	return strncmp(next_base, own_base,
		       strcspn(own_base, ".") + sizeof(".so") - 1) == 0;
}
