/* SPDX-License-Identifier: ISC */
/*
 * The hooks of libproxyproto.so for executing another program, which takes
 * connections along but not what this process remembers of them: that is left
 * with their sockets. What they do is in names.c.
 *
 * They are called in children of vfork and fork of threaded programs: nothing
 * is allocated here, but on the stack.
 */
#include <config.h>

#include "preload/real.h"
#include "preload/server/names.h"

#include <alloca.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef PP_GETPEERNAME_CACHE

PP_EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	pp_identity_leave_by_exec();
	return real_execve(path, argv, envp);
}

PP_EXPORT int execv(const char *path, char *const argv[])
{
	pp_identity_leave_by_exec();
	return real_execv(path, argv);
}

PP_EXPORT int execvp(const char *file, char *const argv[])
{
	pp_identity_leave_by_exec();
	return real_execvp(file, argv);
}

PP_EXPORT int execvpe(const char *file, char *const argv[],
		      char *const envp[])
{
	pp_identity_leave_by_exec();
	return real_execvpe(file, argv, envp);
}

PP_EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	pp_identity_leave_by_exec();
	return real_fexecve(fd, argv, envp);
}

#ifdef HAVE_EXECVEAT
PP_EXPORT int execveat(int directory, const char *path, char *const argv[],
		       char *const envp[], int flags)
{
	pp_identity_leave_by_exec();
	return real_execveat(directory, path, argv, envp, flags);
}
#endif

/* How many arguments a list has that begins with first and ends with NULL. */
static size_t count_arguments(const char *first, va_list list)
{
	size_t count = 0;
	va_list rest;

	va_copy(rest, list);
	for (const char *argument = first; argument != NULL;
	     argument = va_arg(rest, const char *))
		count++;
	va_end(rest);
	return count;
}

/* Makes it an array of count arguments and a NULL, and takes it off list. */
#define LIST_TO_ARRAY(argv, first, list)                                   \
	do {                                                               \
		size_t count = count_arguments(first, list);               \
                                                                           \
		argv = alloca((count + 1) * sizeof(*argv));                \
		argv[0] = (char *)(uintptr_t)first;                        \
		for (size_t i = 1; i <= count; i++)                        \
			argv[i] = va_arg(list, char *);                    \
	} while (0)

PP_EXPORT int execl(const char *path, const char *argument, ...)
{
	va_list list;
	char **argv;

	va_start(list, argument);
	LIST_TO_ARRAY(argv, argument, list);
	va_end(list);
	pp_identity_leave_by_exec();
	return real_execv(path, argv);
}

PP_EXPORT int execlp(const char *file, const char *argument, ...)
{
	va_list list;
	char **argv;

	va_start(list, argument);
	LIST_TO_ARRAY(argv, argument, list);
	va_end(list);
	pp_identity_leave_by_exec();
	return real_execvp(file, argv);
}

PP_EXPORT int execle(const char *path, const char *argument, ...)
{
	va_list list;
	char **argv, **envp;

	va_start(list, argument);
	LIST_TO_ARRAY(argv, argument, list);
	envp = va_arg(list, char **);
	va_end(list);
	pp_identity_leave_by_exec();
	return real_execve(path, argv, envp);
}

PP_EXPORT int posix_spawn(pid_t *pid, const char *path,
			  const posix_spawn_file_actions_t *actions,
			  const posix_spawnattr_t *attributes,
			  char *const argv[], char *const envp[])
{
	pp_identity_leave_by_exec();
	return real_posix_spawn(pid, path, actions, attributes, argv, envp);
}

PP_EXPORT int posix_spawnp(pid_t *pid, const char *file,
			   const posix_spawn_file_actions_t *actions,
			   const posix_spawnattr_t *attributes,
			   char *const argv[], char *const envp[])
{
	pp_identity_leave_by_exec();
	return real_posix_spawnp(pid, file, actions, attributes, argv, envp);
}

#ifdef HAVE_PIDFD_SPAWN
PP_EXPORT int pidfd_spawn(int *pidfd, const char *path,
			  const posix_spawn_file_actions_t *actions,
			  const posix_spawnattr_t *attributes,
			  char *const argv[], char *const envp[])
{
	pp_identity_leave_by_exec();
	return real_pidfd_spawn(pidfd, path, actions, attributes, argv, envp);
}

PP_EXPORT int pidfd_spawnp(int *pidfd, const char *file,
			   const posix_spawn_file_actions_t *actions,
			   const posix_spawnattr_t *attributes,
			   char *const argv[], char *const envp[])
{
	pp_identity_leave_by_exec();
	return real_pidfd_spawnp(pidfd, file, actions, attributes, argv, envp);
}
#endif

/* What the actions do in the child is hidden in the C library. */
PP_EXPORT int posix_spawn_file_actions_adddup2(
	posix_spawn_file_actions_t *actions, int from, int to)
{
	pp_identity_leave(from);
	return real_posix_spawn_file_actions_adddup2(actions, from, to);
}

PP_EXPORT int system(const char *command)
{
	pp_identity_leave_by_exec();
	return real_system(command);
}

PP_EXPORT FILE *popen(const char *command, const char *type)
{
	pp_identity_leave_by_exec();
	return real_popen(command, type);
}

#endif
