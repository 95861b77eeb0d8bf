/* SPDX-License-Identifier: ISC */
/* Reading this process's settings; see configuration.h. */
#include <config.h>

#include "configuration.h"

#include "fork.h"
#include "inetd.h"
#include "log.h"
#include "real.h"
#include "settings_read.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#ifdef PP_CLIENT
#define TABLE pp_client_settings
const char pp_library[] = "libproxyproto_connect";
#else
#define TABLE pp_server_settings
const char pp_library[] = "libproxyproto";
#endif

/* The settings, or what is wrong with them. */
struct configuration {
	struct pp_settings settings;
	struct pp_settings_error error;
};

/* What the environment says. */
static struct configuration start;

static const struct configuration no_memory = {
	.error.text = "no memory for the settings"
};

/* Whether that is there to be read. */
enum { UNREAD, BEING_READ, READ };
static _Atomic int state = UNREAD;

/* With the file's settings, or where no file will be read; NULL before. */
static _Atomic(const struct configuration *) complete;

/* Of a copy of the library, which leaves the work to the other one. */
static struct configuration off;

/* What comes later than the start was looked up, and whether this is a copy. */
static _Atomic bool is_prepared;

static bool environment_has_settings(void)
{
	static const char prefix[] = "LIBPROXYPROTO_";

	for (char **at = environ; at != NULL && *at != NULL; at++)
		if (strncmp(*at, prefix, sizeof(prefix) - 1) == 0)
			return true;
	return false;
}

static void read_environment(void)
{
	pp_settings_defaults(TABLE, &start.settings);
	/* whoever runs a setuid program must not steer what it believes */
	if (!environment_has_settings() || getauxval(AT_SECURE) != 0)
		return;
	pp_settings_environment(TABLE, environ, &start.settings, &start.error);
#ifdef PP_CLIENT
	pp_settings_agree(environ, &start.settings, &start.error);
#endif
}

/*
 * Reads it in the constructor, when nobody else is there to wait, or earlier
 * where that of another library calls a hook.
 */
static void read_start(void)
{
	int expected = UNREAD;

	if (atomic_compare_exchange_strong(&state, &expected, BEING_READ)) {
		read_environment();
		atomic_store_explicit(&state, READ, memory_order_release);
	}
	while (atomic_load_explicit(&state, memory_order_acquire) != READ)
		sched_yield();
}

/*
 * Threads, signal handlers and forked children that come meanwhile do the same
 * again: nobody waits for anybody.
 */
static void prepare(void)
{
	read_start();
	pp_real_resolve();
	if (pp_real_is_copy())
		atomic_store(&complete, &off);
	atomic_store_explicit(&is_prepared, true, memory_order_release);
}

const struct pp_settings *pp_configuration(void)
{
	const struct configuration *configuration;

	if (!atomic_load_explicit(&is_prepared, memory_order_acquire))
		prepare();
	configuration = atomic_load_explicit(&complete, memory_order_acquire);
	return configuration == NULL ? &start.settings
				     : &configuration->settings;
}

/*
 * Daemons overwrite their environment later, to show a title. Most processes
 * neither have settings nor ever ask for them: they start without much ado.
 */
__attribute__((constructor)) static void construct(void)
{
	pp_real_resolve_for_children();
	read_start();
#ifndef PP_CLIENT
	pp_fork_prepare();
	pp_inetd_start();
#endif
}

/*
 * The environment's settings and the file's. *passing is an error number where
 * these could not be read, but may be the next time.
 */
static const struct configuration *read_complete(int *passing)
{
#ifdef PP_CLIENT
	(void)passing;
	return &start;
#else
	struct configuration *read;

	if (start.error.text[0] != '\0')
		return &start;
	read = mmap(NULL, sizeof(*read), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (read == MAP_FAILED) {
		*passing = ENOMEM;
		return &no_memory;
	}
	read->settings = start.settings;
	*passing = pp_settings_read(&read->settings, &read->error);
	return read;
#endif
}

/* Gives the memory back of what is not used, if it has any of its own. */
static void discard(const struct configuration *read)
{
	struct pp_settings settings = read->settings;

	if (read == &start || read == &no_memory)
		return;
	pp_settings_drop(&settings, &start.settings);
	munmap((void *)(uintptr_t)read, sizeof(*read));
}

/*
 * Reads what is still to be read. Threads (and signal handlers) that come at
 * once each read it for themselves, and the first to end gives it to all: a
 * lock could be held when the process forks.
 *
 * What may pass is given to nobody, and NULL is returned with errno set, unless
 * this is the last time that the file can be read.
 */
static const struct configuration *read_and_publish(bool last)
{
	const struct configuration *expected = NULL;
	int passing = 0;
	const struct configuration *read = read_complete(&passing);

	if (passing != 0 && !last) {
		discard(read);
		errno = passing;
		return NULL;
	}
	if (atomic_compare_exchange_strong(&complete, &expected, read))
		return read;
	discard(read);
	return expected;
}

/*
 * All of the settings, read where they are not yet. Keeps errno, or returns
 * NULL as read_and_publish does.
 */
static const struct configuration *complete_configuration(bool last)
{
	const struct configuration *configuration;
	int error = errno;
	int cancel;

	pp_configuration();
	configuration = atomic_load_explicit(&complete, memory_order_acquire);
	if (configuration != NULL)
		return configuration;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	configuration = read_and_publish(last);
	pthread_setcancelstate(cancel, NULL);
	if (configuration != NULL)
		errno = error;
	return configuration;
}

void pp_configuration_complete(void)
{
	complete_configuration(true);
}

static bool is_good(const struct configuration *configuration)
{
	return configuration != NULL && configuration->error.text[0] == '\0';
}

bool pp_configuration_is_valid(void)
{
	int error = errno;
	bool valid = is_good(complete_configuration(false));

	errno = error;
	return valid;
}

/* Tells of what is wrong, once a process. */
static void tell_error(const struct configuration *configuration)
{
	static atomic_flag told = ATOMIC_FLAG_INIT;

	if (!atomic_flag_test_and_set(&told))
		pp_log(pp_library, "%s", configuration->error.text);
}

bool pp_configuration_allows(int fd)
{
	const struct configuration *configuration;
	int error = errno;
	bool internet;

	if (is_good(atomic_load_explicit(&complete, memory_order_acquire)))
		return true;
	internet = pp_is_internet_socket(fd);
	errno = error;
	if (!internet)
		return true;
	configuration = complete_configuration(false);
	if (is_good(configuration))
		return true;
	if (configuration != NULL) {
		tell_error(configuration);
		errno = EINVAL;
	}
	return false;
}

bool pp_is_on(void)
{
	return pp_configuration()->versions != PP_VERSION_NONE;
}

static int socket_option(int fd, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, option, &value, &length) != 0)
		return -1;
	return value;
}

bool pp_is_internet_socket(int fd)
{
	return pp_family_is_internet(socket_option(fd, SO_DOMAIN));
}

bool pp_is_tcp_socket(int fd)
{
	int protocol = socket_option(fd, SO_PROTOCOL);

	return protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP;
}
