/* SPDX-License-Identifier: ISC */
/* Reading this process's settings; see configuration.h. */
#include <config.h>

#include "preload/configuration.h"

#include "connection/report.h"
#include "connection/socket_kind.h"
#include "memory.h"
#include "preload/real.h"
#include "settings/load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef PP_CLIENT
#define TABLE pp_client_settings
const char pp_library[] = "libproxyproto_connect";
#else
#define TABLE pp_server_settings
#ifdef PP_UDP
const char pp_library[] = "libproxyproto_udp";
#else
const char pp_library[] = "libproxyproto";
#endif
#endif

/* The settings, or what is wrong with them. */
struct configuration {
	struct pp_settings settings;
	struct pp_settings_error error;
	bool is_complete;	/* no file is to be read any more */
};

/*
 * What is known: NULL, then what the environment says, and in the end what the
 * file says, too. Each is whole and never changes.
 */
static _Atomic(const struct configuration *) known;

/* See pp_is_unix_asked; whichever of them is known. */
static _Atomic bool unix_is_asked;

/* See pp_is_udp_asked. */
static _Atomic bool udp_is_asked;

/* Of a copy of the library, which leaves the work to another one. */
static const struct configuration off = { .is_complete = true };

static const struct configuration no_memory = {
	.error.text = "no memory for the settings",
	.is_complete = true,
};

/* Gives the memory back of what is not used. */
static void discard(struct configuration *read,
		    const struct configuration *used)
{
	pp_settings_drop(&read->settings, &used->settings);
	munmap(read, sizeof(*read));
}

/*
 * Is this setting on? A slip in it must not pass headers on to a program that
 * has no other listeners, or leave them out of one that sends datagrams alone,
 * in which nothing else would tell of it.
 */
static bool asks_for(const char *variable)
{
	const char *value = secure_getenv(variable);
	bool on;

	return value != NULL && (!pp_settings_boolean(value, &on) || on);
}

static void read_environment(struct configuration *read)
{
	pp_settings_defaults(TABLE, &read->settings);
	/* whoever runs a setuid program must not steer what it believes */
	if (getauxval(AT_SECURE) == 0 &&
	    pp_settings_environment(TABLE, environ, &read->settings,
				    &read->error))
		pp_report_begin();
#ifdef PP_CLIENT
	pp_settings_agree(&read->settings, &read->error);
	read->is_complete = true;
	if (read->settings.udp || read->settings.spp ||
	    (read->error.text[0] != '\0' &&
	     asks_for(PP_SETTINGS_PREFIX "UDP")))
		atomic_store(&udp_is_asked, true);
#else
	if (read->settings.unix_listeners ||
	    (read->error.text[0] != '\0' && asks_for(PP_SETTINGS_PREFIX "UNIX")))
		atomic_store(&unix_is_asked, true);
	read->is_complete = read->error.text[0] != '\0';
#endif
}

/*
 * Reads the environment. Only the library's constructor does, or those of
 * others that come before it. Whoever comes at once, a thread or a signal
 * handler, reads it for itself, and the first to end gives it to all: nobody
 * waits for anybody.
 */
static const struct configuration *begin(void)
{
	static struct configuration for_the_first;
	static atomic_flag is_taken = ATOMIC_FLAG_INIT;
	const struct configuration *expected = NULL;
	struct configuration *read = &for_the_first;

	if (!pp_real_resolve()) {
		atomic_store(&known, &off);
		return &off;
	}
	if (atomic_flag_test_and_set(&is_taken))
		read = pp_memory_map(sizeof(*read));
	if (read == NULL)
		return &no_memory;
	read_environment(read);
	if (atomic_compare_exchange_strong(&known, &expected, read))
		return read;
	if (read != &for_the_first)
		discard(read, expected);
	return expected;
}

static const struct configuration *get_configuration(void)
{
	const struct configuration *configuration =
		atomic_load_explicit(&known, memory_order_acquire);

	return configuration != NULL ? configuration : begin();
}

const struct pp_settings *pp_configuration(void)
{
	return &get_configuration()->settings;
}

bool pp_configuration_start(void)
{
	return get_configuration() != &off;
}

#ifdef PP_CLIENT
/* It has no settings file. */
static const struct configuration *complete_configuration(bool last)
{
	(void)last;
	return get_configuration();
}
#else
/*
 * The environment's settings and the file's. NULL with errno set where these
 * cannot be read now but may be the next time, unless this is the last time.
 */
static const struct configuration *
read_file(const struct configuration *before, bool last)
{
	struct configuration *read = pp_memory_map(sizeof(*read));
	const struct configuration *result = read != NULL ? read : &no_memory;
	const struct configuration *others = before;
	int passing = ENOMEM;

	if (read != NULL) {
		read->settings = before->settings;
		read->is_complete = true;
#ifndef PP_UDP
		read->settings.syn_cookies = pp_settings_syn_cookies();
#endif
		passing = pp_settings_read_file(&read->settings, &read->error);
	}
	if (passing != 0 && !last)
		others = NULL;
	else if (atomic_compare_exchange_strong(&known, &others, result))
		return result;
	if (read != NULL)
		discard(read, before);
	if (others == NULL)
		errno = passing;
	return others;
}

/*
 * All of the settings, read where they are not yet. Keeps errno, or returns
 * NULL as read_file does.
 */
static const struct configuration *complete_configuration(bool last)
{
	const struct configuration *configuration = get_configuration();
	int error = errno;
	int cancel;

	if (configuration->is_complete)
		return configuration;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	configuration = read_file(configuration, last);
	pthread_setcancelstate(cancel, NULL);
	if (configuration != NULL)
		errno = error;
	return configuration;
}

void pp_configuration_complete(void)
{
	complete_configuration(true);
}
#endif

static bool is_good(const struct configuration *configuration)
{
	return configuration != NULL && configuration->is_complete &&
	       configuration->error.text[0] == '\0';
}

bool pp_configuration_is_valid(void)
{
	int error = errno;
	bool valid = is_good(complete_configuration(false));

	errno = error;
	return valid;
}

bool pp_configuration_require_valid(int fd)
{
	static atomic_flag is_reported = ATOMIC_FLAG_INIT;
	const struct configuration *configuration;
	int error = errno;
	bool concerned;

	if (is_good(atomic_load_explicit(&known, memory_order_acquire)))
		return true;
	get_configuration();
	concerned = pp_is_unix_stream(fd) || pp_is_internet_socket(fd);
	errno = error;
	if (!concerned)
		return true;
	configuration = complete_configuration(false);
	if (is_good(configuration))
		return true;
	if (configuration == NULL)
		return false;
	if (!atomic_flag_test_and_set(&is_reported))
		pp_report(pp_library, "%s", configuration->error.text);
	errno = EINVAL;
	return false;
}

#if !defined(PP_CLIENT) && !defined(PP_UDP)
/* The local address of a listener that the settings are about; or false. */
static bool get_local(int fd, union pp_address *local)
{
	socklen_t length = sizeof(*local);

	if (!pp_is_unix_stream(fd) && !pp_is_tcp_socket(fd))
		return false;
	return real_getsockname(fd, &local->sa, &length) == 0 &&
	       (pp_family_is_internet(local->sa.sa_family) ||
		local->sa.sa_family == AF_UNIX);
}

void pp_configuration_report(const char *by, int fd)
{
	static _Atomic bool is_reported;
	const struct pp_settings *settings = pp_configuration();
	union pp_address local;
	int error = errno;

	if (settings->debug && !atomic_load(&is_reported) &&
	    get_local(fd, &local) && !atomic_exchange(&is_reported, true))
		pp_report_settings(settings, by, fd, &local);
	errno = error;
}
#endif

bool pp_is_on(void)
{
	return pp_configuration()->versions != PP_VERSION_NONE;
}

bool pp_is_usable(void)
{
	const struct configuration *configuration = get_configuration();

	return configuration->error.text[0] == '\0' &&
	       configuration->settings.versions != PP_VERSION_NONE;
}

bool pp_is_unix_asked(void)
{
	return atomic_load_explicit(&unix_is_asked, memory_order_relaxed);
}

bool pp_is_udp_asked(void)
{
	return atomic_load_explicit(&udp_is_asked, memory_order_relaxed);
}

bool pp_is_unix_stream(int fd)
{
	return pp_is_unix_asked() &&
	       pp_socket_option(fd, SO_DOMAIN) == AF_UNIX &&
	       pp_socket_option(fd, SO_TYPE) == SOCK_STREAM;
}
