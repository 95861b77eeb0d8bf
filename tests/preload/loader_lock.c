/* SPDX-License-Identifier: ISC */
/*
 * A library to preload behind ours: a signal comes whenever the dynamic linker
 * is asked, at the instant in which its lock is taken and nobody knows by whom.
 * Ends the program if the handler runs then: it may ask the linker itself, and
 * would wait for ever.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

typedef void *(*look_up_function)(void *, const char *);
typedef int (*visit_function)(struct dl_phdr_info *, size_t, void *);

static volatile sig_atomic_t is_asked;

static void handle(int number)
{
	static const char text[] = "a signal handler within the linker\n";

	(void)number;
	if (is_asked) {
		write(STDOUT_FILENO, text, sizeof(text) - 1);
		_exit(1);
	}
}

static void be_disturbed(void)
{
	signal(SIGUSR2, handle);
	is_asked = 1;
	raise(SIGUSR2);
	is_asked = 0;
}

/* The C library's own: dlsym is the one below. */
static look_up_function next_dlsym(void)
{
	static const char *const versions[] = {
		"GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17", "GLIBC_2.0"
	};
	void *found = NULL;

	for (size_t i = 0; found == NULL && i < 4; i++)
		found = dlvsym(RTLD_NEXT, "dlsym", versions[i]);
	if (found == NULL)
		abort();
	return (look_up_function)(uintptr_t)found;
}

void *dlsym(void *handle, const char *name)
{
	be_disturbed();
	return next_dlsym()(handle, name);
}

int dl_iterate_phdr(visit_function visit, void *argument)
{
	void *next = next_dlsym()(RTLD_NEXT, "dl_iterate_phdr");

	be_disturbed();
	return ((int (*)(visit_function, void *))(uintptr_t)next)(visit,
								  argument);
}
