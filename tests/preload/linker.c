/* SPDX-License-Identifier: ISC */
/*
 * A library to preload behind ours: ends the program where the dynamic linker
 * is asked for something once main has begun. Its lock is not for signal
 * handlers, nor for a child that was forked while a thread had it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

typedef void *(*look_up_function)(void *, const char *);
typedef int (*visit_function)(struct dl_phdr_info *, size_t, void *);

static bool has_begun;

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

static void check_time(void)
{
	static const char text[] = "the dynamic linker is asked after the start\n";

	if (has_begun) {
		write(STDOUT_FILENO, text, sizeof(text) - 1);
		_exit(1);
	}
}

void *dlsym(void *handle, const char *name)
{
	check_time();
	return next_dlsym()(handle, name);
}

int dl_iterate_phdr(visit_function visit, void *argument)
{
	void *next = next_dlsym()(RTLD_NEXT, "dl_iterate_phdr");

	check_time();
	return ((int (*)(visit_function, void *))(uintptr_t)next)(visit,
								  argument);
}

int __libc_start_main(int (*program)(int, char **, char **), int count,
		      char **arguments, void (*begin)(void),
		      void (*end)(void), void (*end_linker)(void), void *stack);

/* The libraries' constructors have run when a program's start calls this. */
int __libc_start_main(int (*program)(int, char **, char **), int count,
		      char **arguments, void (*begin)(void),
		      void (*end)(void), void (*end_linker)(void), void *stack)
{
	void *next = next_dlsym()(RTLD_NEXT, "__libc_start_main");

	has_begun = true;
	return ((int (*)(int (*)(int, char **, char **), int, char **,
			 void (*)(void), void (*)(void), void (*)(void),
			 void *))(uintptr_t)next)(program, count, arguments,
						  begin, end, end_linker,
						  stack);
}
