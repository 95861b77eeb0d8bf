/* SPDX-License-Identifier: ISC */
/* Reading this process's settings; see configuration.h. */
#include <config.h>

#include "preload/configuration.h"

#include "connection/report.h"
#include "memory.h"
#include "preload/real.h"
#include "preload/server/inetd.h"
#include "settings/load.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
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

/* What the environment says; NULL as long as nobody has asked. */
static _Atomic(const struct configuration *) start;

/* With the file's settings, or where no file will be read; NULL before. */
static _Atomic(const struct configuration *) complete;

static const struct configuration no_memory = {
	.error.text = "no memory for the settings"
};

/* Of a copy of the library, which leaves the work to the other one. */
static struct configuration off;

/* What comes later than the start was looked up, and whether this is a copy. */
static _Atomic bool is_prepared;

/* The constructor found that the environment says nothing. */
static bool environment_is_silent;

static bool environment_has_settings(void)
{
	static const char prefix[] = "LIBPROXYPROTO_";

	for (char **at = environ; at != NULL && *at != NULL; at++)
		if (strncmp(*at, prefix, sizeof(prefix) - 1) == 0)
			return true;
	return false;
}

static void read_environment(struct configuration *read)
{
	pp_settings_defaults(TABLE, &read->settings);
	/* whoever runs a setuid program must not steer what it believes */
	if (environment_is_silent || getauxval(AT_SECURE) != 0)
		return;
	pp_settings_environment(TABLE, environ, &read->settings, &read->error);
#ifdef PP_CLIENT
	pp_settings_agree(environ, &read->settings, &read->error);
#endif
}

/*
 * Reads the environment. Threads, signal handlers and forked children that come
 * at once each read it for themselves, and the first to end gives it to all:
 * nobody waits for anybody. False without memory; the next one may have more
 * luck.
 */
static bool read_start(void)
{
	static struct configuration for_the_first;
	static atomic_flag is_taken = ATOMIC_FLAG_INIT;
	const struct configuration *expected = NULL;
	struct configuration *read = &for_the_first;

	if (atomic_load(&start) != NULL)
		return true;
	if (atomic_flag_test_and_set(&is_taken))
		read = pp_memory_map(sizeof(*read));
	if (read == NULL)
		return false;
	read_environment(read);
	if (!atomic_compare_exchange_strong(&start, &expected, read) &&
	    read != &for_the_first) {
		pp_settings_drop(&read->settings, &expected->settings);
		munmap(read, sizeof(*read));
	}
	return true;
}

/* What is not needed at the start of a process. */
static void prepare(void)
{
	if (!read_start())
		return;
	pp_real_resolve();
	if (pp_real_is_copy())
		atomic_store(&complete, &off);
	atomic_store_explicit(&is_prepared, true, memory_order_release);
}

/* As far as they are read. */
static const struct configuration *get_configuration(void)
{
	const struct configuration *configuration;

	if (!atomic_load_explicit(&is_prepared, memory_order_acquire))
		prepare();
	configuration = atomic_load_explicit(&complete, memory_order_acquire);
	if (configuration == NULL)
		configuration = atomic_load_explicit(&start,
						     memory_order_acquire);
	return configuration == NULL ? &no_memory : configuration;
}

const struct pp_settings *pp_configuration(void)
{
	return &get_configuration()->settings;
}

/*
 * Daemons overwrite their environment later, to show a title. Most processes
 * neither have settings nor ever ask for them: they start without much ado.
 */
__attribute__((constructor)) static void construct(void)
{
	pp_real_resolve();
	if (!environment_has_settings()) {
		environment_is_silent = true;
		return;
	}
	read_start();
#ifndef PP_CLIENT
	pp_inetd_start();
#endif
}

/*
 * The environment's settings and the file's. *passing is an error number where
 * these could not be read, but may be the next time.
 */
static const struct configuration *
read_complete(const struct configuration *before, int *passing)
{
#ifdef PP_CLIENT
	(void)passing;
	return before;
#else
	struct configuration *read;

	if (before->error.text[0] != '\0')
		return before;
	read = pp_memory_map(sizeof(*read));
	if (read == NULL) {
		*passing = ENOMEM;
		return &no_memory;
	}
	read->settings = before->settings;
	*passing = pp_settings_read(&read->settings, &read->error);
	return read;
#endif
}

/* Gives the memory back of what is not used, if it has any of its own. */
static void discard(const struct configuration *read,
		    const struct configuration *before)
{
	struct pp_settings settings = read->settings;

	if (read == before || read == &no_memory)
		return;
	pp_settings_drop(&settings, &before->settings);
	munmap((void *)(uintptr_t)read, sizeof(*read));
}

/*
 * Reads what is still to be read, as prepare does.
 *
 * What may pass is given to nobody, and NULL is returned with errno set, unless
 * this is the last time that the file can be read.
 */
static const struct configuration *
read_and_publish(const struct configuration *before, bool last)
{
	const struct configuration *expected = NULL;
	int passing = before == &no_memory ? ENOMEM : 0;
	const struct configuration *read = read_complete(before, &passing);

	if (passing != 0 && !last) {
		discard(read, before);
		errno = passing;
		return NULL;
	}
	if (atomic_compare_exchange_strong(&complete, &expected, read))
		return read;
	discard(read, before);
	return expected;
}

/*
 * All of the settings, read where they are not yet. Keeps errno, or returns
 * NULL as read_and_publish does.
 */
static const struct configuration *complete_configuration(bool last)
{
	const struct configuration *before = get_configuration();
	const struct configuration *configuration;
	int error = errno;
	int cancel;

	configuration = atomic_load_explicit(&complete, memory_order_acquire);
	if (configuration != NULL)
		return configuration;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	configuration = read_and_publish(before, last);
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
		pp_report(pp_library, "%s", configuration->error.text);
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
