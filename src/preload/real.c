/* SPDX-License-Identifier: ISC */
/* Finding the functions behind our own; see real.h. */
#include <config.h>

#include "real.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
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

/*
 * The loader's lock may be taken again by the thread that has it, but not by a
 * signal handler that comes between the taking and the writing down of who took
 * it: that one would wait for ever. So signals wait while it is asked.
 */
static void block_signals(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, before);
}

static void restore_signals(const sigset_t *before)
{
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

static uintptr_t get_known(enum pp_real index)
{
	return atomic_load_explicit(&addresses[index], memory_order_relaxed);
}

/* With signals blocked. */
static uintptr_t look_up(enum pp_real index)
{
	uintptr_t address = get_known(index);

	if (address == 0) {
		address = (uintptr_t)dlsym(RTLD_NEXT, names[index]);
		atomic_store_explicit(&addresses[index], address,
				      memory_order_relaxed);
	}
	return address;
}

static uintptr_t look_up_one(enum pp_real index)
{
	uintptr_t address;
	sigset_t before;

	block_signals(&before);
	address = look_up(index);
	restore_signals(&before);
	return address;
}

pp_real_function pp_real_get(enum pp_real index)
{
	uintptr_t address = get_known(index);

	if (address == 0)
		address = look_up_one(index);
	return (pp_real_function)address;
}

#define PP_REAL_LOOK_UP(type, name, parameters, arguments)                 \
	look_up(PP_REAL_##name);
void pp_real_resolve_for_children(void)
{
	sigset_t before;

	block_signals(&before);
	PP_CHILD_REALS(PP_REAL_LOOK_UP)
	restore_signals(&before);
}
#undef PP_REAL_LOOK_UP

void pp_real_resolve(void)
{
	sigset_t before;

	block_signals(&before);
	for (int i = 0; i < PP_REAL_COUNT; i++)
		look_up((enum pp_real)i);
	restore_signals(&before);
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
	sigset_t before;
	Dl_info own;

	block_signals(&before);
	if (dladdr((const void *)names, &own) != 0 && own.dli_fname != NULL) {
		search.own = own.dli_fbase;
		search.base = base_of(own.dli_fname);
		dl_iterate_phdr(look_at, &search);
	}
	restore_signals(&before);
	return search.found;
}
